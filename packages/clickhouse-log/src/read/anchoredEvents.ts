/**
 * Events filed under some identifiers, newest first, page by page.
 *
 *  A1. What was skipped (duplicates, conflicts) is not there: the profile does not count it either.
 *  A2. Pages go by (time, partition, offset): new events and late ones neither repeat nor hide what comes after a page.
 */
import { placeTopic, topics } from '@tributary/contracts'
import { type ClickHouse } from '../clickHouse.ts'

/** Where a page ended. */
export interface EventPlace {
  /** Event time, ms since 1970. */
  readonly timeMs: number
  readonly partition: number
  readonly offset: number
}

export interface AnchoredEvent extends EventPlace {
  readonly sourceId: string
  /** track, identify, page, screen, group, alias */
  readonly type: string
  readonly name: string
  readonly messageId: string
  readonly receivedMs: number
  readonly identifiers: readonly { readonly type: string; readonly value: string }[]
  /** The canonical event as JSON, or what was received. */
  readonly payload: Uint8Array
}

export interface AnchoredEvents {
  read(asked: {
    /** Identifier ids. */
    readonly anchors: readonly string[]
    readonly limit: number
    /** Older than this one; undefined: from the newest. */
    readonly after: EventPlace | undefined
  }): Promise<AnchoredEvent[]>
}

interface Row {
  partition: number
  at: string
  source: string
  type: string
  name: string
  message_id: string
  ms: string
  received_ms: string
  types: string[]
  ids: string[]
  body: string
}

/** `epoch`: the layout epoch whose events they are; its topic holds what a rebuild brought from earlier ones, too. */
export function createAnchoredEvents(clickhouse: ClickHouse, epoch: number): AnchoredEvents {
  const events = clickhouse.table('events')
  const skipped = clickhouse.table('skipped')
  return {
    async read({ anchors, limit, after }) {
      const place = after ?? { timeMs: 0, partition: 0, offset: 0 }
      const rows = await clickhouse.query<Row>(
        `WITH found AS (
          SELECT partition, \`offset\` AS at, source, type, name, message_id, toUnixTimestamp64Milli(time) AS ms,
            toUnixTimestamp64Milli(received) AS received_ms, identifier_types AS types, identifier_values AS ids,
            base64Encode(if(payload = '', raw, payload)) AS body
          FROM ${events}
          WHERE topic = {topic:String} AND record != 'control' AND has({anchors:Array(String)}, anchor)
            AND ({first:Bool} OR (ms, partition, at) < ({ms:Int64}, {partition:UInt32}, {at:UInt64}))
            AND (partition, \`offset\`) NOT IN (SELECT event_partition, event_offset FROM ${skipped}
              WHERE event_topic = {topic:String})
        )
        SELECT * FROM found ORDER BY ms DESC, partition DESC, at DESC LIMIT {limit:UInt32}`,
        {
          topic: placeTopic(epoch, topics.events),
          anchors: [...anchors],
          first: after === undefined,
          ms: place.timeMs,
          partition: place.partition,
          at: place.offset,
          limit,
        },
      )
      return rows.map((row) => ({
        timeMs: Number(row.ms),
        partition: row.partition,
        offset: Number(row.at),
        sourceId: row.source,
        type: row.type,
        name: row.name,
        messageId: row.message_id,
        receivedMs: Number(row.received_ms),
        identifiers: row.types.map((type, i) => ({ type, value: row.ids[i] ?? '' })),
        payload: Buffer.from(row.body, 'base64'),
      }))
    },
  }
}
