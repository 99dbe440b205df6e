/**
 * The events of one partition that were folded, by anchor: what a back-fill counts.
 *
 *  B1. Complete or not at all: `hasAll` is true only when the log has every event below the offset, and every skip of
 *      the task that had read them. Both are known exactly: offsets of the events topic come in order, and skips are
 *      numbered by their writer.
 *  B2. An event that was skipped (a duplicate, a conflict, without identifier) is not there: the stream did not count
 *      it either.
 *  B3. Sorted by anchor, then offset, so that whoever reads needs the memory of one anchor only, and can go on after
 *      any of them.
 */
import { placeTopic, topics } from '@tributary/contracts'
import { type ClickHouse } from '../clickHouse.ts'

/** An event as the log has it. */
export interface FoldedEvent {
  /** Identifier id it is filed under. */
  readonly anchor: string
  readonly offset: number
  readonly sourceId: string
  /** track, identify, page, screen, group, alias */
  readonly type: string
  readonly name: string
  readonly messageId: string
  /** Event time, ms since 1970. */
  readonly timeMs: number
  /** The canonical event as JSON, or what was received. */
  readonly payload: Uint8Array
}

export interface FoldedEvents {
  /** B1. `skipped`: how many records the writer had sent to its partition of the skipped topic. */
  hasAll(asked: {
    readonly partition: number
    /** Offset of a record of the events topic. */
    readonly offset: number
    readonly writer: string
    readonly skipped: number
  }): Promise<boolean>
  /** In lots (B2, B3). */
  read(asked: {
    readonly partition: number
    /** Offsets below it. */
    readonly below: number
    /** Names of events. */
    readonly names: readonly string[]
    /** Anchors after this one; '' from the first. */
    readonly after: string
  }): AsyncIterable<readonly FoldedEvent[]>
}

/** A row of the events table, as FOLDED_COLUMNS selects it. */
export interface FoldedRow {
  anchor: string
  at: string
  source: string
  type: string
  name: string
  message_id: string
  ms: string
  body: string
}

// Payloads may be no valid UTF-8, which JSON could not carry.
export const FOLDED_COLUMNS = `anchor, \`offset\` AS at, source, type, name, message_id, toUnixTimestamp64Milli(time) AS ms,
  base64Encode(if(payload = '', raw, payload)) AS body`

export function foldedEventOf(row: FoldedRow): FoldedEvent {
  return {
    anchor: row.anchor,
    offset: Number(row.at),
    sourceId: row.source,
    type: row.type,
    name: row.name,
    messageId: row.message_id,
    timeMs: Number(row.ms),
    payload: Buffer.from(row.body, 'base64'),
  }
}

/** `epoch`: the layout epoch whose events they are; its topic holds what a rebuild brought from earlier ones, too. */
export function createFoldedEvents(clickhouse: ClickHouse, epoch: number): FoldedEvents {
  const topic = placeTopic(epoch, topics.events)
  const events = clickhouse.table('events')
  const skipped = clickhouse.table('skipped')
  return {
    async hasAll({ partition, offset, writer, skipped: count }) {
      const [reached] = await clickhouse.query<{ events: number; skips: number }>(
        `SELECT
          (SELECT count() FROM ${events}
            WHERE topic = {events:String} AND partition = {partition:UInt32} AND \`offset\` >= {at:UInt64}) > 0 AS events,
          {count:UInt64} = 0 OR (SELECT max(seq) FROM ${skipped}
            WHERE topic = {skipped:String} AND partition = {partition:UInt32} AND epoch = {epoch:UInt32}
              AND writer = {writer:String}) >= {count:UInt64} AS skips`,
        {
          events: topic,
          skipped: placeTopic(epoch, topics.skipped),
          partition,
          at: offset,
          epoch,
          writer,
          count,
        },
      )
      return Boolean(reached?.events) && Boolean(reached?.skips)
    },
    async *read({ partition, below, names, after }) {
      const rows = clickhouse.stream<FoldedRow>(
        `SELECT ${FOLDED_COLUMNS} FROM ${events}
        WHERE topic = {topic:String} AND partition = {partition:UInt32} AND \`offset\` < {below:UInt64}
          AND record != 'control' AND anchor > {after:String} AND has({names:Array(String)}, name)
          AND \`offset\` NOT IN (SELECT event_offset FROM ${skipped}
            WHERE event_topic = {topic:String} AND event_partition = {partition:UInt32}
              AND event_offset < {below:UInt64})
        ORDER BY anchor, at`,
        { topic, partition, below, after, names },
      )
      for await (const lot of rows) yield lot.map(foldedEventOf)
    },
  }
}
