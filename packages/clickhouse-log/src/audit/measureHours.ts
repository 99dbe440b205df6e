/**
 * The ledger hour by hour: what came from each source into each partition, by the time of the Kafka record, and whether
 * it was folded or skipped. An hour that a row was lost in, or doubled, can be seen at a glance.
 */
import { topics } from '@tributary/contracts'
import type { ClickHouse } from '../clickHouse.ts'
import { removedRuns } from '../removal/removalSql.ts'
import { openAuditedLog } from './auditedLog.ts'

export interface HourFigures {
  /** Beginning of the hour, ms since 1970. */
  readonly hourMs: number
  readonly source: string
  readonly topic: string
  readonly partition: number
  readonly rows: number
  /** Of events: how many rows are named by a skip; the rest was folded, or is on its way. */
  readonly skipped: number
  /** Offsets that no row accounts for, just before a row of this line. */
  readonly missing: number
  /** Rows beyond one per offset. */
  readonly doubled: number
}

/** Lines at most: a month of a busy installation is longer than anybody reads. */
const MAX_LINES = 10_000

/** Newest hour first. `sinceMs`: beginning with the hour it lies in. */
export async function measureHours(clickhouse: ClickHouse, sinceMs: number): Promise<HourFigures[]> {
  const { lessened, rows: rowsOf } = await openAuditedLog(clickhouse)
  // Runs that were removed fill what would be holes, and are no rows.
  const runs = [...lessened]
    .map(
      (table) => `UNION ALL SELECT '' AS source, topic, partition, last AS at, toUInt32(last - first) AS gap,
        toDateTime64('1900-01-01 00:00:00', 3, 'UTC') AS appended FROM ${removedRuns(clickhouse, table)}`,
    )
    .join('\n')
  const from = (table: string, topic: string): string =>
    `SELECT source, topic, partition, \`offset\` AS at, gap, appended FROM ${rowsOf(table)}
      WHERE (topic = '${topic}' OR startsWith(topic, '${topic}.e'))`
  const aside = `SELECT '(set aside)' AS source, topic, partition, \`offset\` AS at, gap, appended
      FROM ${rowsOf('quarantine')} WHERE match(topic, '^(${topics.events.name}|${topics.rejected.name})')`
  const rows = await clickhouse.query<Row>(
    `SELECT toUnixTimestamp(toStartOfHour(appended)) AS hour, source, topic, partition, count() AS records,
      countIf((topic, partition, at) IN
        (SELECT event_topic, event_partition, event_offset FROM ${clickhouse.table('skipped')})) AS skipped,
      sum(greatest(toInt64(at) - toInt64(gap) - before - 1, 0)) AS missing, countIf(toInt64(at) = before) AS doubled
    FROM (
      SELECT *, lagInFrame(toInt64(at), 1, toInt64(-1)) OVER (
        PARTITION BY topic, partition ORDER BY at ROWS BETWEEN UNBOUNDED PRECEDING AND UNBOUNDED FOLLOWING
      ) AS before
      FROM (${from('events', topics.events.name)} UNION ALL ${from('rejected', topics.rejected.name)} UNION ALL ${aside} ${runs})
    )
    WHERE appended >= toStartOfHour(fromUnixTimestamp64Milli({since:Int64}, 'UTC'))
    GROUP BY hour, source, topic, partition
    ORDER BY hour DESC, source, topic, partition LIMIT ${MAX_LINES}`,
    { since: sinceMs },
  )
  return rows.map((row) => ({
    hourMs: Number(row.hour) * 1000,
    source: row.source === '' ? '(control)' : row.source,
    topic: row.topic,
    partition: Number(row.partition),
    rows: Number(row.records),
    skipped: Number(row.skipped),
    missing: Number(row.missing),
    doubled: Number(row.doubled),
  }))
}

type Row = Record<'hour' | 'partition' | 'records' | 'skipped' | 'missing' | 'doubled', string | number> &
  Record<'source' | 'topic', string>
