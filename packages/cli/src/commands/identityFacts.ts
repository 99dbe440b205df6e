import { randomUUID } from 'node:crypto'
import type { Command } from 'commander'
import { FactKind } from '@tributary/contracts/generated/tributary/identity/v1/evidence'
import {
  IdentityServiceClient,
  type SubmitFactRequest,
  type SubmitFactResponse,
} from '@tributary/contracts/generated/tributary/identity/v1/identity_service'
import { CommandError, type Context, type ExitCode } from '../context.ts'
import { actorOf } from '../actor.ts'
import { questionsTo } from '../grpcCall.ts'
import { withJson } from '../options.ts'
import { timeText } from '../output/time.ts'
import { refOf } from './identityReference.ts'

interface Flags {
  readonly json?: true
  readonly address?: string
  readonly reason: string
  readonly actor?: string
  readonly factId?: string
  readonly not?: true
}

/** Decisions about identity, each a fact that is kept for ever and can be taken back. */
const decisions = [
  { name: 'join', names: '<a> <b>', about: 'makes two identifiers one person, whatever the limits' },
  { name: 'separate', names: '<a> <b>', about: 'keeps two identifiers apart, whatever joins them' },
  { name: 'block', names: '<identifier...>', about: 'lets values count as never seen' },
  { name: 'unblock', names: '<identifier...>', about: 'undoes block' },
  { name: 'shared', names: '<identifier...>', about: 'lets values join nobody, also for the past' },
  { name: 'retract', names: '<id>', about: 'takes a piece of evidence or an earlier fact back' },
] as const

const kinds = {
  join: FactKind.FACT_KIND_JOIN,
  separate: FactKind.FACT_KIND_SEPARATE,
  block: FactKind.FACT_KIND_BLOCK,
  unblock: FactKind.FACT_KIND_UNBLOCK,
  shared: FactKind.FACT_KIND_SHARED,
  retract: FactKind.FACT_KIND_RETRACT,
} as const

export function identityFactCommands(
  identity: Command,
  context: Context,
  done: (code: ExitCode) => void,
): void {
  for (const { name, names, about } of decisions) {
    const command = identity
      .command(name)
      .description(about)
      .arguments(names)
      .requiredOption('--reason <text>', 'why: kept, and shown by identity explain')
      .option('--actor <name>', 'who decides (or TRIBUTARY_ACTOR, or USER)')
      .option('--fact-id <id>', 'to ask again when the answer was lost; the error names it')
      .option('--address <host:port>', 'address of the identity-stitcher (or IDENTITY_STITCHER_GRPC)')
    if (name === 'shared') command.option('--not', 'they are one person’s, however many they are seen with')
    withJson(command)
    command.action(async () => {
      const flags = command.opts<Flags>()
      const given = command.args
      const kind = flags.not ? FactKind.FACT_KIND_NOT_SHARED : kinds[name]
      done(
        await submit(context, flags, {
          kind,
          refs: name === 'retract' ? [] : given.map((each) => refOf(each)),
          retracts: name === 'retract' ? given[0]! : '',
          actor: actorOf(context, flags),
          reason: flags.reason,
          factId: flags.factId ?? randomUUID(),
        }),
      )
    })
  }
}

const question = questionsTo('identity-stitcher', IdentityServiceClient)

async function submit(context: Context, flags: Flags, request: SubmitFactRequest): Promise<ExitCode> {
  const answer = await question<SubmitFactRequest, SubmitFactResponse>(
    context,
    flags,
    (client) => client.submitFact.bind(client),
    request,
  ).catch((error: unknown) => {
    if (!(error instanceof CommandError)) throw error
    throw new CommandError(`${error.message}\nTo ask again for the same fact: --fact-id ${request.factId}`)
  })
  context.out(flags.json ? JSON.stringify(answer, null, 2) : factText(answer, request))
  return 0
}

function factText(answer: SubmitFactResponse, request: SubmitFactRequest): string {
  const names = request.refs.map(({ ref }) =>
    ref?.$case === 'identifier' ? `${ref.value.type}:${ref.value.value}` : (ref?.value ?? ''),
  )
  return [
    `fact ${answer.factId} counts since ${timeText(answer.time?.getTime() ?? 0)}`,
    ...answer.resolutions.map((each, index) => `  ${names[index]}  ${each.profileId}`),
    `to take it back: tributary identity retract ${answer.factId} --reason …`,
  ].join('\n')
}
