/**
 * What is older than the workspace keeps: of events and of rejected input, by the time it was received.
 *
 *  X1. `received` decides: when the collector took it, or the source record's own time. It is the same in the copies that a
 *      rebuild makes, so what is brought to a new layout epoch is as old as it was. Of what was set aside unread nothing is
 *      known but the time of its record.
 *  X2. Control records stay: they hold nothing of a person, and say what was done with what is there.
 */
import { topics } from '@tributary/contracts'
import type { ClickHouse } from '../clickHouse.ts'
import { type RemoveOptions, type RowsToRemove, removeRows, resumeRemovals } from './removeRows.ts'

/** What was received before goes, ms since 1970; undefined: it is kept for ever. */
export interface RetentionRules {
  readonly events?: { readonly beforeMs: number; readonly rule: string }
  readonly rejected?: { readonly beforeMs: number; readonly rule: string }
}

export interface ExpiredRows {
  readonly table: string
  readonly topic: string
  readonly partition: number
  readonly source: string
  readonly rows: number
  readonly firstOffset: number
  readonly lastOffset: number
  /** Ms since 1970. */
  readonly oldestMs: number
  readonly newestMs: number
}

/** Removals that a run before did not end, and rows that go by the rules. Changes nothing. */
export async function findExpired(clickhouse: ClickHouse, rules: RetentionRules): Promise<ExpiredRows[]> {
  const all: ExpiredRows[] = []
  for (const { table, condition } of expiredRows(rules)) {
    const [source, time] = table === 'quarantine' ? [`'(set aside)'`, 'appended'] : ['source', 'received']
    // oxlint-disable-next-line no-await-in-loop -- three tables, one after the other
    const rows = await clickhouse.query<Record<string, string>>(
      `SELECT topic, partition, ${source} AS from_source, count() AS records, min(\`offset\`) AS first, max(\`offset\`) AS last,
        toUnixTimestamp64Milli(min(${time})) AS oldest, toUnixTimestamp64Milli(max(${time})) AS newest
      FROM ${clickhouse.table(table)} WHERE ${condition}
      GROUP BY topic, partition, from_source ORDER BY topic, partition, from_source`,
    )
    all.push(
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
  return all
}

/** Removes them, and what a run before did not end. How many rows went. */
export async function removeExpired(options: RemoveOptions, rules: RetentionRules): Promise<number> {
  await resumeRemovals(options)
  let rows = 0
  // oxlint-disable-next-line no-await-in-loop -- one table after the other
  for (const what of expiredRows(rules)) rows += await removeRows(options, what)
  return rows
}

function expiredRows({ events, rejected }: RetentionRules): RowsToRemove[] {
  const before = (column: string, ms: number): string =>
    `${column} < fromUnixTimestamp64Milli(toInt64(${Math.floor(ms)}), 'UTC')`
  const aside = (topic: string, ms: number): string =>
    `(topic = '${topic}' OR startsWith(topic, '${topic}.e')) AND ${before('appended', ms)}`
  return [
    ...(events
      ? [
          expired('events', events, `record != 'control' AND ${before('received', events.beforeMs)}`),
          expired('quarantine', events, aside(topics.events.name, events.beforeMs)),
        ]
      : []),
    ...(rejected
      ? [
          expired('rejected', rejected, before('received', rejected.beforeMs)),
          expired('quarantine', rejected, aside(topics.rejected.name, rejected.beforeMs)),
        ]
      : []),
  ]
}

function expired(
  table: string,
  { beforeMs, rule }: { readonly beforeMs: number; readonly rule: string },
  condition: string,
): RowsToRemove {
  return { table, reason: 'expired', rule, untilMs: Math.floor(beforeMs), condition }
}
