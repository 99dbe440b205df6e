import { Option, type Command } from 'commander'
import { readDeliveryStory, type DeliveryStory } from '@tributary/clickhouse-log'
import {
  type ActOnDeadLettersRequest,
  type ActOnDeadLettersResponse,
  type DeadDelivery,
  DeadLetterAction,
  type DeadLetterSelection,
  DeliveryServiceClient,
  type ListDeadLettersRequest,
  type ListDeadLettersResponse,
  type ListDeliveriesRequest,
  type ListDeliveriesResponse,
  type PendingDelivery,
} from '@tributary/contracts/generated/tributary/delivery/v1/delivery'
import { type ConnectionFlags } from '../connections.ts'
import { CommandError, type Context, type ExitCode } from '../context.ts'
import { actorOf } from '../actor.ts'
import { questionsTo } from '../grpcCall.ts'
import { timeFlag, wholeNumber, withClickhouse, withJson } from '../options.ts'
import { deliveryStoryText, whyText } from '../output/deliveryText.ts'
import { counted, shortened, table } from '../output/table.ts'
import { timeText } from '../output/time.ts'
import { withEventLog } from '../withEventLog.ts'

interface Flags extends ConnectionFlags {
  readonly json?: true
  readonly address?: string
}

interface SelectionFlags extends Flags {
  readonly destination?: string
  readonly code?: string
  readonly since?: number
  readonly until?: number
}

interface ActFlags extends SelectionFlags {
  readonly all?: true
  readonly reason: string
  readonly actor?: string
  readonly dryRun?: true
}

/** Letters of one question; the service gives no larger page. */
const PAGE = 1_000

export function deliveryCommand(program: Command, context: Context, done: (code: ExitCode) => void): void {
  const delivery = program
    .command('delivery')
    .description('what is to be sent, what was given up, and what became of it')
  const list = withSelection(
    delivery.command('list').description('what waits and what was given up, by destination and profile'),
  )
    .addOption(new Option('--state <state>', 'only these').choices(['pending', 'dead']))
    .option('--limit <number>', 'at most so many of each', wholeNumber, 50)
    .action(async (flags: SelectionFlags & { readonly limit: number; readonly state?: string }) =>
      done(await listDeliveries(context, flags)),
    )
  withJson(list)
  const stories = [
    ['show', 'one delivery from the event log: the item, and every try', deliveryStoryText],
    ['why', 'why it was sent, or was not: the change, the decision, what became of it', whyText],
  ] as const
  for (const [name, description, text] of stories)
    withClickhouse(
      withJson(
        delivery
          .command(name)
          .description(description)
          .argument('<id>', 'id of the delivery: webhook-id of the call')
          .action(async (id: string, flags: Flags) => {
            const story = await storyOf(context, id, flags)
            context.out(flags.json ? JSON.stringify(story, null, 2) : text(story))
            done(0)
          }),
      ),
    )
  const actions = [
    ['redrive', 'lets dead letters try again, in their order', DeadLetterAction.DEAD_LETTER_ACTION_REDRIVE],
    ['discard', 'puts dead letters away for good', DeadLetterAction.DEAD_LETTER_ACTION_DISCARD],
  ] as const
  for (const [name, description, action] of actions)
    withJson(
      withSelection(delivery.command(name).description(description))
        .argument('[id...]', 'ids of deliveries; or name them by --destination, --code and times, or --all')
        .option('--all', 'all dead letters of all destinations')
        .option('--dry-run', 'show which, and do nothing')
        .requiredOption('--reason <text>', 'why: kept with each of them')
        .option('--actor <name>', 'who decides (or TRIBUTARY_ACTOR, or USER)')
        .action(async (ids: string[], flags: ActFlags) => done(await act(context, action, ids, flags))),
    )
}

function withSelection(command: Command): Command {
  return command
    .option('--destination <id>', 'only of this destination')
    .option('--code <code>', 'only with this last failure, for example HTTP_422')
    .option('--since <time>', 'given up from then on, for example 2026-01-31T18:00Z', timeFlag)
    .option('--until <time>', 'given up before', timeFlag)
    .option('--address <host:port>', 'address of activation (or ACTIVATION_GRPC)')
}

const question = questionsTo('activation', DeliveryServiceClient)

function selectionOf(flags: SelectionFlags, deliveryIds: string[] = []): DeadLetterSelection {
  return {
    destinationId: flags.destination ?? '',
    code: flags.code ?? '',
    fromMs: flags.since ?? 0,
    untilMs: flags.until ?? 0,
    deliveryIds,
  }
}

async function listDeliveries(
  context: Context,
  flags: SelectionFlags & { readonly limit: number; readonly state?: string },
): Promise<ExitCode> {
  // Codes and times are of dead letters alone.
  const deadOnly = flags.code !== undefined || flags.since !== undefined || flags.until !== undefined
  const pending =
    flags.state === 'dead' || deadOnly
      ? []
      : (
          await question<ListDeliveriesRequest, ListDeliveriesResponse>(
            context,
            flags,
            (client) => client.listDeliveries.bind(client),
            { destinationId: flags.destination ?? '', limit: Math.min(PAGE, flags.limit) },
          )
        ).deliveries
  const dead =
    flags.state === 'pending'
      ? { letters: [], more: false }
      : await deadLetters(context, flags, selectionOf(flags), flags.limit)
  if (flags.json) context.out(JSON.stringify({ pending, dead: dead.letters }, null, 2))
  else if (pending.length + dead.letters.length === 0) context.out('nothing waits, and nothing was given up')
  else
    context.out(
      table([
        ['STATE', 'DESTINATION', 'DELIVERY', 'TRIES', 'NEXT OR LAST', 'CODE', 'WHY'],
        ...pending.map(pendingRow),
        ...dead.letters.map(deadRow),
      ]),
    )
  if (dead.more || pending.length === flags.limit) context.err('there may be more: see --limit')
  return 0
}

function pendingRow({ delivery, attempts, nextTryMs, lastCode }: PendingDelivery): string[] {
  const next = nextTryMs === 0 ? 'behind another' : timeText(nextTryMs)
  return ['pending', delivery?.destinationId ?? '', delivery?.id ?? '', String(attempts), next, lastCode, '']
}

function deadRow({ delivery, attempts, last, superseded }: DeadDelivery): string[] {
  return [
    superseded ? 'superseded' : 'dead',
    delivery?.destinationId ?? '',
    delivery?.id ?? '',
    String(attempts),
    timeText(last?.timeMs),
    last?.code ?? '',
    shortened(last?.message ?? '', 80),
  ]
}

async function deadLetters(
  context: Context,
  flags: Flags,
  selection: DeadLetterSelection,
  limit: number,
): Promise<{ readonly letters: DeadDelivery[]; readonly more: boolean }> {
  const letters: DeadDelivery[] = []
  let pageToken = ''
  do {
    // oxlint-disable-next-line no-await-in-loop -- a page says where the next begins
    const page = await question<ListDeadLettersRequest, ListDeadLettersResponse>(
      context,
      flags,
      (client) => client.listDeadLetters.bind(client),
      { selection, pageSize: Math.min(PAGE, limit - letters.length), pageToken },
    )
    letters.push(...page.letters)
    pageToken = page.nextPageToken
  } while (pageToken !== '' && letters.length < limit)
  return { letters, more: pageToken !== '' }
}

async function act(
  context: Context,
  action: DeadLetterAction,
  ids: string[],
  flags: ActFlags,
): Promise<ExitCode> {
  const selection = selectionOf(flags, ids)
  const named = ids.length > 0 || flags.destination !== undefined || flags.code !== undefined
  if (!named && flags.since === undefined && flags.until === undefined && !flags.all)
    throw new CommandError(
      'name the dead letters: by id, --destination, --code, --since or --until; or say --all',
    )
  if (flags.dryRun) {
    const { letters, more } = await deadLetters(context, flags, selection, PAGE)
    if (flags.json) context.out(JSON.stringify({ letters, more }, null, 2))
    else if (letters.length === 0) context.out('no dead letter is meant')
    else {
      const head = ['STATE', 'DESTINATION', 'DELIVERY', 'TRIES', 'GIVEN UP', 'CODE', 'WHY']
      context.out(table([head, ...letters.map(deadRow)]))
    }
    if (!flags.json)
      context.err(`${counted(letters.length, 'dead letter')}${more ? ' and more' : ''}; nothing was done`)
    return letters.length > 0 ? 2 : 0
  }
  const actor = actorOf(context, flags)
  const sum = { acted: 0, superseded: 0 }
  let more: boolean
  do {
    // oxlint-disable-next-line no-await-in-loop -- a call acts on so many at most, and says whether others are left
    const done = await question<ActOnDeadLettersRequest, ActOnDeadLettersResponse>(
      context,
      flags,
      (client) => client.actOnDeadLetters.bind(client),
      { selection, action, actor, reason: flags.reason },
    )
    sum.acted += done.acted
    sum.superseded += done.superseded
    more = done.more && done.acted > 0
    if (more) context.err(`${counted(sum.acted, 'dead letter')} so far`)
  } while (more)
  if (flags.json) context.out(JSON.stringify(sum))
  else {
    const redriven = action === DeadLetterAction.DEAD_LETTER_ACTION_REDRIVE
    const what = redriven ? 'tried again' : 'put away'
    const left = sum.superseded > 0 ? `; of these ${sum.superseded} not, since something newer was sent` : ''
    context.out(`${counted(sum.acted, 'dead letter')} ${what}${left}`)
  }
  return 0
}

async function storyOf(context: Context, id: string, flags: Flags): Promise<DeliveryStory> {
  const story = await withEventLog(context, flags, (clickhouse) => readDeliveryStory(clickhouse, id))
  if (!story)
    throw new CommandError(
      `no delivery "${id}" is in the event log; it is written about every second, and \`tributary delivery list\` asks activation itself`,
    )
  return story
}
