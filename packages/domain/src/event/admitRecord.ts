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
    receivedMs: record.timestampMs,
    newMessageId: () => circumstances.digest(position),
  })
}

export function recordOrigin(record: { topic: string; partition: number; offset: number }): string {
  return `kafka:${record.topic}:${record.partition}:${record.offset}`
}
