import type { Command } from 'commander'
import { createRedriveLog, type RedriveLog } from '@tributary/clickhouse-log'
import type { WorkspaceConfiguration } from '@tributary/configuration'
import { createIdentifierHasher, phoneToE164 } from '@tributary/service-kit'
import { digest, type ReadingPorts } from '@tributary/sources'
import { workspaceInForce } from '../configurationAccess.ts'
import { kafkaTarget, readingSettings, type ConnectionFlags } from '../connections.ts'
import { CommandError, type Context, type ExitCode } from '../context.ts'
import type { KafkaDoor } from '../kafkaDoor.ts'
import { timeFlag, withClickhouse, withJson, withKafka } from '../options.ts'
import { counted, shortened, table } from '../output/table.ts'
import {
  findReject,
  matches,
  parsePlace,
  readRejects,
  type Reject,
  type RejectFilter,
} from '../rejects/readRejects.ts'
import { redrive, type Redriven } from '../rejects/redrive.ts'
import { withDoor, type OpenDoor } from '../withDoor.ts'
import { withEventLog } from '../withEventLog.ts'
import { workspaceKey } from '../workspaceKey.ts'

interface Flags extends ConnectionFlags {
  readonly json?: true
  readonly source?: string
  readonly code?: string
  readonly since?: number
  readonly until?: number
  readonly all?: true
  readonly yes?: true
}

/** A subcommand of `rejects`. */
export function redriveCommand(
  rejects: Command,
  context: Context,
  done: (code: ExitCode) => void,
  open: OpenDoor,
): void {
  const command = rejects
    .command('redrive')
    .description('sends again what its source would accept now; only shows it without --yes')
    .argument('[ids...]', 'partition:offset as `rejects list` prints it, or message ids')
    .option('--source <id>', 'only of this source')
    .option('--code <code>', 'only with this code')
    .option('--since <time>', 'only what was received then or later', timeFlag)
    .option('--until <time>', 'only what was received before', timeFlag)
    .option('--all', 'all there is, when nothing else is said')
    .option('--yes', 'send it')
    .action(async (ids: string[], flags: Flags) => done(await redriveRejects(context, ids, flags, open)))
  withClickhouse(withKafka(withJson(command)))
}

async function redriveRejects(
  context: Context,
  ids: readonly string[],
  flags: Flags,
  open: OpenDoor,
): Promise<ExitCode> {
  const filter = filterOf(ids, flags)
  const places = ids.flatMap((id) => parsePlace(id) ?? [])
  const ports: ReadingPorts = {
    hashIdentifier: createIdentifierHasher(workspaceKey(context)),
    phone: phoneToE164,
    digest,
    epoch: kafkaTarget(context, flags).epoch,
    ...readingSettings(context),
  }
  return withEventLog(context, flags, (clickhouse) =>
    withDoor(context, flags, open, async (door) => {
      const log = createRedriveLog(clickhouse, ports.epoch)
      const workspace = await workspaceInForce(door, 'apply the documents first')
      await refuseOtherKey(log, workspace, ports)
      const counts: Counts = { send: 0, before: 0, refused: 0, skipped: 0, cannot: 0 }
      const send = flags.yes === true
      const options = { door, log, workspace, ports, send, interrupted: context.interrupted }
      for await (const lot of redrive(selected(door, places, filter), options)) {
        for (const { outcome } of lot) counts[outcome]++
        context.out(
          flags.json
            ? lot.map((each) => JSON.stringify(redrivenJson(each, send))).join('\n')
            : table(lot.map((each) => redrivenRow(each, send))),
        )
      }
      const total = Object.values(counts).reduce((sum, n) => sum + n, 0)
      if (flags.json)
        context.out(JSON.stringify({ done: !context.interrupted.aborted, sent: send, total, ...counts }))
      else context.out(summary(total, counts, send, context.interrupted.aborted))
      return counts.refused + counts.cannot > 0 || (!send && counts.send > 0) ? 2 : 0
    }),
  )
}

type Counts = Record<Redriven['outcome'], number>

function filterOf(ids: readonly string[], flags: Flags): RejectFilter | undefined {
  const messageIds = ids.filter((id) => !parsePlace(id))
  const { source, code, since, until } = flags
  const said = [source, code, since, until].some((each) => each !== undefined)
  if (ids.length === 0 && !said && !flags.all)
    throw new CommandError('say which: ids, --source, --code, --since, --until, or --all')
  // Of places alone nothing has to be looked for.
  if (messageIds.length === 0 && ids.length > 0) return undefined
  return {
    source,
    code,
    ...(messageIds.length > 0 && { messageIds }),
    sinceMs: since,
    untilMs: until,
  }
}

/** Those named by place first, then those that are looked for. */
async function* selected(
  door: KafkaDoor,
  places: readonly { readonly partition: number; readonly offset: number }[],
  filter: RejectFilter | undefined,
): AsyncGenerator<Reject> {
  for (const place of places) {
    // oxlint-disable-next-line no-await-in-loop -- a few, one after the other
    const reject = await findReject(door, place)
    const at = `${place.partition}:${place.offset}`
    if (!reject)
      throw new CommandError(`nothing that was refused lies at ${at}; it may be older than the topic keeps`)
    if ((reject.record.chunk ?? 0) > 0)
      throw new CommandError(`${at} is a later piece of an input; name its first, or its message id`)
    if (!filter || matches(reject, { ...filter, messageIds: undefined })) yield reject
  }
  if (filter) yield* readRejects(door, filter)
}

/** Under another key the events would be filed under people who do not exist. */
async function refuseOtherKey(
  log: RedriveLog,
  workspace: WorkspaceConfiguration,
  { hashIdentifier }: ReadingPorts,
): Promise<void> {
  const known = await log.identifier()
  const rule = workspace.identityRules.types.find(({ type }) => type === known?.type)
  if (!known || !rule || hashIdentifier(known.type, rule.normaliserVersion, known.value) === known.id) return
  throw new CommandError(
    'the workspace key here is not the one the events are filed under: set WORKSPACE_KEY_FILE to the file the services have',
  )
}

const words: Readonly<Record<Exclude<Redriven['outcome'], 'send'>, string>> = {
  before: 'sent before',
  refused: 'still refused',
  skipped: 'left out',
  cannot: 'cannot be sent',
}

function redrivenRow(each: Redriven, send: boolean): string[] {
  const { at, record } = each.reject
  const head = [at, record.receivedAt, record.source, record.code]
  if (each.outcome !== 'send') return [...head, words[each.outcome], shortened(each.reason, 120)]
  const { event } = each
  const name = event.name === '' ? event.type : `${event.type} ${JSON.stringify(event.name)}`
  const who = event.identifiers.map(({ type, value }) => `${type}:${value}`).join(' ')
  return [
    ...head,
    send ? 'sent' : 'would be sent',
    `${name}  ${who === '' ? 'of nobody' : who}  message ${event.messageId}`,
  ]
}

function redrivenJson(each: Redriven, send: boolean) {
  const { at, record } = each.reject
  const { source, code, receivedAt, origin } = record
  const head = { at, receivedAt, source, code, origin }
  if (each.outcome !== 'send') return { ...head, outcome: each.outcome, reason: each.reason }
  const { type, name, messageId, identifiers, timeMs } = each.event
  return {
    ...head,
    outcome: send ? 'sent' : 'send',
    type,
    name,
    messageId,
    identifiers: identifiers.map((known) => ({ type: known.type, value: known.value })),
    time: new Date(timeMs).toISOString(),
  }
}

function summary(total: number, counts: Counts, send: boolean, interrupted: boolean): string {
  if (total === 0) return 'nothing that was refused is chosen by that'
  const parts = [
    [counts.send, send ? 'sent' : 'would be sent'],
    ...Object.entries(words).map(
      ([outcome, word]) => [counts[outcome as Redriven['outcome']], word] as const,
    ),
  ].flatMap(([n, word]) => (n === 0 ? [] : [`${n} ${word}`]))
  const hint = !send && counts.send > 0 ? '; add --yes to send' : ''
  return `${counted(total, 'reject')}: ${parts.join(', ')}${hint}${interrupted ? '; interrupted, run it again for the rest' : ''}`
}
