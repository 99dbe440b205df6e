/**
 * The events of some anchors of one partition, as a filing reads them: what was accepted under an anchor that is blocked,
 * or open again.
 *
 *  E1. Complete or not at all: `hasAll`, as for a back-fill.
 *  E2. What was skipped as blocked is there, each message once; duplicates and the like are not.
 *  E3. Sorted by anchor, then offset, so that whoever reads can go on after any of them.
 */
import { placeTopic, topics } from '@tributary/contracts'
import { type ClickHouse } from '../clickHouse.ts'
import {
  type FoldedEvent,
  type FoldedEvents,
  type FoldedRow,
  FOLDED_COLUMNS,
  createFoldedEvents,
  foldedEventOf,
} from './foldedEvents.ts'

/** An event as the log has it, with all its identifiers. */
export interface FiledEvent extends FoldedEvent {
  /** Ms since 1970. */
  readonly originalTimeMs: number | undefined
  readonly receivedTimeMs: number
  /** Strongest first. */
  readonly identifiers: readonly { readonly type: string; readonly value: string; readonly id: string }[]
}

/** An event that was skipped as blocked. */
export interface BlockedEvent extends FiledEvent {
  /** Offset of its record in the skipped topic. */
  readonly skippedAt: number
}

export interface FiledEvents extends Pick<FoldedEvents, 'hasAll'> {
  /** In lots (E2, E3). */
  read(asked: {
    readonly partition: number
    /** Offsets below it. */
    readonly below: number
    readonly anchors: readonly string[]
    /** Events after this one; anchor '' from the first. */
    readonly after: { readonly anchor: string; readonly offset: number }
  }): AsyncIterable<readonly FiledEvent[]>
  /** Skipped as blocked, in the order of offsets, up to the first that the log does not have yet. */
  readBlocked(asked: {
    readonly partition: number
    /** Offset in the skipped topic; those after it. */
    readonly after: number
    readonly limit: number
  }): Promise<readonly BlockedEvent[]>
  /** Those `among` whose events carry any of the anchors. At most 1,000 of each. */
  related(asked: {
    readonly anchors: readonly string[]
    readonly among: readonly string[]
  }): Promise<readonly string[]>
}

interface Row extends FoldedRow {
  original_ms: string | null
  received_ms: string
  types: string[]
  ids: string[]
  identifier_texts: string[]
}

const COLUMNS = `${FOLDED_COLUMNS}, toUnixTimestamp64Milli(original_time) AS original_ms,
  toUnixTimestamp64Milli(received) AS received_ms, identifier_types AS types, identifier_ids AS ids,
  identifier_values AS identifier_texts`

export function createFiledEvents(clickhouse: ClickHouse, epoch: number): FiledEvents {
  const topic = placeTopic(epoch, topics.events)
  const skippedTopic = placeTopic(epoch, topics.skipped)
  const events = clickhouse.table('events')
  const skipped = clickhouse.table('skipped')
  const folded = createFoldedEvents(clickhouse, epoch)
  return {
    hasAll: (asked) => folded.hasAll(asked),
    async *read({ partition, below, anchors, after }) {
      const rows = clickhouse.stream<Row>(
        `SELECT ${COLUMNS} FROM ${events}
        WHERE topic = {topic:String} AND partition = {partition:UInt32} AND \`offset\` < {below:UInt64}
          AND record != 'control' AND has({anchors:Array(String)}, anchor)
          AND (anchor, toInt64(\`offset\`)) > ({anchor:String}, {after:Int64})
          AND \`offset\` NOT IN (SELECT event_offset FROM ${skipped}
            WHERE event_topic = {topic:String} AND event_partition = {partition:UInt32}
              AND event_offset < {below:UInt64} AND reason != 'blocked')
        ORDER BY anchor, at`,
        { topic, partition, below, anchors: [...anchors], anchor: after.anchor, after: after.offset },
      )
      for await (const lot of rows) yield lot.map(eventOf)
    },
    async readBlocked({ partition, after, limit }) {
      const found = await clickhouse.query<{ skipped_at: string; event_offset: string }>(
        `SELECT \`offset\` AS skipped_at, event_offset FROM ${skipped}
        WHERE topic = {skipped:String} AND partition = {partition:UInt32} AND toInt64(\`offset\`) > {after:Int64}
          AND event_topic = {topic:String} AND reason = 'blocked'
        ORDER BY \`offset\` LIMIT {limit:UInt32}`,
        { skipped: skippedTopic, topic, partition, after, limit },
      )
      if (found.length === 0) return []
      const rows = await clickhouse.query<Row>(
        `SELECT ${COLUMNS} FROM ${events}
        WHERE topic = {topic:String} AND partition = {partition:UInt32} AND has({offsets:Array(UInt64)}, \`offset\`)
          AND \`offset\` BETWEEN {first:UInt64} AND {last:UInt64}`,
        {
          topic,
          partition,
          offsets: found.map(({ event_offset }) => Number(event_offset)),
          first: Number(found[0]!.event_offset),
          last: Number(found.at(-1)!.event_offset),
        },
      )
      const byOffset = new Map(rows.map((row) => [row.at, row]))
      const all: BlockedEvent[] = []
      for (const { skipped_at, event_offset } of found) {
        const row = byOffset.get(event_offset)
        if (!row) break
        all.push({ ...eventOf(row), skippedAt: Number(skipped_at) })
      }
      return all
    },
    async related({ anchors, among }) {
      const rows = await clickhouse.query<{ anchor: string }>(
        `SELECT DISTINCT anchor FROM ${events}
        WHERE record != 'control' AND has({among:Array(String)}, anchor)
          AND hasAny(identifier_ids, {anchors:Array(String)})
        ORDER BY anchor`,
        { anchors: [...anchors], among: [...among] },
      )
      return rows.map(({ anchor }) => anchor)
    },
  }
}

function eventOf(row: Row): FiledEvent {
  return {
    ...foldedEventOf(row),
    originalTimeMs: row.original_ms === null ? undefined : Number(row.original_ms),
    receivedTimeMs: Number(row.received_ms),
    identifiers: row.ids.map((id, i) => ({
      id,
      type: row.types[i] ?? '',
      value: row.identifier_texts[i] ?? '',
    })),
  }
}
