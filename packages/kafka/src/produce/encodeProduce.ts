/**
 * The body of a Produce request (version 7) and of its answer, as bytes.
 *
 * kafkajs builds a request from an encoder, several buffers and several copies per record: 45 % of the collector's CPU in
 * batches of 100, and 30 % of a task's, went there. Here one buffer of the right size is written once.
 *
 *  P1. One record batch per lane, its records in the order given: offsets of a partition follow without a gap.
 *  P2. acks = all, no compression. Without a producer a request sent twice writes twice; with one the broker sees it by
 *      the sequence numbers, and everything belongs to the open transaction of that producer.
 */
import { crc32c } from '@node-rs/crc32'

export interface ProducedRecord {
  readonly key: string | Uint8Array | null
  /** Null deletes the key in a compacted topic. */
  readonly value: Uint8Array | null
  readonly headers?: Readonly<Record<string, string | Uint8Array>>
  /** Ms since 1970; the time of the request when left out. */
  readonly timestampMs?: number
}

/** The records of one request for one partition. */
export interface Lane {
  /** Name in Kafka. */
  readonly topic: string
  readonly partition: number
  readonly records: readonly ProducedRecord[]
  /** Sequence number of the first record, for a producer. */
  readonly firstSequence?: number
}

/** Of a transactional producer, as InitProducerId gave it. */
export interface Producer {
  readonly transactionalId: string
  readonly producerId: string
  readonly producerEpoch: number
}

/** Answer for one partition. */
export interface ProducedLane {
  readonly topic: string
  readonly partition: number
  /** Of the protocol; 0 when it was written. */
  readonly errorCode: number
  /** Negative when the broker did not say. */
  readonly baseOffset: number
}

export interface ProduceOptions {
  readonly timeoutMs: number
  readonly nowMs: number
  readonly producer?: Producer
  /** Bytes left free before the body, for the head of the request. */
  readonly headroom?: number
}

/** Of a batch before its records: offsets, length, checksum, times, producer, count. */
const BATCH_HEAD_BYTES = 61
/** Of a record besides key, value and headers: five lengths and deltas of at most five bytes, one of ten, attributes. */
const RECORD_MOST_BYTES = 36
/** Where in a batch its checksum stands, and where what it covers begins. */
const CHECKSUM_AT = 17
const CHECKED_FROM = 21
const MAGIC = 2
const ALL_REPLICAS = -1
/** Bit of the attributes; no compression, times of creation (the topic may say otherwise). */
const TRANSACTIONAL = 0x10

/** In memory of its own: whoever has sent it may give that back. */
export function encodeProduce(lanes: readonly Lane[], options: ProduceOptions): Buffer {
  const { producer, headroom = 0 } = options
  const byTopic = new Map<string, Lane[]>()
  let most = headroom + 12 + (producer ? textMost(producer.transactionalId) : 0)
  for (const lane of lanes) {
    const known = byTopic.get(lane.topic)
    if (known) known.push(lane)
    else {
      byTopic.set(lane.topic, [lane])
      most += 6 + lane.topic.length
    }
    most += 8 + mostBatchBytes(lane.records)
  }
  const into = Buffer.allocUnsafeSlow(most)
  let at = headroom + 2
  if (producer) {
    at += into.write(producer.transactionalId, at)
    into.writeInt16BE(at - 2 - headroom, headroom)
  } else into.writeInt16BE(-1, headroom)
  at = into.writeInt16BE(ALL_REPLICAS, at)
  at = into.writeInt32BE(options.timeoutMs, at)
  at = into.writeInt32BE(byTopic.size, at)
  for (const [topic, parts] of byTopic) {
    at = into.writeInt16BE(topic.length, at)
    at += into.write(topic, at, 'latin1')
    at = into.writeInt32BE(parts.length, at)
    for (const lane of parts) {
      at = into.writeInt32BE(lane.partition, at)
      const end = writeBatch(into, at + 4, lane, options)
      into.writeInt32BE(end - at - 4, at)
      at = end
    }
  }
  return into.subarray(0, at)
}

function mostBatchBytes(records: readonly ProducedRecord[]): number {
  let bytes = BATCH_HEAD_BYTES
  for (const { key, value, headers } of records) {
    bytes += RECORD_MOST_BYTES + (key === null ? 0 : textMost(key)) + (value === null ? 0 : value.length)
    if (headers) for (const name in headers) bytes += 10 + textMost(name) + textMost(headers[name]!)
  }
  return bytes
}

function textMost(part: string | Uint8Array): number {
  return typeof part === 'string' ? part.length * 3 : part.length
}

/** Where it ends. */
function writeBatch(into: Buffer, start: number, lane: Lane, { nowMs, producer }: ProduceOptions): number {
  const { records } = lane
  const firstMs = records[0]?.timestampMs ?? nowMs
  let maxMs = firstMs
  let at = start + BATCH_HEAD_BYTES
  for (let index = 0; index < records.length; index++) {
    const record = records[index]!
    const timeMs = record.timestampMs ?? nowMs
    if (timeMs > maxMs) maxMs = timeMs
    at = writeRecord(into, at, record, index, timeMs - firstMs)
  }

  into.fill(0, start, start + 8)
  into.writeInt32BE(at - start - 12, start + 8)
  into.writeInt32BE(-1, start + 12)
  into[start + 16] = MAGIC
  into.writeInt16BE(producer ? TRANSACTIONAL : 0, start + CHECKED_FROM)
  into.writeInt32BE(records.length - 1, start + 23)
  into.writeBigInt64BE(BigInt(firstMs), start + 27)
  into.writeBigInt64BE(BigInt(maxMs), start + 35)
  if (producer) {
    into.writeBigInt64BE(BigInt(producer.producerId), start + 43)
    into.writeInt16BE(producer.producerEpoch, start + 51)
    into.writeInt32BE(lane.firstSequence ?? 0, start + 53)
  }
  // No producer id, no epoch, no sequence.
  else into.fill(0xff, start + 43, start + 57)
  into.writeInt32BE(records.length, start + 57)
  into.writeUInt32BE(crc32c(into.subarray(start + CHECKED_FROM, at)), start + CHECKSUM_AT)
  return at
}

function writeRecord(
  into: Buffer,
  start: number,
  record: ProducedRecord,
  index: number,
  deltaMs: number,
): number {
  const { key, value, headers } = record
  const keyBytes = key === null ? -1 : textBytes(key)
  const valueBytes = value === null ? -1 : value.length
  const names = headers ? Object.keys(headers) : []
  let length =
    1 +
    varintBytes(deltaMs) +
    varintBytes(index) +
    fieldBytes(keyBytes) +
    fieldBytes(valueBytes) +
    varintBytes(names.length)
  for (const name of names) length += fieldBytes(textBytes(name)) + fieldBytes(textBytes(headers![name]!))

  let at = writeVarint(into, start, length)
  into[at++] = 0
  at = writeVarint(into, at, deltaMs)
  at = writeVarint(into, at, index)
  at = writeField(into, at, key, keyBytes)
  at = writeField(into, at, value, valueBytes)
  at = writeVarint(into, at, names.length)
  for (const name of names) {
    at = writeField(into, at, name, textBytes(name))
    at = writeField(into, at, headers![name]!, textBytes(headers![name]!))
  }
  return at
}

/** With its length before it; a length of -1 is null. */
function writeField(into: Buffer, start: number, part: string | Uint8Array | null, bytes: number): number {
  const at = writeVarint(into, start, bytes)
  if (part === null) return at
  if (typeof part !== 'string') {
    into.set(part, at)
    return at + bytes
  }
  if (bytes === part.length && bytes <= 64) {
    for (let i = 0; i < bytes; i++) into[at + i] = part.charCodeAt(i)
    return at + bytes
  }
  return at + into.write(part, at, 'utf8')
}

function textBytes(part: string | Uint8Array): number {
  return typeof part === 'string' ? Buffer.byteLength(part) : part.length
}

function fieldBytes(bytes: number): number {
  return bytes < 0 ? 1 : varintBytes(bytes) + bytes
}

/** Zigzag: small numbers of either sign are short. Up to 2^52, as lengths, counts and differences of times are. */
function writeVarint(into: Buffer, start: number, value: number): number {
  let at = start
  let rest = value < 0 ? -2 * value - 1 : 2 * value
  for (; rest > 0x7fffffff; rest = Math.floor(rest / 128)) into[at++] = (rest % 128) | 0x80
  while (rest >= 0x80) {
    into[at++] = (rest & 0x7f) | 0x80
    rest >>>= 7
  }
  into[at++] = rest
  return at
}

function varintBytes(value: number): number {
  let bytes = 1
  let rest = value < 0 ? -2 * value - 1 : 2 * value
  for (; rest > 0x7fffffff; rest = Math.floor(rest / 128)) bytes++
  for (; rest >= 0x80; rest >>>= 7) bytes++
  return bytes
}

export function decodeProduced(answer: Buffer): ProducedLane[] {
  const lanes: ProducedLane[] = []
  let at = 0
  const topics = answer.readInt32BE(at)
  at += 4
  for (let t = 0; t < topics; t++) {
    const length = answer.readInt16BE(at)
    const topic = answer.toString('utf8', at + 2, at + 2 + length)
    at += 2 + length
    const partitions = answer.readInt32BE(at)
    at += 4
    for (let p = 0; p < partitions; p++) {
      lanes.push({
        topic,
        partition: answer.readInt32BE(at),
        errorCode: answer.readInt16BE(at + 4),
        baseOffset: Number(answer.readBigInt64BE(at + 6)),
      })
      // Partition, code, offset, time of append, start of the log.
      at += 30
    }
  }
  return lanes
}
