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
import { type FoundRows, findRows } from './findRows.ts'
import { type RemoveOptions, type RowsToRemove, removeRows, resumeRemovals } from './removeRows.ts'

/** What was received before goes, ms since 1970; undefined: it is kept for ever. */
export interface RetentionRules {
  readonly events?: { readonly beforeMs: number; readonly rule: string }
  readonly rejected?: { readonly beforeMs: number; readonly rule: string }
}

/** Rows that go by the rules. Changes nothing. */
export function findExpired(clickhouse: ClickHouse, rules: RetentionRules): Promise<FoundRows[]> {
  return findRows(clickhouse, expiredRows(rules))
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
