/**
 * The lane outside transactions: acks=all, not idempotent, any number of sends side by side.
 *
 * kafkajs's idempotent producer loses acknowledged records when sends run side by side and an answer is lost; the
 * plain one loses nothing and repeats some. So repeats are possible here, and whoever reads takes them out.
 */
import { partitionOf } from '@tributary/contracts'
import type { Producer } from 'kafkajs'
import type { Kafka } from './connection.ts'
import { KafkaFault, protocolError } from './kafkaFault.ts'
import { type OutgoingRecord, packSends } from './packSends.ts'

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

/** A lost answer is asked for again; about 15 s in all, then the caller hears of it. */
const RETRY = { initialRetryTime: 50, maxRetryTime: 2_000, retries: 12 }

export async function createPlainProducer(
  kafka: Kafka,
  options: PlainProducerOptions = {},
): Promise<PlainProducer> {
  const producer: Producer = kafka.client(RETRY).producer({
    allowAutoTopicCreation: false,
    idempotent: false,
    createPartitioner:
      () =>
      ({ message }) =>
        message.partition!,
    retry: RETRY,
  })
  await producer.connect().catch((error: unknown) => {
    throw new KafkaFault('unavailable', `Kafka cannot be reached: ${protocolError(error).message}`, {
      cause: error,
    })
  })
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

  async function route(record: PlainRecord): Promise<OutgoingRecord> {
    if (record.partition !== undefined) return { ...record, partition: record.partition }
    if (record.key === null)
      throw new TypeError(`${record.topic}: a record without a key needs its partition named`)
    return { ...record, partition: partitionOf(record.key, await countOf(record.topic)) }
  }

  return {
    async send(records) {
      const routed: OutgoingRecord[] = []
      for (const record of records) routed.push(await route(record))
      const written = new Map<string, { -readonly [K in keyof WrittenTo]: WrittenTo[K] }>()
      try {
        // One after another: records of a partition stay in the order they were given.
        for (const pack of packSends(routed)) {
          const answers = await producer.sendBatch({ acks: -1, topicMessages: pack.topicMessages })
          for (const answer of answers) {
            const id = `${answer.topicName}/${answer.partition}`
            const count = pack.counts.get(id) ?? 0
            const entry = written.get(id)
            if (entry) entry.count += count
            else
              written.set(id, {
                topic: answer.topicName,
                partition: answer.partition,
                offset: Number(answer.baseOffset ?? -1),
                count,
              })
          }
        }
      } catch (error) {
        throw sendFault(error)
      }
      return [...written.values()]
    },
    async close() {
      await producer.disconnect().catch(() => {})
      await metadata.disconnect().catch(() => {})
    },
  }
}

function sendFault(error: unknown): KafkaFault {
  if (error instanceof KafkaFault) return error
  const found = protocolError(error)
  if (found.type === 'MESSAGE_TOO_LARGE' || found.type === 'RECORD_LIST_TOO_LARGE')
    return new KafkaFault('record-too-large', `a record is larger than its topic takes: ${found.message}`, {
      cause: error,
    })
  if (found.type?.endsWith('AUTHORIZATION_FAILED'))
    return new KafkaFault('not-authorised', found.message, { cause: error })
  return new KafkaFault('unavailable', `Kafka did not take the records: ${found.message}`, { cause: error })
}
