/**
 * The events of one layout epoch as the log has them, whole and in the order of their places: what a rebuild copies.
 *
 *  E1. An event read here encodes to the record it was stored from, but for times outside of what a column holds.
 *  E2. Copies are found by the place they were made of: which have arrived is known from the log alone.
 */
import { topics, placeTopic } from '@tributary/contracts'
import { type Event, EventType, TimeFlag } from '@tributary/contracts/generated/tributary/event/v1/event'
import type { ClickHouse } from '../clickHouse.ts'
import { removedRuns } from '../removal/removalSql.ts'
import { enumNumbers } from '../rows/enumWord.ts'

export interface StoredEvent {
  readonly offset: number
  /** Time of the Kafka record, ms since 1970. */
  readonly appendedMs: number
  readonly event: Event
}

/** All conditions that are given hold. */
export interface EventFilter {
  readonly source?: string | undefined
  readonly messageIds?: readonly string[] | undefined
  /** Received not before, and before, ms since 1970. */
  readonly sinceMs?: number | undefined
  readonly untilMs?: number | undefined
}

/** Events of one partition in the log. */
export interface StoredPartition {
  readonly partition: number
  readonly events: number
  /** One after the last record, of whatever kind. */
  readonly end: number
}

/** Copies of the events of one partition. */
export interface CopiedPartition {
  readonly partition: number
  /** Distinct places. */
  readonly events: number
  readonly highest: number
}

export interface StoredEvents {
  partitions(): Promise<StoredPartition[]>
  /** At most `limit` events from an offset on, in order (E1). */
  read(asked: {
    partition: number
    from: number
    limit: number
    filter?: EventFilter
  }): Promise<StoredEvent[]>
  /** How many a filter takes. */
  count(filter: EventFilter): Promise<number>
  /** The place the nth last event before an offset has; 0 when there are fewer. */
  placeBefore(asked: { partition: number; offset: number; count: number }): Promise<number>
  /** E2: of this epoch's events in the topic of another. */
  copiedTo(epoch: number): Promise<CopiedPartition[]>
  /** E2: places of events that have no copy in the topic of another epoch, the first ones. */
  withoutCopyIn(epoch: number): Promise<{ partition: number; offset: number }[]>
  /** Events that erase their person, in order, in lots. */
  erasures(): AsyncIterable<readonly StoredErasure[]>
  /** Normalised values of identifiers, by id; those that no event carries are left out. */
  valuesOf(ids: readonly string[]): Promise<ReadonlyMap<string, string>>
}

export interface StoredErasure extends StoredEvent {
  readonly partition: number
}

/** At most so many missing places are named. */
const NAMED = 20

export function createStoredEvents(clickhouse: ClickHouse, epoch: number): StoredEvents {
  const table = clickhouse.table('events')
  const topic = placeTopic(epoch, topics.events)
  return {
    async partitions() {
      const rows = await clickhouse.query<{ partition: number; events: string; end: string }>(
        // What was removed on purpose had been stored: nothing of it is to be waited for.
        `SELECT partition, sum(count) AS events, max(next) AS end FROM (
          SELECT partition, countIf(record != 'control') AS count, max(\`offset\`) + 1 AS next
          FROM ${table} WHERE topic = {topic:String} GROUP BY partition
          UNION ALL SELECT partition, toUInt64(0) AS count, max(last) + 1 AS next
          FROM ${removedRuns(clickhouse, 'events')} WHERE topic = {topic:String} GROUP BY partition
        ) GROUP BY partition ORDER BY partition`,
        { topic },
      )
      return rows.map(({ partition, events, end }) => ({
        partition,
        events: Number(events),
        end: Number(end),
      }))
    },
    async count(filter) {
      const [row] = await clickhouse.query<{ events: string }>(
        `SELECT count() AS events FROM ${table}
        WHERE topic = {topic:String} AND record != 'control' AND ${filterSql(filter)}`,
        { topic, ...filterParams(filter) },
      )
      return Number(row?.events ?? 0)
    },
    async read({ partition, from, limit, filter = {} }) {
      const rows = await clickhouse.query<Row>(
        `SELECT ${COLUMNS} FROM ${table}
        WHERE topic = {topic:String} AND partition = {partition:UInt32} AND \`offset\` >= {from:UInt64}
          AND record != 'control' AND ${filterSql(filter)}
        ORDER BY topic, partition, \`offset\` LIMIT {limit:UInt32}`,
        { topic, partition, from, limit, ...filterParams(filter) },
      )
      return rows.map((row) => ({
        offset: Number(row.at),
        appendedMs: Number(row.appended_ms),
        event: eventOf(row, epoch),
      }))
    },
    async placeBefore({ partition, offset, count }) {
      const rows = await clickhouse.query<{ at: string }>(
        `SELECT \`offset\` AS at FROM ${table}
        WHERE topic = {topic:String} AND partition = {partition:UInt32} AND \`offset\` < {offset:UInt64}
          AND record != 'control'
        ORDER BY topic DESC, partition DESC, \`offset\` DESC LIMIT 1 OFFSET {count:UInt32}`,
        { topic, partition, offset, count: count - 1 },
      )
      return Number(rows[0]?.at ?? 0)
    },
    async copiedTo(to) {
      const rows = await clickhouse.query<{ partition: number; events: string; highest: string }>(
        `SELECT copy_partition AS partition, uniqExact(copy_offset) AS events, max(copy_offset) AS highest
        FROM ${table}
        WHERE topic = {to:String} AND record = 'copy' AND copy_topic = {topic:String}
        GROUP BY copy_partition ORDER BY copy_partition`,
        { topic, to: placeTopic(to, topics.events) },
      )
      return rows.map(({ partition, events, highest }) => ({
        partition,
        events: Number(events),
        highest: Number(highest),
      }))
    },
    async withoutCopyIn(to) {
      const rows = await clickhouse.query<{ partition: number; at: string }>(
        `SELECT partition, \`offset\` AS at FROM ${table}
        WHERE topic = {topic:String} AND record != 'control' AND (partition, \`offset\`) NOT IN
          (SELECT copy_partition, copy_offset FROM ${table}
            WHERE topic = {to:String} AND record = 'copy' AND copy_topic = {topic:String})
        ORDER BY partition, \`offset\` LIMIT ${NAMED}`,
        { topic, to: placeTopic(to, topics.events) },
      )
      return rows.map(({ partition, at }) => ({ partition, offset: Number(at) }))
    },
    async *erasures() {
      const rows = clickhouse.stream<Row & { partition: number }>(
        `SELECT partition, ${COLUMNS} FROM ${table}
        WHERE topic = {topic:String} AND erases ORDER BY partition, at`,
        { topic },
      )
      for await (const lot of rows)
        yield lot.map((row) => ({
          partition: row.partition,
          offset: Number(row.at),
          appendedMs: Number(row.appended_ms),
          event: eventOf(row, epoch),
        }))
    },
    async valuesOf(ids) {
      const rows = await clickhouse.query<{ id: string; value: string }>(
        `SELECT pair.1 AS id, any(pair.2) AS value FROM (
          SELECT arrayJoin(arrayZip(identifier_ids, identifier_values)) AS pair FROM ${table}
          WHERE topic = {topic:String} AND hasAny(identifier_ids, {ids:Array(String)})
        ) WHERE has({ids:Array(String)}, id) GROUP BY id`,
        { topic, ids: [...ids] },
      )
      return new Map(rows.map(({ id, value }) => [id, value]))
    },
  }
}

function filterSql({ source, messageIds, sinceMs, untilMs }: EventFilter): string {
  return [
    '1',
    ...(source === undefined ? [] : ['source = {source:String}']),
    ...(messageIds === undefined ? [] : ['has({messages:Array(String)}, message_id)']),
    ...(sinceMs === undefined ? [] : [`received >= fromUnixTimestamp64Milli({since:Int64}, 'UTC')`]),
    ...(untilMs === undefined ? [] : [`received < fromUnixTimestamp64Milli({until:Int64}, 'UTC')`]),
  ].join(' AND ')
}

function filterParams({ source, messageIds, sinceMs, untilMs }: EventFilter) {
  return {
    ...(source !== undefined && { source }),
    ...(messageIds !== undefined && { messages: [...messageIds] }),
    ...(sinceMs !== undefined && { since: sinceMs }),
    ...(untilMs !== undefined && { until: untilMs }),
  }
}

const COLUMNS = `\`offset\` AS at, toUnixTimestamp64Milli(appended) AS appended_ms, source, type, name, message_id, message_id_generated, anchor,
  identifier_types, identifier_ids, identifier_values, previous_type, previous_id, previous_value,
  toUnixTimestamp64Milli(time) AS ms, toUnixTimestamp64Milli(original_time) AS original_ms,
  toUnixTimestamp64Milli(sent_time) AS sent_ms, toUnixTimestamp64Milli(received) AS received_ms, time_flags,
  base64Encode(raw) AS raw, base64Encode(payload) AS payload, origin, trusted, identity_rules, erases`

interface Row {
  at: string
  appended_ms: string
  source: string
  type: string
  name: string
  message_id: string
  message_id_generated: boolean
  anchor: string
  identifier_types: string[]
  identifier_ids: string[]
  identifier_values: string[]
  previous_type: string
  previous_id: string
  previous_value: string
  ms: string
  original_ms: string | null
  sent_ms: string | null
  received_ms: string
  time_flags: string[]
  raw: string
  payload: string
  origin: string
  trusted: boolean
  identity_rules: string
  erases: boolean
}

const typeNumber = enumNumbers(EventType, 'EVENT_TYPE_')
const flagNumber = enumNumbers(TimeFlag, 'TIME_FLAG_')

function eventOf(row: Row, epoch: number): Event {
  const { previous_type: type, previous_value: value, previous_id: id } = row
  return {
    messageId: row.message_id,
    messageIdGenerated: row.message_id_generated,
    sourceId: row.source,
    type: (typeNumber(row.type) ?? EventType.EVENT_TYPE_UNSPECIFIED) as EventType,
    name: row.name,
    anchor: row.anchor,
    identifiers: row.identifier_types.map((each, i) => ({
      type: each,
      value: row.identifier_values[i] ?? '',
      id: row.identifier_ids[i] ?? '',
    })),
    ...(type !== '' && { previous: { type, value, id } }),
    timeMs: Number(row.ms),
    ...(row.original_ms !== null && { originalTimeMs: Number(row.original_ms) }),
    ...(row.sent_ms !== null && { sentTimeMs: Number(row.sent_ms) }),
    receivedTimeMs: Number(row.received_ms),
    // "clamped" is the column's own.
    timeFlags: row.time_flags.flatMap((flag) => (flagNumber(flag) ?? []) as TimeFlag[]),
    raw: Buffer.from(row.raw, 'base64'),
    ...(row.payload !== '' && { payload: Buffer.from(row.payload, 'base64') }),
    origin: row.origin,
    identityRules: row.identity_rules,
    trusted: row.trusted,
    epoch,
    ...(row.erases && { erases: true }),
  }
}
