/**
 * What was removed on purpose, as SQL.
 *
 *  R1. A removal counts from the moment it is declared: its rows are then those of `removals`, whether they lie in their
 *      table still, in part, or not at all. So the ledger balances at every step.
 *  R2. Runs of removals in force never overlap: who declares second withdraws.
 */
import type { ClickHouse } from '../clickHouse.ts'

/** Declared and not withdrawn, each once. */
export function removalsInForce(clickhouse: ClickHouse): string {
  const table = clickhouse.table('removals')
  return `(SELECT * FROM ${table} WHERE step = 'declared'
    AND id NOT IN (SELECT id FROM ${table} WHERE step = 'withdrawn') LIMIT 1 BY id)`
}

/** topic, partition, first, last: runs of offsets that were removed from a table. `condition`: on `removals`. */
export function removedRuns(clickhouse: ClickHouse, table: string, condition = '1'): string {
  return `(SELECT topic, partition, run.1 AS first, run.2 AS last FROM (
    SELECT topic, partition, arrayJoin(arrayZip(first, last)) AS run FROM ${removalsInForce(clickhouse)}
    WHERE table_name = '${table}' AND ${condition}))`
}

/** The rows of a table that no removal has (R1), with all columns. */
export function rowsLeft(clickhouse: ClickHouse, table: string): string {
  return `(SELECT row.* FROM ${clickhouse.table(table)} AS row
    ASOF LEFT JOIN ${removedRuns(clickhouse, table)} AS run
      ON row.topic = run.topic AND row.partition = run.partition AND row.\`offset\` >= run.first
    WHERE run.topic = '' OR run.last < row.\`offset\`)`
}

/** Tables that something was removed from. */
export async function tablesWithRemovals(clickhouse: ClickHouse): Promise<ReadonlySet<string>> {
  const rows = await clickhouse.query<{ name: string }>(
    `SELECT DISTINCT table_name AS name FROM ${removalsInForce(clickhouse)}`,
  )
  return new Set(rows.map(({ name }) => name))
}

/** Ids of the profiles that erased identifiers gave their name to: one for each generation that has passed. */
export function erasedProfiles(clickhouse: ClickHouse): string {
  return `(SELECT concat(identifier_id, '-', toString(generation)) FROM (
      SELECT identifier_id, uniqExact(fact) AS facts FROM ${clickhouse.table('erasures')} GROUP BY identifier_id
    ) ARRAY JOIN range(facts) AS generation)`
}
