import { type Circumstances, type Verdict, admitEvent } from './admitEvent.ts'
import { composeCloudEvent } from './cloudEvent.ts'
import { type BodyText, readSingle } from './readBody.ts'

/** A record of a Kafka source. */
export interface SourceRecord {
  readonly topic: string
  readonly partition: number
  readonly offset: number
  /** The record's own time of append or creation, ms since 1970. */
  readonly timestampMs: number
  readonly value: Uint8Array | null
  readonly key?: Uint8Array | null
  readonly headers?: Readonly<Record<string, Uint8Array | string | undefined>>
}

/**
 * One record of a Kafka source as an event. A record without a message id gets one from its position, so that the
 * same record read twice is the same event. `textOf` reads its value faster than the domain can by itself.
 */
export function admitRecord(
  record: SourceRecord,
  circumstances: Circumstances,
  textOf?: (value: Uint8Array) => BodyText,
): Verdict {
  const { topic, partition, offset } = record
  if (record.value === null)
    return circumstances.format === 'change-data'
      ? { rejected: { code: 'change_left_out', message: 'a tombstone: the row of its key is gone' } }
      : { rejected: { code: 'empty_record', message: 'the record has a key alone: no value to read' } }
  const structured =
    circumstances.format === 'cloudevents' ? structuredRecord(record, record.value) : undefined
  const text = structured ? undefined : textOf?.(record.value)
  // A mapping looks at all of an event.
  const wanted = text?.isUtf8 && !circumstances.mapping ? circumstances.rules.wanted : undefined
  const item = readSingle(structured ?? record.value, text?.decode, wanted)
  if ('code' in item) return { rejected: { code: 'invalid_json', message: item.message } }
  const position = [topic, String(partition), String(offset)]
  return admitEvent(item, circumstances, {
    origin: recordOrigin(record),
    receivedMs: recordTimeMs(record.timestampMs),
    newMessageId: () => circumstances.digest(position),
    key: record.key ? textOfBytes(record.key) : undefined,
  })
}

const utf8 = new TextDecoder()

function textOfBytes(value: Uint8Array | string): string {
  return typeof value === 'string' ? value : utf8.decode(value)
}

/** A CloudEvent in binary mode, put together from its headers; undefined when the value is structured already. */
function structuredRecord({ headers = {} }: SourceRecord, value: Uint8Array): Uint8Array | undefined {
  const attributes: Record<string, string> = {}
  let contentType: string | undefined
  for (const [name, given] of Object.entries(headers)) {
    const lower = name.toLowerCase()
    if (given === undefined) continue
    if (lower === 'content-type') contentType = textOfBytes(given)
    else if (lower.startsWith('ce_')) attributes[lower.slice(3)] = textOfBytes(given)
  }
  if (contentType?.toLowerCase().startsWith('application/cloudevents')) return undefined
  if (attributes['id'] === undefined && attributes['specversion'] === undefined) return undefined
  return composeCloudEvent(attributes, contentType, value, toBase64)
}

function toBase64(bytes: Uint8Array): string {
  let units = ''
  for (const byte of bytes) units += String.fromCharCode(byte)
  return btoa(units)
}

/** The whole input of a record, for a reject: with the attributes that stand in its headers. */
export function recordInput(record: SourceRecord, { format }: Circumstances): Uint8Array {
  const value = record.value ?? new Uint8Array()
  return (format === 'cloudevents' ? structuredRecord(record, value) : undefined) ?? value
}

/** Last millisecond of the year 9999. */
const LATEST_MS = 253_402_300_799_999

/** A producer may write any 64 bits as the time of a record; what is no date would be in nobody's way but ours. */
export function recordTimeMs(timestampMs: number): number {
  return Math.min(Math.max(timestampMs, 0), LATEST_MS)
}

export function recordOrigin(record: { topic: string; partition: number; offset: number }): string {
  return `kafka:${record.topic}:${record.partition}:${record.offset}`
}
