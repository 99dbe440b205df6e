/** What would be removed: a look before it is done. Changes nothing. */
import type { ClickHouse } from '../clickHouse.ts'
import { hasInputs } from './lotFigures.ts'
import type { RowsToRemove } from './removeRows.ts'

/** Rows of one table, partition and source. */
export interface FoundRows {
  readonly table: string
  readonly topic: string
  readonly partition: number
  /** Empty where rows have none. */
  readonly source: string
  readonly rows: number
  readonly firstOffset: number
  readonly lastOffset: number
  /** When they were received, or of the Kafka records where nothing says; ms since 1970. */
  readonly oldestMs: number
  readonly newestMs: number
}

export async function findRows(clickhouse: ClickHouse, all: readonly RowsToRemove[]): Promise<FoundRows[]> {
  const found: FoundRows[] = []
  for (const { table, condition } of all) {
    const [source, time] = hasInputs(table) ? ['source', 'received'] : [`''`, 'appended']
    // oxlint-disable-next-line no-await-in-loop -- a few tables, one after the other
    const rows = await clickhouse.query<Record<string, string>>(
      `SELECT topic, partition, ${source} AS from_source, count() AS records, min(\`offset\`) AS first, max(\`offset\`) AS last,
        toUnixTimestamp64Milli(min(${time})) AS oldest, toUnixTimestamp64Milli(max(${time})) AS newest
      FROM ${clickhouse.table(table)} WHERE ${condition}
      GROUP BY topic, partition, from_source ORDER BY topic, partition, from_source`,
    )
    found.push(
      ...rows.map((row) => ({
        table,
        topic: row['topic']!,
        partition: Number(row['partition']),
        source: row['from_source']!,
        rows: Number(row['records']),
        firstOffset: Number(row['first']),
        lastOffset: Number(row['last']),
        oldestMs: Number(row['oldest']),
        newestMs: Number(row['newest']),
      })),
    )
  }
  return found
}
