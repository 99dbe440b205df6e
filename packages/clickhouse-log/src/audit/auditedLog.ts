/** The log as the audit counts it: the rows that are left, and what was removed of them on purpose. */
import type { ClickHouse } from '../clickHouse.ts'
import { rowsLeft, tablesWithRemovals } from '../removal/removalSql.ts'
import { type Removed, measureRemovals } from './measureRemovals.ts'

export interface AuditedLog {
  readonly clickhouse: ClickHouse
  /** Tables that something was removed from. */
  readonly lessened: ReadonlySet<string>
  readonly removed: Removed
  /** The rows of a table that are to be counted, as SQL. */
  readonly rows: (table: string) => string
}

export async function openAuditedLog(clickhouse: ClickHouse): Promise<AuditedLog> {
  const lessened = await tablesWithRemovals(clickhouse)
  return {
    clickhouse,
    lessened,
    removed: await measureRemovals(clickhouse, lessened),
    // The join costs, and most tables never lose a row.
    rows: (table) => (lessened.has(table) ? rowsLeft(clickhouse, table) : clickhouse.table(table)),
  }
}
