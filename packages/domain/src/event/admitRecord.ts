import { type Circumstances, type Verdict, admitEvent } from './admitEvent.ts'
import { type Decode, readSingle } from './readBody.ts'

/** A record of a Kafka source. */
export interface SourceRecord {
  readonly topic: string
  readonly partition: number
  readonly offset: number
  /** The record's own time of append or creation, ms since 1970. */
  readonly timestampMs: number
  readonly value: Uint8Array | null
}

/**
 * One record of a Kafka source as an event. A record without a message id gets one from its position, so that the
 * same record read twice is the same event.
 */
export function admitRecord(record: SourceRecord, circumstances: Circumstances, decode?: Decode): Verdict {
  const { topic, partition, offset } = record
  if (record.value === null)
    return { rejected: { code: 'empty_record', message: 'the record has a key alone: no value to read' } }
  const item = readSingle(record.value, decode)
  if ('code' in item) return { rejected: { code: 'invalid_json', message: item.message } }
  const position = [topic, String(partition), String(offset)]
  return admitEvent(item, circumstances, {
    origin: recordOrigin(record),
    receivedMs: recordTimeMs(record.timestampMs),
    newMessageId: () => circumstances.digest(position),
  })
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
