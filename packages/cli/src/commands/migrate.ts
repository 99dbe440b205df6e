import type { Command } from 'commander'
import { connectClickHouse, migrate } from '@tributary/clickhouse-log'
import { clickhouseTarget, type ConnectionFlags } from '../connections.ts'
import { CommandError, type Context, type ExitCode } from '../context.ts'
import { withClickhouse, withJson } from '../options.ts'
import { counted } from '../output/table.ts'

interface Flags extends ConnectionFlags {
  readonly json?: true
  readonly cluster?: string
}

export function migrateCommand(program: Command, context: Context, done: (code: ExitCode) => void): void {
  const command = program
    .command('migrate')
    .description('create or update the tables of the event log in ClickHouse')
    .option('--cluster <name>', 'replicated tables, created on every server of this cluster')
    .action(async (flags: Flags) => done(await runMigrations(context, flags)))
  withClickhouse(withJson(command))
}

async function runMigrations(context: Context, flags: Flags): Promise<ExitCode> {
  const target = clickhouseTarget(context, flags)
  const client = connectClickHouse(target)
  try {
    await client.ping().catch((error: Error) => {
      throw new CommandError(
        `ClickHouse does not answer at ${target.url} (${error.message}): is it running, and is the address right?`,
      )
    })
    const report = await migrate({
      client,
      ...(flags.cluster !== undefined && { cluster: { name: flags.cluster } }),
    })
    if (flags.json) context.out(JSON.stringify({ database: target.database, ...report }, null, 2))
    else {
      for (const name of report.applied) context.out(`applied ${name}`)
      context.out(
        `${counted(report.applied.length, 'migration')} applied to ${target.database}, ${report.present.length} were there`,
      )
    }
    return 0
  } finally {
    await client.close()
  }
}
