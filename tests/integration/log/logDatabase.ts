/** A database of the event log for one test file: migrated at the start, dropped at the end. */
import { type ClickHouse, connectClickHouse, migrate } from '@tributary/clickhouse-log'
import { testStack } from '../../support/testStack.ts'
import { uniquePrefix } from '../../support/uniquePrefix.ts'

export interface LogDatabase {
  readonly clickhouse: ClickHouse
  drop(): Promise<void>
}

export async function createLogDatabase(url = testStack().clickhouseUrl): Promise<LogDatabase> {
  const clickhouse = connectClickHouse({ url, database: uniquePrefix('log') })
  await migrate({ client: clickhouse })
  return {
    clickhouse,
    async drop() {
      await clickhouse.command(`DROP DATABASE IF EXISTS ${clickhouse.database}`)
      await clickhouse.close()
    },
  }
}
