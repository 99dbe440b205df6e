/**
 * The rows of people who are to be forgotten.
 *
 *  Z1. Who: the facts of the topic internal.facts, which is kept for ever. They are noted in the table `erasures` first, so
 *      one that a restored backup has lost is there again, and what belongs to them is looked for anew each time.
 *  Z2. Which events: those filed under an erased identifier and received until the fact says, in all layout epochs; an event of a
 *      blocked anchor under the identifier it counts for. What came later is somebody's anew, and stays. The event that asked for
 *      an erasure goes with it: it has the deleted row.
 *  Z3. What was refused and sent again goes with the event it became.
 *  Z4. What was made of them goes by profile id: an erasure ends every profile that had the identifier's name until then.
 *      Its changes, memberships, deliveries and their outcomes go whenever they come.
 *  Z5. Evidence, identity changes and skips stay: they hold hashes, and what reads them would resurrect people without.
 */
import { REDRIVE_ORIGIN } from '@tributary/contracts'
import type { ClickHouse } from '../clickHouse.ts'
import { millis, string } from '../rows/columnType.ts'
import { writeRow } from '../rows/logTable.ts'
import { RowWriter } from '../rows/rowWriter.ts'
import { type FoundRows, findRows } from './findRows.ts'
import { erasedProfiles } from './removalSql.ts'
import { type RemoveOptions, type RowsToRemove, removeRows, resumeRemovals } from './removeRows.ts'

/** A fact that erases. */
export interface Erased {
  readonly fact: string
  readonly identifierIds: readonly string[]
  /** What was received until then is forgotten, ms since 1970. */
  readonly receivedUntilMs: number
}

const columns = { identifier_id: string, fact: string, until: millis } as const
/** Rows of one insert. */
const NOTED_AT_ONCE = 10_000
const RULE = 'facts that erase, in the table erasures'

/** Z1. How many were not noted before. Noting again notes nothing more. */
export async function noteErasures(clickhouse: ClickHouse, all: readonly Erased[]): Promise<number> {
  const known = await clickhouse.query<{ fact: string; identifier_id: string }>(
    `SELECT fact, identifier_id FROM ${clickhouse.table('erasures')}`,
  )
  const nameOf = (row: { fact: string; identifier_id: string }): string => `${row.fact} ${row.identifier_id}`
  const noted = new Set(known.map(nameOf))
  const rows = all
    .flatMap(({ fact, identifierIds, receivedUntilMs }) =>
      identifierIds.map((identifier) => ({ identifier_id: identifier, fact, until: receivedUntilMs })),
    )
    .filter((row) => !noted.has(nameOf(row)))
  for (let from = 0; from < rows.length; from += NOTED_AT_ONCE) {
    const some = rows.slice(from, from + NOTED_AT_ONCE)
    const out = new RowWriter()
    for (const row of some) writeRow(out, columns, row)
    const [first, last] = [some[0]!, some.at(-1)!]
    // oxlint-disable-next-line no-await-in-loop -- one lot after the other
    await clickhouse.insertRowBinary({
      table: 'erasures',
      columns: Object.keys(columns),
      token: `${first.fact}:${first.identifier_id}-${last.fact}:${last.identifier_id}:${some.length}`,
      rows: out.bytes(),
    })
  }
  return rows.length
}

/** Rows of erased people that are there, of the erasures that are noted. Changes nothing. */
export async function findErased(clickhouse: ClickHouse): Promise<FoundRows[]> {
  return findRows(clickhouse, await erasedRows(clickhouse))
}

/** Removes them, and what a run before did not end. How many rows went. */
export async function removeErased(options: RemoveOptions): Promise<number> {
  await resumeRemovals(options)
  let rows = 0
  // oxlint-disable-next-line no-await-in-loop -- one table after the other
  for (const what of await erasedRows(options.clickhouse)) rows += await removeRows(options, what)
  return rows
}

async function erasedRows(clickhouse: ClickHouse): Promise<RowsToRemove[]> {
  const [events, erasures] = [clickhouse.table('events'), clickhouse.table('erasures')]
  const ids = `(SELECT identifier_id FROM ${erasures})`
  const untils = `(SELECT identifier_id, max(until) AS forgotten_until FROM ${erasures} GROUP BY identifier_id)`
  const latest = `(SELECT (groupArray(identifier_id), groupArray(forgotten_until)) FROM ${untils})`
  const asks =
    `erases AND concat('erase:', substring(lower(hex(SHA256(concat(anchor, '|', message_id, '|', source)))), 1, 32))` +
    ` IN (SELECT fact FROM ${erasures})`
  // Z2. The set finds the granules; the time is looked up for the few rows that are left.
  const anchored = `record != 'control' AND anchor IN ${ids}
    AND (received <= ${latest}.2[indexOf(${latest}.1, anchor)] OR ${asks})`
  const moved = `record != 'control' AND (topic, partition, \`offset\`) IN (
    SELECT m.topic, m.partition, m.\`offset\` FROM ${clickhouse.table('moved_events')} AS m
    INNER JOIN ${events} AS e ON e.topic = m.topic AND e.partition = m.partition AND e.\`offset\` = m.\`offset\`
    INNER JOIN ${untils} AS x ON x.identifier_id = m.filed_under WHERE e.received <= x.forgotten_until)`
  const sentAgain = (condition: string): string =>
    `origin IN (SELECT substring(origin, ${REDRIVE_ORIGIN.length + 1}) FROM ${events}
      WHERE startsWith(origin, '${REDRIVE_ORIGIN}') AND ${condition})`
  const profiles = `profile_id IN ${erasedProfiles(clickhouse)}`
  const [filed] = await clickhouse.query<{ anchors: string }>(
    `SELECT count() AS anchors FROM ${clickhouse.table('filed_anchors')}`,
  )
  const conditions = Number(filed?.anchors ?? 0) > 0 ? [anchored, moved] : [anchored]
  const erased = (table: string, condition: string, numbers?: RowsToRemove['numbers']): RowsToRemove => ({
    table,
    reason: 'erased',
    rule: RULE,
    condition,
    ...(numbers && { numbers }),
  })
  const numbers = (stamps: 'writer' | 'topic', versions = false) => ({ stamps, versions })
  return [
    // Z3. Before the events that name them.
    ...conditions.map((condition) => erased('rejected', sentAgain(condition))),
    ...conditions.map((condition) => erased('events', condition)),
    erased('profile_changes', profiles, numbers('topic', true)),
    erased('audience_changes', profiles, numbers('topic')),
    erased('delivery_outcomes', profiles, numbers('writer')),
    erased('deliveries', profiles, numbers('writer')),
  ]
}
