/**
 * The ledger of the last hours: what a service can ask every few minutes without burdening the server. The whole is the
 * audit's.
 *
 * D1. Judged by offsets, not by times: from the first offset of the window on, each is accounted for by one row, or by
 *     the gap of the row behind it, or by what was removed on purpose. Whatever the clocks of the brokers do, nothing is missing that is there.
 */
import type { ClickHouse } from '../clickHouse.ts'
import { logTables } from '../rows/logTables.ts'
import { removedRuns } from '../removal/removalSql.ts'
import { quarantineTable } from '../rows/quarantine.ts'
import { openAuditedLog } from './auditedLog.ts'
import { placesOf } from './placesOf.ts'

export interface RecentLedger {
  /** Name in the catalogue. */
  readonly topic: string
  readonly rows: number
  /** Offsets that no row accounts for. */
  readonly missing: number
  /** Rows beyond one per offset. */
  readonly doubled: number
}

/** One line per logged topic, all its partitions and layout epochs together. `sinceMs`: ms since 1970. */
export async function measureRecent(clickhouse: ClickHouse, sinceMs: number): Promise<RecentLedger[]> {
  const all: RecentLedger[] = []
  const { lessened, rows: rowsOf } = await openAuditedLog(clickhouse)
  for (const { name, topic } of logTables) {
    const inWindow = `(topic = {topic:String} OR startsWith(topic, {later:String}))
        AND appended >= fromUnixTimestamp64Milli({since:Int64}, 'UTC')`
    const removed = [name, quarantineTable.name].filter((each) => lessened.has(each))
    const runs = removed.map((each) => `SELECT * FROM ${removedRuns(clickhouse, each)}`).join(' UNION ALL ')
    const taken =
      removed.length === 0
        ? '0'
        : `arraySum(arrayMap(run -> if(run.1 = topic AND run.2 = partition,
            greatest(least(run.4, last) - greatest(run.3, first) + 1, 0), 0),
            (SELECT groupArray((topic, partition, toInt64(first), toInt64(last))) FROM (${runs}))))`
    // oxlint-disable-next-line no-await-in-loop -- one after the other: no more than one query at a time
    const [row] = await clickhouse.query<Record<'records' | 'missing' | 'doubled', string | number>>(
      `SELECT sum(copies_all) AS records, sum(last - first + 1 - offsets - gaps - taken) AS missing,
        sum(copies_all - offsets) AS doubled
      FROM (
        SELECT topic, partition, toInt64(min(at)) AS first, toInt64(max(at)) AS last, toInt64(count()) AS offsets,
          toInt64(sum(copies)) AS copies_all, toInt64(sum(gap) - argMin(gap, at)) AS gaps, ${taken} AS taken
        FROM (
          SELECT topic, partition, \`offset\` AS at, any(gap) AS gap, count() AS copies
          FROM (
            SELECT topic, partition, \`offset\`, gap FROM ${rowsOf(name)} WHERE ${inWindow}
            UNION ALL SELECT topic, partition, \`offset\`, gap FROM ${rowsOf(quarantineTable.name)} WHERE ${inWindow}
          )
          GROUP BY topic, partition, \`offset\`
        )
        GROUP BY topic, partition
      )`,
      { ...placesOf(topic), since: sinceMs },
    )
    all.push({
      topic: topic.name,
      rows: Number(row?.records ?? 0),
      missing: Number(row?.missing ?? 0),
      doubled: Number(row?.doubled ?? 0),
    })
  }
  return all
}
