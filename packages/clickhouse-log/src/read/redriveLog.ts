/** What the event log knows of rejects that were sent again: the mark is the origin of the event itself. */
import { REDRIVE_ORIGIN, placeTopic, topics } from '@tributary/contracts'
import { type ClickHouse } from '../clickHouse.ts'
import { CLOCK_SLACK_MS } from './clockSlack.ts'

export interface RedriveLog {
  /**
   * Of these origins of rejects, those that are events already: sent again, or read again from a Kafka source. Events
   * appended before `sinceMs` are not looked through: none is older than its reject.
   */
  accepted(origins: readonly string[], sinceMs: number): Promise<ReadonlySet<string>>
  /** Of these origins of events, those that are there more than once: sent again, or repeated by a producer. */
  repeated(origins: readonly string[], sinceMs: number): Promise<ReadonlySet<string>>
  /** Next offset of each partition of the events topic that the log does not hold; absent: none of it. */
  reached(): Promise<ReadonlyMap<number, number>>
  /** An identifier of the newest event that has one, with its id; undefined while there is none. */
  identifier(): Promise<{ readonly type: string; readonly value: string; readonly id: string } | undefined>
}

/** `epoch`: of the layout whose events topic is sent to. */
export function createRedriveLog(clickhouse: ClickHouse, epoch: number): RedriveLog {
  const events = clickhouse.table('events')
  return {
    async accepted(origins, sinceMs) {
      if (origins.length === 0) return new Set()
      const rows = await clickhouse.query<{ origin: string }>(
        `SELECT DISTINCT origin FROM ${events}
        WHERE record = 'event' AND appended >= fromUnixTimestamp64Milli({since:Int64})
          AND origin IN {named:Array(String)}`,
        {
          since: Math.max(0, sinceMs - CLOCK_SLACK_MS),
          named: origins.flatMap((each) => [each, REDRIVE_ORIGIN + each]),
        },
      )
      return new Set(
        rows.map(({ origin }) =>
          origin.startsWith(REDRIVE_ORIGIN) ? origin.slice(REDRIVE_ORIGIN.length) : origin,
        ),
      )
    },
    async repeated(origins, sinceMs) {
      if (origins.length === 0) return new Set()
      const rows = await clickhouse.query<{ origin: string }>(
        `SELECT origin FROM ${events}
        WHERE topic = {topic:String} AND record != 'control'
          AND appended >= fromUnixTimestamp64Milli({since:Int64}) AND has({named:Array(String)}, origin)
        GROUP BY origin HAVING count() > 1`,
        {
          topic: placeTopic(epoch, topics.events),
          since: Math.max(0, sinceMs - CLOCK_SLACK_MS),
          named: [...origins],
        },
      )
      return new Set(rows.map(({ origin }) => origin))
    },
    async reached() {
      const rows = await clickhouse.query<{ partition: number; next: string }>(
        `SELECT partition, max(\`offset\`) + 1 AS next FROM ${events} WHERE topic = {topic:String} GROUP BY partition`,
        { topic: placeTopic(epoch, topics.events) },
      )
      return new Map(rows.map(({ partition, next }) => [partition, Number(next)]))
    },
    async identifier() {
      const [row] = await clickhouse.query<{ type: string; value: string; id: string }>(
        `SELECT identifier_types[1] AS type, identifier_values[1] AS value, identifier_ids[1] AS id FROM ${events}
        WHERE record = 'event' AND notEmpty(identifier_ids) ORDER BY appended DESC LIMIT 1`,
      )
      return row
    },
  }
}
