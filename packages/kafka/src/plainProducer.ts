/** The plain lane for whoever has single records: by key or by partition, in any number. */
import { partitionOf } from '@tributary/contracts'
import type { Kafka } from './connection.ts'
import { KafkaFault } from './kafkaFault.ts'
import { createProduceSender } from './produce/createProduceSender.ts'
import { type AddressedRecord, packLanes } from './produce/packLanes.ts'

export interface PlainProducerOptions {
  /** Partition counts by topic name in Kafka, for records that name a key only; asked for once when left out. */
  readonly partitions?: (topic: string) => number
}

/** Where records came to lie: one entry per partition written to. */
export interface WrittenTo {
  readonly topic: string
  readonly partition: number
  /** Of the first record of this partition; -1 when the broker did not say. */
  readonly offset: number
  readonly count: number
}

export interface PlainProducer {
  /** Resolves once all in-sync replicas have all records. Each record needs a partition or a key. */
  send(records: readonly PlainRecord[]): Promise<WrittenTo[]>
  close(): Promise<void>
}

export interface PlainRecord {
  /** Name in Kafka. */
  readonly topic: string
  readonly partition?: number
  readonly key: string | Buffer | null
  readonly value: Uint8Array | string | null
  readonly headers?: Readonly<Record<string, string | Buffer>>
  /** Ignored by topics with append time. */
  readonly timestampMs?: number
}

/** A lost answer is asked for again for so long, ms; then the caller hears of it. */
const TIMEOUT_MS = 15_000

export async function createPlainProducer(
  kafka: Kafka,
  options: PlainProducerOptions = {},
): Promise<PlainProducer> {
  const sender = await createProduceSender(kafka, { timeoutMs: TIMEOUT_MS })
  const metadata = kafka.cluster()
  const counts = new Map<string, number>()

  async function countOf(topic: string): Promise<number> {
    const known = options.partitions?.(topic) ?? counts.get(topic)
    if (known !== undefined) return known
    await metadata.connect()
    await metadata.addMultipleTargetTopics([topic])
    const count = metadata.findTopicPartitionMetadata(topic).length
    if (count > 0) counts.set(topic, count)
    if (count === 0) throw new KafkaFault('topic-missing', `topic ${topic} does not exist`)
    return count
  }

  async function address(record: PlainRecord): Promise<AddressedRecord> {
    const value = typeof record.value === 'string' ? Buffer.from(record.value) : record.value
    if (record.partition !== undefined) return { ...record, value, partition: record.partition }
    if (record.key === null)
      throw new TypeError(`${record.topic}: a record without a key needs its partition named`)
    return { ...record, value, partition: partitionOf(record.key, await countOf(record.topic)) }
  }

  return {
    async send(records) {
      const addressed: AddressedRecord[] = []
      for (const record of records) addressed.push(await address(record))
      const written = new Map<string, { -readonly [K in keyof WrittenTo]: WrittenTo[K] }>()
      // One after another: records of a partition stay in the order they were given.
      for (const lanes of packLanes(addressed)) {
        const answers = await sender.send(lanes)
        for (const { topic, partition, baseOffset } of answers) {
          const id = `${topic}/${partition}`
          const count = lanes.find((lane) => lane.topic === topic && lane.partition === partition)!.records
            .length
          const entry = written.get(id)
          if (entry) entry.count += count
          else written.set(id, { topic, partition, offset: baseOffset, count })
        }
      }
      return [...written.values()]
    },
    async close() {
      await sender.close()
      await metadata.disconnect().catch(() => {})
    },
  }
}
