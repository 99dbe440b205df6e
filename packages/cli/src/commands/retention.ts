import type { Command } from 'commander'
import { type RetentionRules, findExpired, removeExpired } from '@tributary/clickhouse-log'
import type { WorkspaceConfiguration } from '@tributary/configuration'
import { durationMs } from '@tributary/domain'
import { workspaceInForce } from '../configurationAccess.ts'
import type { Context, ExitCode } from '../context.ts'
import { withClickhouse, withJson, withKafka } from '../options.ts'
import { carryOutRemoval, type RemovalFlags } from '../carryOutRemoval.ts'
import { withDoor, type OpenDoor } from '../withDoor.ts'
import { withEventLog } from '../withEventLog.ts'

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
    .action(async (flags: RemovalFlags) => done(await runRetention(context, flags, open)))
  withClickhouse(withKafka(withJson(command)))
}

async function runRetention(context: Context, flags: RemovalFlags, open: OpenDoor): Promise<ExitCode> {
  const workspace = await withDoor(context, flags, open, (door) =>
    workspaceInForce(door, 'apply the documents first'),
  )
  const rules = retentionRules(workspace, context.now())
  return withEventLog(context, flags, (clickhouse) =>
    carryOutRemoval(context, flags, clickhouse, {
      said: (['events', 'rejected'] as const).map((what) => ruleText(what, rules[what])),
      find: () => findExpired(clickhouse, rules),
      remove: (options) => removeExpired(options, rules),
      nothing: 'nothing is older',
    }),
  )
}

function ruleText(what: string, rule: RetentionRules['events']): string {
  return rule
    ? `${what}: ${rule.rule}: what was received before ${new Date(rule.beforeMs).toISOString()} goes`
    : `${what}: kept for ever`
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
