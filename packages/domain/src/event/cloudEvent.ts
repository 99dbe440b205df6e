/**
 * CloudEvents 1.0 as events.
 *
 *  C1. What is kept of a CloudEvent in binary mode is its structured form: its attributes as JSON, its data to the byte.
 *  C2. Two CloudEvents with the same source and id are the same event: both are in the message id.
 *
 * Without a mapping: data that is Segment-shaped (its `type` is an event type) is the event; any other data are the
 * properties of a track event named by the CloudEvent's type, of the person in the extensions `userid` and `anonymousid`.
 */
import { isEventType } from './eventType.ts'
import { type Json, type JsonObject, isJsonObject, setOwn } from './json.ts'
import { type MapRecord, type PreparedMapping } from './mapping.ts'

/** UTF-16 units; a longer pair of source and id is hashed. As for every message id. */
const MAX_MESSAGE_ID_LENGTH = 256

const encoder = new TextEncoder()

/** `application/json`, `application/problem+json`, `text/json`, or nothing, which means JSON. */
const JSON_TYPE = /^(?:[^;]*[/+]json\s*(?:;.*)?)?$/i

/**
 * A CloudEvent in binary mode as its structured form. `attributes` by their bare names. Data that are no JSON stand there in
 * base64.
 */
export function composeCloudEvent(
  attributes: Readonly<Record<string, string>>,
  contentType: string | undefined,
  data: Uint8Array,
  toBase64: (bytes: Uint8Array) => string,
): Uint8Array {
  const all: JsonObject = {}
  for (const [name, value] of Object.entries(attributes)) setOwn(all, name, value)
  if (contentType !== undefined) all['datacontenttype'] = contentType
  const head = JSON.stringify(all).slice(0, -1)
  const comma = Object.keys(all).length > 0 ? ',' : ''
  if (data.length === 0) return encoder.encode(`${head}}`)
  if (!JSON_TYPE.test(contentType ?? ''))
    return encoder.encode(`${head}${comma}"data_base64":"${toBase64(data)}"}`)
  const before = encoder.encode(`${head}${comma}"data":`)
  const whole = new Uint8Array(before.length + data.length + 1)
  whole.set(before)
  whole.set(data, before.length)
  whole[whole.length - 1] = 0x7d
  return whole
}

/** Reads a structured CloudEvent; `mapping` sees it whole ("data.customer.email", "subject"). */
export function cloudEventMapping(
  mapping: PreparedMapping | undefined,
  digest: (parts: readonly string[]) => string,
): PreparedMapping {
  const read = mapping?.map ?? defaultEvent
  const map: MapRecord = (record, key) => {
    if (!isJsonObject(record)) return { problem: 'a CloudEvent is a JSON object' }
    const missing = ['specversion', 'id', 'source', 'type'].find((name) => !isText(record[name]))
    if (missing) return { problem: `no CloudEvent: "${missing}" is missing` }
    if (record['specversion'] !== '1.0')
      return { problem: `CloudEvents ${record['specversion'] as string} cannot be read; 1.0 can` }
    const mapped = read(record, key)
    if ('problem' in mapped) return mapped
    const { event } = mapped
    const own = `${record['source'] as string}#${record['id'] as string}`
    event['messageId'] ??= own.length <= MAX_MESSAGE_ID_LENGTH ? own : digest([own])
    if (event['originalTimestamp'] === undefined && record['time'] !== undefined)
      event['timestamp'] ??= record['time']
    return { event }
  }
  return { map, zone: mapping?.zone, traits: mapping?.traits ?? [] }
}

function isText(value: Json | undefined): value is string {
  return typeof value === 'string' && value.trim() !== ''
}

const defaultEvent: MapRecord = (record) => {
  const { data, ...attributes } = record as JsonObject
  if (isJsonObject(data) && isEventType(data['type'])) return { event: { ...data } }
  const encoded = attributes['data_base64']
  const event: JsonObject = {
    type: 'track',
    event: attributes['type']!,
    properties: isJsonObject(data)
      ? data
      : data !== undefined && data !== null
        ? { data }
        : encoded === undefined
          ? {}
          : { data_base64: encoded },
    context: { cloudEvent: without(attributes, 'data_base64') },
  }
  if (attributes['userid'] !== undefined) event['userId'] = attributes['userid']
  if (attributes['anonymousid'] !== undefined) event['anonymousId'] = attributes['anonymousid']
  return { event }
}

function without(object: JsonObject, key: string): JsonObject {
  const out: JsonObject = {}
  for (const [name, value] of Object.entries(object)) if (name !== key) setOwn(out, name, value)
  return out
}
