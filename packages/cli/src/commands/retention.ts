import type { Command } from 'commander'
import {
  type ExpiredRows,
  type RetentionRules,
  RemovalConflict,
  findExpired,
  openRemovals,
  removeExpired,
} from '@tributary/clickhouse-log'
import type { WorkspaceConfiguration } from '@tributary/configuration'
import { durationMs } from '@tributary/domain'
import { workspaceInForce } from '../configurationAccess.ts'
import type { ConnectionFlags } from '../connections.ts'
import { CommandError, type Context, type ExitCode } from '../context.ts'
import { withClickhouse, withJson, withKafka } from '../options.ts'
import { counted, table } from '../output/table.ts'
import { withDoor, type OpenDoor } from '../withDoor.ts'
import { withEventLog } from '../withEventLog.ts'

interface Flags extends ConnectionFlags {
  readonly json?: true
  readonly yes?: true
}

export function retentionCommand(
  program: Command,
  context: Context,
  done: (code: ExitCode) => void,
  open: OpenDoor,
): void {
  const command = program
    .command('retention')
    .description(
      'removes from the event log what is older than the workspace keeps; only shows it without --yes',
    )
    .option('--yes', 'remove it')
    .action(async (flags: Flags) => done(await runRetention(context, flags, open)))
  withClickhouse(withKafka(withJson(command)))
}

async function runRetention(context: Context, flags: Flags, open: OpenDoor): Promise<ExitCode> {
  const workspace = await withDoor(context, flags, open, (door) =>
    workspaceInForce(door, 'apply the documents first'),
  )
  const rules = retentionRules(workspace, context.now())
  return withEventLog(context, flags, async (clickhouse) => {
    const unfinished = await openRemovals(clickhouse)
    const expired = await findExpired(clickhouse, rules)
    const rows = expired.reduce((sum, each) => sum + each.rows, 0)
    if (!flags.json) show(context, expired, rules, unfinished)
    if (flags.yes !== true) {
      if (flags.json)
        context.out(JSON.stringify({ done: false, rows, unfinished, expired: expired.map(json) }, null, 2))
      else if (rows > 0 || unfinished > 0)
        context.out(`${counted(rows, 'row')} would be removed; add --yes to remove them`)
      return rows > 0 || unfinished > 0 ? 2 : 0
    }
    let gone = 0
    const removed = await removeExpired(
      {
        clickhouse,
        now: context.now,
        interrupted: context.interrupted,
        onLot: (lot) => context.err(`${lot.table}: ${(gone += lot.rows)} of ${rows} rows removed`),
      },
      rules,
    ).catch((error: unknown) => {
      throw error instanceof RemovalConflict ? new CommandError(error.message) : error
    })
    const interrupted = context.interrupted.aborted
    if (flags.json)
      context.out(
        JSON.stringify(
          { done: !interrupted, rows: removed, unfinished, expired: expired.map(json) },
          null,
          2,
        ),
      )
    else
      context.out(
        `${counted(removed, 'row')} removed${interrupted ? '; interrupted, run it again for the rest' : ''}`,
      )
    return interrupted ? 2 : 0
  })
}

/** What the documents say, at a moment, ms since 1970. */
export function retentionRules(
  { workspace, revision }: WorkspaceConfiguration,
  nowMs: number,
): RetentionRules {
  const ruleOf = (what: 'events' | 'rejected') => {
    const kept = workspace.retention?.[what] ?? 'forever'
    const ms = kept === 'forever' ? undefined : durationMs(kept)
    if (ms === undefined) return {}
    return { [what]: { beforeMs: nowMs - ms, rule: `retention.${what} ${kept}, revision ${revision}` } }
  }
  return { ...ruleOf('events'), ...ruleOf('rejected') }
}

function show(
  context: Context,
  expired: readonly ExpiredRows[],
  rules: RetentionRules,
  unfinished: number,
): void {
  for (const what of ['events', 'rejected'] as const) {
    const rule = rules[what]
    context.out(
      rule
        ? `${what}: ${rule.rule}: what was received before ${new Date(rule.beforeMs).toISOString()} goes`
        : `${what}: kept for ever`,
    )
  }
  if (unfinished > 0)
    context.out(`${counted(unfinished, 'lot')} of a run that did not end will be removed first`)
  if (expired.length === 0) context.out('nothing is older')
  else
    context.out(
      table([
        ['TABLE', 'TOPIC', 'PARTITION', 'SOURCE', 'ROWS', 'OFFSETS', 'OLDEST', 'NEWEST'],
        ...expired.map((each) => [
          each.table,
          each.topic,
          String(each.partition),
          each.source,
          String(each.rows),
          `${each.firstOffset}-${each.lastOffset}`,
          new Date(each.oldestMs).toISOString(),
          new Date(each.newestMs).toISOString(),
        ]),
      ]),
    )
}

function json({ oldestMs, newestMs, ...rest }: ExpiredRows) {
  return { ...rest, oldest: new Date(oldestMs).toISOString(), newest: new Date(newestMs).toISOString() }
}
