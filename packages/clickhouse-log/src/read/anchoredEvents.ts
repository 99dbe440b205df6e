/**
 * Events filed under some identifiers, newest first, page by page.
 *
 *  A1. What was skipped (duplicates, conflicts) is not there: the profile does not count it either.
 *     Only the skips of the events of a page are looked for, in the partitions these lie in: a task skips into the
 *     partition it reads. What is missing to a full page then is read on.
 *  A2. An event whose anchor is blocked is there under the identifier it is filed under, once with its copies, as
 *     attributed_events has it.
 *  A3. Pages go by (time, partition, offset): new events and late ones neither repeat nor hide what comes after a page.
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

/** What of an event says whether it counts. */
interface Copy {
  partition: number
  at: string
  source: string
  message_id: string
  anchor: string
  all_ids: string[]
}

interface Row extends Copy {
  type: string
  name: string
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
  const topic = placeTopic(epoch, topics.events)

  async function page(
    { anchors, blocked }: { readonly anchors: readonly string[]; readonly blocked: readonly string[] },
    after: EventPlace | undefined,
    limit: number,
  ): Promise<Row[]> {
    const place = after ?? { timeMs: 0, partition: 0, offset: 0 }
    // A2. Every event carries its anchor, so one index finds those of both kinds.
    const filedUnder =
      blocked.length === 0
        ? 'anchor'
        : `arrayFirst(id -> NOT has({blocked:Array(String)}, id), identifier_ids)`
    const carries = blocked.length === 0 ? '' : ' AND hasAny(identifier_ids, {anchors:Array(String)})'
    return clickhouse.query<Row>(
      `WITH found AS (
        SELECT partition, \`offset\` AS at, source, type, name, message_id, anchor, identifier_ids AS all_ids,
          toUnixTimestamp64Milli(time) AS ms,
          toUnixTimestamp64Milli(received) AS received_ms, identifier_types AS types, identifier_values AS ids,
          base64Encode(if(payload = '', raw, payload)) AS body
        FROM ${events}
        WHERE topic = {topic:String} AND record != 'control'${carries}
          AND has({anchors:Array(String)}, ${filedUnder})
          AND ({first:Bool} OR (ms, partition, at) < ({ms:Int64}, {partition:UInt32}, {at:UInt64}))
      )
      SELECT * FROM found ORDER BY ms DESC, partition DESC, at DESC LIMIT {limit:UInt32}`,
      {
        topic,
        anchors: [...anchors],
        blocked: [...blocked],
        first: after === undefined,
        ms: place.timeMs,
        partition: place.partition,
        at: place.offset,
        limit,
      },
    )
  }

  /** Identifiers whose events are filed under the next one. */
  async function blockedAnchors(): Promise<string[]> {
    const found = await clickhouse.query<{ id: string }>(
      `SELECT identifier_id AS id FROM ${clickhouse.table('filed_anchors')} WHERE topic = {topic:String} AND blocked`,
      { topic },
    )
    return found.map(({ id }) => id)
  }

  /** A2: places of those whose message counts elsewhere, as moved_events has it; only of those whose anchor is blocked. */
  async function copiesAmong(rows: readonly Row[], blocked: readonly string[]): Promise<string[]> {
    const isBlocked = new Set(blocked)
    const moved = rows.filter(({ anchor }) => isBlocked.has(anchor))
    if (moved.length === 0) return []
    const found = await clickhouse.query<Copy>(
      `SELECT partition, \`offset\` AS at, source, message_id, anchor, identifier_ids AS all_ids FROM ${events}
      WHERE topic = {topic:String} AND record != 'control' AND has({messages:Array(String)}, message_id)`,
      { topic, messages: [...new Set(moved.map(({ message_id }) => message_id))] },
    )
    const skips = await skipsAmong(found)
    const counting = new Map<string, Copy>()
    for (const copy of found.filter(({ partition, at }) => !skips.has(`${partition}/${at}`))) {
      const key = keyOf(copy)
      const known = counting.get(key)
      if (!known || comesBefore(copy, known)) counting.set(key, copy)
    }
    return moved
      .filter((row) => {
        const counts = counting.get(keyOf(row))
        return counts?.partition !== row.partition || counts.at !== row.at
      })
      .map(({ partition, at }) => `${partition}/${at}`)

    function keyOf({ source, message_id, all_ids }: Copy): string {
      return [source, message_id, all_ids.find((id) => !isBlocked.has(id))].join('\0')
    }
    /** One that came by itself counts, else the first. */
    function comesBefore(one: Copy, other: Copy): boolean {
      const [own, others] = [isBlocked.has(one.anchor), isBlocked.has(other.anchor)]
      if (own !== others) return !own
      return one.partition === other.partition
        ? Number(one.at) < Number(other.at)
        : one.partition < other.partition
    }
  }

  /** Places of those that were skipped; what was skipped as blocked is filed. */
  async function skipsAmong(rows: readonly Copy[]): Promise<Set<string>> {
    const found = await clickhouse.query<{ event_partition: number; event_offset: string }>(
      `SELECT event_partition, event_offset FROM ${skipped}
      WHERE topic = {topic:String} AND has({partitions:Array(UInt32)}, partition)
        AND event_topic = {events:String} AND has({offsets:Array(UInt64)}, event_offset) AND reason != 'blocked'`,
      {
        topic: placeTopic(epoch, topics.skipped),
        partitions: [...new Set(rows.map((row) => row.partition))],
        events: topic,
        offsets: rows.map(({ at }) => Number(at)),
      },
    )
    return new Set(found.map((skip) => `${skip.event_partition}/${skip.event_offset}`))
  }

  return {
    async read({ anchors, limit, after }) {
      const found: AnchoredEvent[] = []
      const blocked = await blockedAnchors()
      let place = after
      for (;;) {
        const rows = await page({ anchors, blocked }, place, limit)
        if (rows.length > 0) {
          const skips = new Set([...(await skipsAmong(rows)), ...(await copiesAmong(rows, blocked))])
          const kept = rows.filter(({ partition, at }) => !skips.has(`${partition}/${at}`)).map(eventOf)
          found.push(...kept.slice(0, limit - found.length))
          place = eventOf(rows.at(-1)!)
        }
        if (rows.length < limit || found.length === limit) return found
      }
    },
  }
}

function eventOf(row: Row): AnchoredEvent {
  return {
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
  }
}
