/** A cluster of brokers in memory that reads produce requests from their bytes, with the faults that brokers have. */
import { crc32c } from '@node-rs/crc32'
import type { Kafka } from '../connection.ts'
import type { Producer } from '../produce/encodeProduce.ts'

type Cluster = ReturnType<Kafka['cluster']>

export interface StoredRecord {
  readonly key: string | null
  readonly value: string | null
  readonly timestampMs: number
  readonly headers: Readonly<Record<string, string>>
}

export interface BrokerCluster {
  readonly kafka: Kafka
  /** By "topic/partition". */
  readonly logs: ReadonlyMap<string, StoredRecord[]>
  /** Produce requests that arrived, by broker. */
  readonly requests: number[]
  /** Broker that leads every partition; negative while there is none. */
  leader: number
  /** Answers one code for a partition, as often as it says. */
  readonly refusals: Map<string, { code: number; times: number }>
  /** The next so many requests are written, and their connection breaks before the answer. */
  lostAnswers: number
  /** How often it was asked who leads. */
  refreshed: number
}

export function createBrokerCluster(topicNames: readonly string[], partitions: number): BrokerCluster {
  const logs = new Map<string, StoredRecord[]>()
  const broker: BrokerCluster = {
    logs,
    requests: [],
    leader: 1,
    refusals: new Map(),
    lostAnswers: 0,
    refreshed: 0,
    kafka: { cluster: () => cluster } as unknown as Kafka,
  }
  /** Who leads as it was last asked. */
  let known = broker.leader
  const refresh = (): Promise<void> => {
    broker.refreshed++
    known = broker.leader
    return Promise.resolve()
  }

  function take(nodeId: number, body: Buffer): Buffer {
    broker.requests.push(nodeId)
    const answers: { topic: string; partition: number; code: number; offset: number }[] = []
    for (const { topic, partition, records } of readProduce(body).lanes) {
      const id = `${topic}/${partition}`
      const refusal = broker.refusals.get(id)
      if (nodeId !== broker.leader) answers.push({ topic, partition, code: 6, offset: -1 })
      else if (refusal && refusal.times > 0) {
        refusal.times--
        answers.push({ topic, partition, code: refusal.code, offset: -1 })
      } else {
        const log = logs.get(id) ?? []
        logs.set(id, log)
        answers.push({ topic, partition, code: 0, offset: log.length })
        log.push(...records)
      }
    }
    if (broker.lostAnswers > 0) {
      broker.lostAnswers--
      throw new Error('the connection was closed')
    }
    return writeAnswer(answers)
  }

  const cluster = {
    connect: () => Promise.resolve(),
    disconnect: () => Promise.resolve(),
    isConnected: () => true,
    addMultipleTargetTopics: () => Promise.resolve(),
    refreshMetadata: refresh,
    findTopicPartitionMetadata: (topic: string) =>
      topicNames.includes(topic)
        ? Array.from({ length: partitions }, (_, partitionId) => ({ partitionId, leader: known }))
        : [],
    findBroker: ({ nodeId }: { nodeId: number }) =>
      Promise.resolve({
        connectionPool: {
          async send(protocol: {
            request: { encode: () => { buffer: Buffer } }
            response: { decode: (bytes: Buffer) => Promise<unknown> }
          }) {
            const { buffer } = protocol.request.encode()
            return protocol.response.decode(take(nodeId, Buffer.from(buffer)))
          },
        },
      }),
  } as unknown as Cluster
  return broker
}

function writeAnswer(
  answers: readonly { topic: string; partition: number; code: number; offset: number }[],
): Buffer {
  const parts: Buffer[] = [int32(answers.length)]
  for (const { topic, partition, code, offset } of answers) {
    const name = Buffer.from(topic)
    const head = Buffer.alloc(2)
    head.writeInt16BE(name.length)
    const answer = Buffer.alloc(30, 0xff)
    answer.writeInt32BE(partition, 0)
    answer.writeInt16BE(code, 4)
    answer.writeBigInt64BE(BigInt(offset), 6)
    parts.push(head, name, int32(1), answer)
  }
  return Buffer.concat([...parts, int32(0)])
}

function int32(value: number): Buffer {
  const bytes = Buffer.alloc(4)
  bytes.writeInt32BE(value)
  return bytes
}

export interface ReadLane {
  readonly topic: string
  readonly partition: number
  readonly records: StoredRecord[]
  /** Of the producer; -1 without one. */
  readonly firstSequence: number
}

/** Throws when the request is not what the protocol asks for. */
export function readProduce(body: Buffer): { producer?: Producer; lanes: ReadLane[] } {
  const lanes: ReadLane[] = []
  let at = 0
  const int = (bytes: number): number => body.readIntBE((at += bytes) - bytes, bytes)
  const long = (): bigint => body.readBigInt64BE((at += 8) - 8)
  const expectInt = (bytes: number, expected: number, what: string): void => {
    const found = int(bytes)
    if (found !== expected) throw new Error(`${what} is ${found}, not ${expected}`)
  }
  const varint = (): number => {
    let value = 0
    for (let factor = 1; ; factor *= 0x80) {
      const byte = body[at++]!
      value += (byte & 0x7f) * factor
      if (byte < 0x80) break
    }
    return value % 2 === 0 ? value / 2 : -(value + 1) / 2
  }
  const text = (length: number): string => body.toString('utf8', at, (at += length))
  const optional = (length: number): string | null => (length < 0 ? null : text(length))

  const transactionalId = optional(int(2))
  let producer: Producer | undefined
  expectInt(2, -1, 'acks')
  int(4)
  for (let topics = int(4); topics > 0; topics--) {
    const topic = text(int(2))
    for (let count = int(4); count > 0; count--) {
      const partition = int(4)
      const size = int(4)
      const end = at + size
      at += 8
      expectInt(4, size - 12, 'the length of the batch')
      expectInt(4, -1, 'the leader epoch')
      expectInt(1, 2, 'the format')
      const sum = body.readUInt32BE(at)
      at += 4
      if (sum !== crc32c(body.subarray(at, end))) throw new Error('the checksum is wrong')
      expectInt(2, transactionalId === null ? 0 : 0x10, 'the attributes')
      const last = int(4)
      const firstMs = Number(long())
      const maxMs = Number(long())
      const producerId = String(long())
      const producerEpoch = int(2)
      const firstSequence = int(4)
      if (transactionalId !== null) producer = { transactionalId, producerId, producerEpoch }
      else if (producerId !== '-1' || producerEpoch !== -1 || firstSequence !== -1)
        throw new Error('there is a producer')
      expectInt(4, last + 1, 'the count of records')
      const records: StoredRecord[] = []
      for (let index = 0; index <= last; index++) {
        const length = varint()
        const recordEnd = at + length
        expectInt(1, 0, 'the attributes of a record')
        const timestampMs = firstMs + varint()
        if (varint() !== index) throw new Error('the offset delta is wrong')
        const key = optional(varint())
        const value = optional(varint())
        const headers: [string, string][] = []
        for (let left = varint(); left > 0; left--) headers.push([text(varint()), text(varint())])
        if (at !== recordEnd) throw new Error('the length of a record is wrong')
        records.push({ key, value, headers: Object.fromEntries(headers), timestampMs })
      }
      if (Math.max(...records.map(({ timestampMs }) => timestampMs)) !== maxMs)
        throw new Error('the latest time is wrong')
      if (at !== end) throw new Error('the length of the batch is wrong')
      lanes.push({ topic, partition, records, firstSequence })
    }
  }
  if (at !== body.length) throw new Error('there is more after the request')
  return producer ? { producer, lanes } : { lanes }
}
