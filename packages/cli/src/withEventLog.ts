import { checkMigrations, connectClickHouse, type ClickHouse } from '@tributary/clickhouse-log'
import { clickhouseTarget, type ConnectionFlags } from './connections.ts'
import { CommandError, type Context } from './context.ts'

/** Opens the event log for the length of one command; what is wrong with it is a sentence. */
export async function withEventLog<T>(
  context: Context,
  flags: ConnectionFlags,
  use: (clickhouse: ClickHouse) => Promise<T>,
): Promise<T> {
  const target = clickhouseTarget(context, flags)
  const clickhouse = connectClickHouse(target)
  try {
    await clickhouse.ping().catch((error: Error) => {
      throw new CommandError(
        `ClickHouse does not answer at ${target.url} (${error.message}): is it running, and is the address right?`,
      )
    })
    await checkMigrations({ client: clickhouse }).catch((error: Error) => {
      throw new CommandError(error.message)
    })
    return await use(clickhouse)
  } finally {
    await clickhouse.close()
  }
}
