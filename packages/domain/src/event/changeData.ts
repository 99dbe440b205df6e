/**
 * Rows of tables as events: Debezium's change data, and Kafka Connect's JSON, each with or without its schema.
 *
 *  D1. A mapping reads the row ("email", "address.city"), and what is known about the change beside it: `__op`, `__table`,
 *      `__schema`, `__db`, `__source_ts_ms`, as Debezium's flattening writes them. Columns of these names win.
 *  D2. The same change read twice is the same event: its message id is made of connector, table, key, position and op.
 *  D3. By default a deletion is left out, with a reason; `unset` takes the mapped traits back. Only `erase` erases, and only
 *      by a row that is a person: an identify event. What it says of the person besides who it is, is left out.
 *  D4. `before` is never needed: a table's replica identity may hold the key alone.
 *  D5. An update that changes nothing the mapping reads says nothing new: it is left out, with a reason of its own. That
 *      takes a `before` that holds the whole row; when that cannot be told, the update is an event.
 *  D6. What Debezium could not read (a large value PostgreSQL left out because it did not change) is no value.
 */
import { parseExact } from './exactJson.ts'
import { type Json, type JsonObject, isJsonObject, setOwn } from './json.ts'
import { type MapRecord, type PreparedMapping } from './mapping.ts'

export type OnDelete = 'ignore' | 'unset' | 'erase'

interface Change {
  readonly op: string | undefined
  readonly row: Json | undefined
  readonly before: Json | undefined
  readonly source: JsonObject
  /** When it happened in the database, or was read. */
  readonly timeMs: Json | undefined
}

export function changeDataMapping(
  mapping: PreparedMapping,
  options: { readonly onDelete: OnDelete; readonly digest: (parts: readonly string[]) => string },
): PreparedMapping {
  const map: MapRecord = (record, key) => {
    const change = readChange(unwrap(record))
    if (!change) return leftOut('a record without a value: the mark that an older one may be removed')
    const { op, source } = change
    if (op === 't') return leftOut('the table was truncated; its rows are not taken back')
    if (op === 'm') return leftOut('a message of the database, not a row')
    const deletes = op === 'd'
    if (deletes && options.onDelete === 'ignore')
      return leftOut('a row was deleted, and the source says `onDelete: ignore`')
    const row = deletes ? deletedRow(change, key) : change.row
    if (!isJsonObject(row)) return { problem: 'the record holds no row' }

    const mapped = mapping.map(described(known(row), change), key)
    if ('problem' in mapped) return mapped
    const { event } = mapped
    if (op === 'u' && saysNothingNew(change, event))
      return { problem: 'an update that changes no mapped column', code: 'no_mapped_change' }
    if (deletes) {
      if (event['type'] !== 'identify')
        return leftOut('a row was deleted that is no person: its event is no identify event')
      if (options.onDelete === 'erase') keepIdentifiers(event)
      else event['traits'] = Object.fromEntries(mapping.traits.map((name) => [name, null]))
    }
    const id = op === undefined || !hasPosition(source) ? undefined : changeId(change)
    if (id) event['messageId'] ??= options.digest(id)
    if (change.timeMs !== undefined && change.timeMs !== null) event['timestamp'] ??= change.timeMs
    return { event, ...(deletes && options.onDelete === 'erase' && { erases: true }) }

    /** D5. */
    function saysNothingNew(update: Change, now: JsonObject): boolean {
      const { before, row: after } = update
      if (!isJsonObject(before) || !isJsonObject(after) || mayHoldTheKeyAlone(before, after)) return false
      const was = mapping.map(described(known(before), update), key)
      return 'event' in was && JSON.stringify(was.event) === JSON.stringify(now)
    }

    /** D2. Nothing of it may depend on when it was read. */
    function changeId({ op: what }: Change): string[] {
      return [
        ...['connector', 'name', 'db', 'schema', 'table', 'collection'].map((name) => textAt(source, name)),
        keyText(key) ?? JSON.stringify(row),
        ...POSITION.map((name) => textAt(source, name)),
        what ?? '',
      ]
    }
  }
  return { map, zone: mapping.zone, traits: mapping.traits }
}

/** Where a change stands in its database's log, whichever database it is. */
const POSITION = ['lsn', 'txId', 'file', 'pos', 'row', 'scn', 'change_lsn', 'sequence', 'ord', 'ts_ms']

/** A flattened deletion has none: then that of the record must do, or a row could be deleted once only. */
function hasPosition(source: JsonObject): boolean {
  return POSITION.some((name) => textAt(source, name) !== '')
}

/** Nor may a column be the message id: a row is made and deleted under the same one. */
function keepIdentifiers(event: JsonObject): void {
  for (const name of ['traits', 'properties', 'messageId']) delete event[name]
  const context = event['context']
  const ids = isJsonObject(context) ? context['externalIds'] : undefined
  if (ids === undefined) delete event['context']
  else event['context'] = { externalIds: ids }
}

function leftOut(problem: string) {
  return { problem, code: 'change_left_out' } as const
}

function textAt(source: JsonObject, name: string): string {
  const value = source[name]
  return value === undefined || value === null ? '' : JSON.stringify(value)
}

/** JsonConverter with schemas writes {schema, payload}. */
function unwrap(record: Json): Json {
  return isJsonObject(record) &&
    Object.hasOwn(record, 'payload') &&
    Object.hasOwn(record, 'schema') &&
    Object.keys(record).length === 2
    ? record['payload']!
    : record
}

/** Undefined for a tombstone. */
function readChange(record: Json): Change | undefined {
  if (record === null) return undefined
  const none = { op: undefined, before: undefined, source: {}, timeMs: undefined }
  if (!isJsonObject(record)) return { ...none, row: record }
  const { op, source } = record
  if (typeof op === 'string' && (isJsonObject(source) || 'after' in record || 'before' in record)) {
    const from = isJsonObject(source) ? source : {}
    return {
      op,
      row: record['after'],
      before: record['before'],
      source: from,
      timeMs: from['ts_ms'] ?? record['ts_ms'],
    }
  }
  // Flattened by ExtractNewRecordState: a deletion says so in one of two ways.
  const deleted = record['__deleted'] === 'true' || record['__deleted'] === true || record['__op'] === 'd'
  const at = record['__source_ts_ms']
  return { ...none, row: record, timeMs: at, ...(deleted && { op: 'd', before: record }) }
}

/** With an index as its identity, a table's `before` is null in all other columns: no telling whether they were. */
function mayHoldTheKeyAlone(before: JsonObject, row: JsonObject): boolean {
  return Object.entries(row).some(([name, value]) => value !== null && (before[name] ?? null) === null)
}

/** Debezium's `unavailable.value.placeholder` as it is when not set, in a column of text and of bytes. */
const UNAVAILABLE: ReadonlySet<Json> = new Set([
  '__debezium_unavailable_value',
  'X19kZWJleml1bV91bmF2YWlsYWJsZV92YWx1ZQ==',
])

/** D6. */
function known(row: JsonObject): JsonObject {
  const isUnavailable = (value: Json): boolean =>
    UNAVAILABLE.has(Array.isArray(value) && value.length === 1 ? value[0]! : value)
  if (!Object.values(row).some(isUnavailable)) return row
  const out: JsonObject = {}
  for (const [name, value] of Object.entries(row)) if (!isUnavailable(value)) setOwn(out, name, value)
  return out
}

/** The key's columns and what is known of the row. */
function deletedRow({ before }: Change, key: string | undefined): JsonObject {
  const out: JsonObject = {}
  for (const part of [keyColumns(key), before])
    if (isJsonObject(part)) for (const [name, value] of Object.entries(part)) setOwn(out, name, value)
  return out
}

function keyColumns(key: string | undefined): Json | undefined {
  if (key === undefined) return undefined
  try {
    return unwrap(parseExact(key))
  } catch {
    return undefined
  }
}

/** The same with and without a schema, so that a converter's setting does not make a change another one. */
function keyText(key: string | undefined): string | undefined {
  const columns = keyColumns(key)
  return columns === undefined ? key : JSON.stringify(columns)
}

function described(row: JsonObject, { op, source, timeMs }: Change): JsonObject {
  const about: Record<string, Json | undefined> = {
    __op: op,
    __table: source['table'],
    __schema: source['schema'],
    __db: source['db'],
    __source_ts_ms: timeMs,
  }
  const out: JsonObject = {}
  for (const [name, value] of Object.entries(about)) if (value !== undefined) out[name] = value
  for (const [name, value] of Object.entries(row)) setOwn(out, name, value)
  return out
}
