/** Splits records into requests of a bounded size; the records of each partition stay in order. */
import type { Lane, ProducedRecord } from './encodeProduce.ts'

/**
 * Records of one partition and request, bytes: they become one batch, which must stay under the topic's
 * max.message.bytes, at least Kafka's default of 1,048,588; a single larger record goes alone.
 */
export const MAX_BATCH_BYTES = 900_000
/** One request, bytes: well under the broker's socket.request.max.bytes of 100 MiB and quick to encode. */
export const MAX_REQUEST_BYTES = 8_000_000
/** Of a record in its batch besides key, value and headers: lengths, offset and time deltas, bytes. */
const RECORD_OVERHEAD_BYTES = 40

export interface AddressedRecord extends ProducedRecord {
  /** Name in Kafka. */
  readonly topic: string
  readonly partition: number
}

interface OpenLane extends Lane {
  readonly records: ProducedRecord[]
  bytes: number
}

export function packLanes(records: readonly AddressedRecord[]): Lane[][] {
  const requests: Lane[][] = []
  let lanes: OpenLane[] = []
  let byTopic = new Map<string, OpenLane[]>()
  let total = 0
  for (const record of records) {
    const size = recordBytes(record)
    let ofTopic = byTopic.get(record.topic)
    let lane = ofTopic?.[record.partition]
    if ((lane && lane.bytes + size > MAX_BATCH_BYTES) || (total > 0 && total + size > MAX_REQUEST_BYTES)) {
      requests.push(lanes)
      lanes = []
      byTopic = new Map()
      total = 0
      ofTopic = lane = undefined
    }
    if (!ofTopic) byTopic.set(record.topic, (ofTopic = []))
    if (!lane) {
      const { topic, partition } = record
      ofTopic[partition] = lane = { topic, partition, records: [], bytes: 0 }
      lanes.push(lane)
    }
    lane.records.push(record)
    lane.bytes += size
    total += size
  }
  if (lanes.length > 0) requests.push(lanes)
  return requests
}

/** What a record takes in its batch at most, bytes. */
export function recordBytes({ key, value, headers }: ProducedRecord): number {
  let size = RECORD_OVERHEAD_BYTES + lengthOf(key) + lengthOf(value)
  for (const name in headers) size += name.length + lengthOf(headers[name]!) + 4
  return size
}

function lengthOf(part: string | Uint8Array | null): number {
  if (part === null) return 0
  return typeof part === 'string' ? Buffer.byteLength(part) : part.length
}
