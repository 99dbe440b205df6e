/**
 * The body of a Produce request (version 7) and of its answer, as bytes.
 *
 * kafkajs builds a request from an encoder, several buffers and several copies per record: 45 % of the collector's CPU in
 * batches of 100 went there. Here one buffer of the right size is written once.
 *
 *  P1. One record batch per partition, its records in the order given: offsets of a partition follow without a gap.
 *  P2. acks = all, no compression, no producer id: a request sent twice writes twice.
 */
import { crc32c } from './crc32c.ts'
import { type OutgoingRecord } from './outgoing.ts'

export interface TopicLane {
  /** Name in Kafka. */
  readonly topic: string
  readonly partition: number
  readonly records: readonly OutgoingRecord[]
}

/** Answer for one partition. */
export interface ProducedLane {
  readonly topic: string
  readonly partition: number
  readonly errorCode: number
  readonly baseOffset: number
}

/** Of a batch before its records: offsets, length, checksum, times, producer, count. */
const BATCH_HEAD_BYTES = 61
/** Of a record besides key, value and headers: six lengths and deltas of at most five bytes, attributes. */
const RECORD_MOST_BYTES = 26
/** Where in a batch its checksum stands, and where what it covers begins. */
const CHECKSUM_AT = 17
const CHECKED_FROM = 21
const MAGIC = 2
const ALL_REPLICAS = -1

export function encodeProduce(
  lanes: readonly TopicLane[],
  options: { readonly timeoutMs: number; readonly nowMs: number },
): Buffer {
  const byTopic = new Map<string, TopicLane[]>()
  let most = 12
  for (const lane of lanes) {
    const known = byTopic.get(lane.topic)
    if (known) known.push(lane)
    else {
      byTopic.set(lane.topic, [lane])
      most += 6 + lane.topic.length
    }
    most += 8 + mostBatchBytes(lane.records)
  }
  const into = Buffer.allocUnsafe(most)
  let at = into.writeInt16BE(-1, 0)
  at = into.writeInt16BE(ALL_REPLICAS, at)
  at = into.writeInt32BE(options.timeoutMs, at)
  at = into.writeInt32BE(byTopic.size, at)
  for (const [topic, parts] of byTopic) {
    at = into.writeInt16BE(topic.length, at)
    at += into.write(topic, at, 'latin1')
    at = into.writeInt32BE(parts.length, at)
    for (const { partition, records } of parts) {
      at = into.writeInt32BE(partition, at)
      const end = writeBatch(into, at + 4, records, options.nowMs)
      into.writeInt32BE(end - at - 4, at)
      at = end
    }
  }
  return into.subarray(0, at)
}

function mostBatchBytes(records: readonly OutgoingRecord[]): number {
  let bytes = BATCH_HEAD_BYTES
  for (const { key, value, headers } of records) {
    bytes += RECORD_MOST_BYTES + key.length * 3 + value.length
    if (headers) for (const name in headers) bytes += 10 + (name.length + headers[name]!.length) * 3
  }
  return bytes
}

/** Where it ends. */
function writeBatch(into: Buffer, start: number, records: readonly OutgoingRecord[], nowMs: number): number {
  let at = start + BATCH_HEAD_BYTES
  for (let index = 0; index < records.length; index++) at = writeRecord(into, at, records[index]!, index)

  into.fill(0, start, start + 8)
  into.writeInt32BE(at - start - 12, start + 8)
  into.writeInt32BE(-1, start + 12)
  into[start + 16] = MAGIC
  // No compression, times of creation (the topic may say otherwise), no transaction.
  into.writeInt16BE(0, start + CHECKED_FROM)
  into.writeInt32BE(records.length - 1, start + 23)
  const time = BigInt(nowMs)
  into.writeBigInt64BE(time, start + 27)
  into.writeBigInt64BE(time, start + 35)
  // No producer id, no epoch, no sequence.
  into.fill(0xff, start + 43, start + 57)
  into.writeInt32BE(records.length, start + 57)
  into.writeUInt32BE(crc32c(into, start + CHECKED_FROM, at), start + CHECKSUM_AT)
  return at
}

function writeRecord(into: Buffer, start: number, record: OutgoingRecord, index: number): number {
  const { key, value, headers } = record
  const keyBytes = Buffer.byteLength(key)
  const names = headers ? Object.keys(headers) : []
  let length =
    2 +
    varintBytes(index) +
    varintBytes(keyBytes) +
    keyBytes +
    varintBytes(value.length) +
    value.length +
    varintBytes(names.length)
  for (const name of names) length += textBytes(name) + textBytes(headers![name]!)

  let at = writeVarint(into, start, length)
  into[at++] = 0
  into[at++] = 0
  at = writeVarint(into, at, index)
  at = writeText(into, at, key, keyBytes)
  at = writeVarint(into, at, value.length)
  into.set(value, at)
  at = writeVarint(into, at + value.length, names.length)
  for (const name of names) {
    at = writeText(into, at, name, Buffer.byteLength(name))
    at = writeText(into, at, headers![name]!, Buffer.byteLength(headers![name]!))
  }
  return at
}

function writeText(into: Buffer, start: number, text: string, bytes: number): number {
  const at = writeVarint(into, start, bytes)
  if (bytes === text.length && bytes <= 64) {
    for (let i = 0; i < bytes; i++) into[at + i] = text.charCodeAt(i)
    return at + bytes
  }
  return at + into.write(text, at, 'utf8')
}

function textBytes(text: string): number {
  const bytes = Buffer.byteLength(text)
  return varintBytes(bytes) + bytes
}

/** A length or count as a zigzag varint: twice its value. Below 2^30, as every length here is. */
function writeVarint(into: Buffer, start: number, value: number): number {
  let at = start
  let rest = value * 2
  while (rest >= 0x80) {
    into[at++] = (rest & 0x7f) | 0x80
    rest >>>= 7
  }
  into[at++] = rest
  return at
}

function varintBytes(value: number): number {
  let bytes = 1
  for (let rest = value * 2; rest >= 0x80; rest >>>= 7) bytes++
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
