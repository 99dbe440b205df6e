import type { Message } from 'kafkajs'

export interface OutgoingRecord {
  /** Name in Kafka. */
  readonly topic: string
  readonly partition: number
  readonly key: string | Buffer | null
  readonly value: Uint8Array | string | null
  readonly headers?: Readonly<Record<string, string | Buffer>>
  readonly timestampMs?: number
}

export interface PackedSend {
  readonly topicMessages: { topic: string; messages: Message[] }[]
  /** Records per "topic/partition", in the order the partitions first appear. */
  readonly counts: ReadonlyMap<string, number>
}

/** kafkajs groups messages in quadratic time: 20,000 of one partition block the process for 2.9 s, 1,000 for 7 ms. */
export const MAX_RECORDS_PER_PARTITION = 1_000
/**
 * Records of one partition and send, bytes: they become one batch, which must stay under the topic's
 * max.message.bytes, at least Kafka's default of 1,048,588; a single larger record goes alone.
 */
export const MAX_BATCH_BYTES = 900_000
/** One request, bytes: well under the broker's socket.request.max.bytes of 100 MiB and quick to encode. */
export const MAX_REQUEST_BYTES = 8_000_000
/** Of a record in its batch besides key, value and headers: lengths, offset and time deltas, bytes. */
const RECORD_OVERHEAD_BYTES = 40

/** Splits records into sends that keep the limits; the records of each partition stay in order. */
export function packSends(records: readonly OutgoingRecord[]): PackedSend[] {
  const sends: PackedSend[] = []
  let topics = new Map<string, Message[]>()
  let counts = new Map<string, number>()
  let bytesOf = new Map<string, number>()
  let total = 0

  function flush() {
    if (topics.size === 0) return
    sends.push({ topicMessages: [...topics].map(([topic, messages]) => ({ topic, messages })), counts })
    topics = new Map()
    counts = new Map()
    bytesOf = new Map()
    total = 0
  }

  for (const record of records) {
    const id = `${record.topic}/${record.partition}`
    const size = sizeOf(record)
    const count = counts.get(id) ?? 0
    const bytes = bytesOf.get(id) ?? 0
    if (
      count >= MAX_RECORDS_PER_PARTITION ||
      (count > 0 && bytes + size > MAX_BATCH_BYTES) ||
      (total > 0 && total + size > MAX_REQUEST_BYTES)
    )
      flush()
    let messages = topics.get(record.topic)
    if (!messages) topics.set(record.topic, (messages = []))
    messages.push(messageOf(record))
    counts.set(id, (counts.get(id) ?? 0) + 1)
    bytesOf.set(id, (bytesOf.get(id) ?? 0) + size)
    total += size
  }
  flush()
  return sends
}

export function sizeOf(record: OutgoingRecord): number {
  let size = RECORD_OVERHEAD_BYTES + lengthOf(record.key) + lengthOf(record.value)
  for (const name in record.headers) size += name.length + lengthOf(record.headers[name]!) + 4
  return size
}

function lengthOf(part: string | Uint8Array | null): number {
  if (part === null) return 0
  return typeof part === 'string' ? Buffer.byteLength(part) : part.length
}

function messageOf(record: OutgoingRecord): Message {
  const { key, value, partition, headers, timestampMs } = record
  return {
    key,
    value: value === null || typeof value === 'string' ? value : asBuffer(value),
    partition,
    ...(headers === undefined ? {} : { headers }),
    ...(timestampMs === undefined ? {} : { timestamp: String(timestampMs) }),
  }
}

function asBuffer(bytes: Uint8Array): Buffer {
  return Buffer.isBuffer(bytes) ? bytes : Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength)
}
