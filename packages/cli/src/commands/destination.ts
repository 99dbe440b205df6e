import type { Command } from 'commander'
import {
  DeliveryServiceClient,
  type DestinationStatus,
  type ListDestinationsRequest,
  type ListDestinationsResponse,
  type ResumeDestinationRequest,
  type ResumeDestinationResponse,
  type StopDestinationRequest,
  type StopDestinationResponse,
  type TestDestinationRequest,
  type TestDestinationResponse,
} from '@tributary/contracts/generated/tributary/delivery/v1/delivery'
import type { Context, ExitCode } from '../context.ts'
import { actorOf } from '../actor.ts'
import { questionsTo } from '../grpcCall.ts'
import { withJson } from '../options.ts'
import { table } from '../output/table.ts'
import { timeText } from '../output/time.ts'

interface Flags {
  readonly json?: true
  readonly address?: string
  readonly actor?: string
}

export function destinationCommand(program: Command, context: Context, done: (code: ExitCode) => void): void {
  const destination = program.command('destination').description('the systems that are sent to')
  const command = (name: string, description: string) =>
    withJson(destination.command(name).description(description)).option(
      '--address <host:port>',
      'address of activation (or ACTIVATION_GRPC)',
    )
  command('list', 'every destination: what waits, what was given up, and whether it is sent to').action(
    async (flags: Flags) => done(await list(context, flags)),
  )
  command('test', 'sends one item of type dev.tributary.destination.test.v1 now')
    .argument('<id>', 'id of the destination')
    .action(async (id: string, flags: Flags) => done(await test(context, id, flags)))
  command('pause', 'sends nothing more until it is resumed; what is to be sent is kept')
    .argument('<id>', 'id of the destination')
    .requiredOption('--reason <text>', 'why: shown to whoever looks')
    .option('--actor <name>', 'who decides (or TRIBUTARY_ACTOR, or USER)')
    .action(async (id: string, flags: Flags & { readonly reason: string }) => {
      await question<StopDestinationRequest, StopDestinationResponse>(
        context,
        flags,
        (client) => client.stopDestination.bind(client),
        { destinationId: id, actor: actorOf(context, flags), reason: flags.reason },
      )
      context.out(
        flags.json
          ? JSON.stringify({ id, stopped: true })
          : `${id} is sent nothing until \`tributary destination resume ${id}\``,
      )
      done(0)
    })
  command('resume', 'sends again at once, whatever held it')
    .argument('<id>', 'id of the destination')
    .option('--actor <name>', 'who decides (or TRIBUTARY_ACTOR, or USER)')
    .action(async (id: string, flags: Flags) => {
      await question<ResumeDestinationRequest, ResumeDestinationResponse>(
        context,
        flags,
        (client) => client.resumeDestination.bind(client),
        { destinationId: id, actor: actorOf(context, flags) },
      )
      context.out(flags.json ? JSON.stringify({ id, stopped: false }) : `${id} is sent to again`)
      done(0)
    })
}

const question = questionsTo('activation', DeliveryServiceClient)

async function list(context: Context, flags: Flags): Promise<ExitCode> {
  const { destinations } = await question<ListDestinationsRequest, ListDestinationsResponse>(
    context,
    flags,
    (client) => client.listDestinations.bind(client),
    {},
  )
  if (flags.json) context.out(JSON.stringify(destinations, null, 2))
  else if (destinations.length === 0) context.out('no destination: apply one with `tributary apply DIR`')
  else
    context.out(
      table([
        ['DESTINATION', 'STATE', 'PENDING', 'DEAD', 'SINCE', 'WHY'],
        ...destinations.map((each) => [
          each.id,
          each.mode,
          String(each.pending),
          String(each.dead),
          each.sinceMs === 0 ? '' : timeText(each.sinceMs),
          whyText(each),
        ]),
      ]),
    )
  return destinations.some(({ mode, dead }) => dead > 0 || (mode !== 'open' && mode !== 'disabled')) ? 2 : 0
}

function whyText({ code, heldUntilMs, actor, reason }: DestinationStatus): string {
  if (actor !== '') return `by ${actor}: ${reason}`
  return heldUntilMs === 0 ? code : `${code}, tried again ${timeText(heldUntilMs)}`
}

async function test(context: Context, id: string, flags: Flags): Promise<ExitCode> {
  const { verdict, code, message, tookMs } = await question<TestDestinationRequest, TestDestinationResponse>(
    context,
    flags,
    (client) => client.testDestination.bind(client),
    { destinationId: id },
  )
  const taken = verdict === 'delivered'
  if (flags.json) context.out(JSON.stringify({ id, verdict, code, message, tookMs }))
  else context.out(taken ? `${id} took the test item in ${tookMs} ms` : `${id} did not (${code}): ${message}`)
  return taken ? 0 : 2
}
