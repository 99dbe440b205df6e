import type { Command } from 'commander'
import { createRedriveLog, createStoredEvents, type EventFilter } from '@tributary/clickhouse-log'
import { kafkaTarget, type ConnectionFlags } from '../connections.ts'
import { CommandError, type Context, type ExitCode } from '../context.ts'
import { timeFlag, wholeNumber, withClickhouse, withJson, withKafka } from '../options.ts'
import { counted } from '../output/table.ts'
import { paced } from '../paced.ts'
import { type ReplayOutcome, replay } from '../replay/replay.ts'
import { withDoor, type OpenDoor } from '../withDoor.ts'
import { withEventLog } from '../withEventLog.ts'

interface Flags extends ConnectionFlags {
  readonly json?: true
  readonly source?: string
  readonly since?: number
  readonly until?: number
  readonly partition?: number
  readonly rate: number
  readonly all?: true
  readonly yes?: true
}

/** Half of what the slower stages take on two cores, so that live traffic has room. */
const DEFAULT_RATE = 2_000
/** Progress is said so often, ms. */
const SAY_EVERY_MS = 2_000

export function replayCommand(
  program: Command,
  context: Context,
  done: (code: ExitCode) => void,
  open: OpenDoor,
): void {
  const command = program
    .command('replay')
    .description('sends events of the event log through the pipeline again; only counts them without --yes')
    .argument('[ids...]', 'message ids')
    .option('--source <id>', 'only of this source')
    .option('--since <time>', 'only what was received then or later', timeFlag)
    .option('--until <time>', 'only what was received before', timeFlag)
    .option('--partition <number>', 'only of this partition of the events topic', wholeNumber)
    .option('--all', 'all there is, when nothing else is said')
    .option('--rate <events>', 'events per second at most; 0 = as many as it can', wholeNumber, DEFAULT_RATE)
    .option('--yes', 'send them')
    .action(async (ids: string[], flags: Flags) => done(await runReplay(context, ids, flags, open)))
  withClickhouse(withKafka(withJson(command)))
}

async function runReplay(
  context: Context,
  ids: readonly string[],
  flags: Flags,
  open: OpenDoor,
): Promise<ExitCode> {
  const filter = filterOf(ids, flags)
  const { epoch } = kafkaTarget(context, flags)
  const send = flags.yes === true
  return withEventLog(context, flags, (clickhouse) =>
    withDoor(context, flags, open, async (door) => {
      const stored = createStoredEvents(clickhouse, epoch)
      const total = await stored.count(filter)
      const startMs = context.now()
      const counts: Counts = { send: 0, before: 0, old: 0 }
      let saidMs = startMs
      const lots = replay({
        door,
        stored,
        log: createRedriveLog(clickhouse, epoch),
        filter,
        partitions: flags.partition === undefined ? undefined : [flags.partition],
        send,
        nowMs: startMs,
        pace: paced(context.now, flags.rate),
        interrupted: context.interrupted,
      })
      for await (const lot of lots) {
        for (const { outcome } of lot) counts[outcome]++
        if (context.now() - saidMs < SAY_EVERY_MS) continue
        saidMs = context.now()
        const looked = counts.send + counts.before + counts.old
        const perSecond = (looked * 1000) / (saidMs - startMs)
        context.err(
          `${looked} of ${total} events, ${Math.round(perSecond)}/s, ${Math.ceil(Math.max(total - looked, 0) / perSecond)} s left`,
        )
      }
      const interrupted = context.interrupted.aborted
      context.out(
        flags.json
          ? JSON.stringify({ done: !interrupted, sent: send, ...counts })
          : summary(counts, send, interrupted),
      )
      return counts.old > 0 || interrupted || (!send && counts.send > 0) ? 2 : 0
    }),
  )
}

type Counts = Record<ReplayOutcome, number>

function filterOf(ids: readonly string[], { source, since, until, partition, all }: Flags): EventFilter {
  const said = [source, since, until, partition].some((each) => each !== undefined)
  if (ids.length === 0 && !said && !all)
    throw new CommandError('say which: message ids, --source, --since, --until, --partition, or --all')
  return {
    source,
    sinceMs: since,
    untilMs: until,
    ...(ids.length > 0 && { messageIds: ids }),
  }
}

function summary({ send, before, old }: Counts, sent: boolean, interrupted: boolean): string {
  const total = send + before + old
  if (total === 0) return 'no event is chosen by that'
  const parts = [
    [send, sent ? 'sent' : 'would be sent'],
    [before, 'sent before'],
    [old, 'too old: deduplication may have forgotten them, and a rebuild counts them'],
  ].flatMap(([n, word]) => (n === 0 ? [] : [`${n} ${word}`]))
  const hint = !sent && send > 0 ? '; add --yes to send' : ''
  return `${counted(total, 'event')}: ${parts.join(', ')}${hint}${interrupted ? '; interrupted, run it again for the rest' : ''}`
}
