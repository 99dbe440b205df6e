/**
 * A transactional producer of one task, in the fewest words of the protocol:
 * InitProducerId, then for each transaction AddPartitionsToTxn, Produce, EndTxn.
 *
 * Invariants (the numbers of stream-runtime's ports/log.ts):
 *  L1. InitProducerId has been answered before the session is handed out: earlier owners are fenced, and what they
 *      left is committed or aborted.
 *  L3. After any error nothing more is sent: the caller discards the session. A request that was given up may still
 *      arrive, and must never meet a transaction that goes on under the same epoch.
 *  L5. One answer alone is asked for again: "concurrent transactions" to the first request of a transaction, for the
 *      markers of the last one are still being written; nothing has been sent then.
 *  L6. Requests to one broker are serial: the sequence numbers of a partition arrive in order.
 *
 * kafkajs's own transactional producer does the same with retries of its own in between, groups messages in quadratic
 * time and refreshes all metadata at each concurrent-transactions answer.
 */
import { setTimeout as sleep } from 'node:timers/promises'
import {
  type LogRecord,
  RuntimeFault,
  type SentTo,
  type TransactionalSession,
} from '@tributary/stream-runtime'
import { topicName, type TopicSpec } from '@tributary/contracts'
import type { Cluster, ProducerIdentity, TransactionalBroker } from './cluster.ts'
import type { Kafka } from './connection.ts'
import { isAuthorisation, protocolError } from './kafkaFault.ts'
import { type OutgoingRecord, type PackedSend, packSends, sizeOf } from './packSends.ts'

/** The broker ends a transaction that stays open for so long, ms: longer than any batch, shorter than patience. */
const TRANSACTION_TIMEOUT_MS = 15_000
/** How long a broker may take to have all in-sync replicas, ms. */
const PRODUCE_TIMEOUT_MS = 10_000
/** Between two tries while the markers of the last transaction are written, ms. */
const CONCURRENT_PAUSE_MS = 2
/** Tries; some ten seconds in all, after which something else is wrong. */
const CONCURRENT_TRIES = 2_000
/** Between two tries to initialise while the last owner's transaction is being ended, ms. */
const INIT_PAUSE_MS = 20
const INIT_TRIES = 500
/** max.message.bytes where the catalogue says nothing: the broker's default. */
const DEFAULT_MAX_MESSAGE_BYTES = 1_048_588
/** A batch of one record is larger than the record by its header, bytes. */
const BATCH_HEADER_BYTES = 100
const TRANSACTION_COORDINATOR = 1

const INIT_AGAIN = new Set([
  'CONCURRENT_TRANSACTIONS',
  'NOT_COORDINATOR_FOR_GROUP',
  'GROUP_COORDINATOR_NOT_AVAILABLE',
  'GROUP_LOAD_IN_PROGRESS',
])

export interface SessionOptions {
  readonly transactionalId: string
  readonly topicPrefix: string
}

export async function openKafkaSession(kafka: Kafka, options: SessionOptions): Promise<TransactionalSession> {
  const cluster = kafka.cluster()
  try {
    const { coordinator, identity } = await initialise(cluster, options.transactionalId)
    return new KafkaSession(cluster, coordinator, identity, options)
  } catch (error) {
    await cluster.disconnect().catch(() => {})
    throw logFault(error, options.transactionalId)
  }
}

async function initialise(cluster: Cluster, transactionalId: string) {
  await cluster.connect()
  await cluster.refreshMetadata()
  for (let tries = 1; ; tries++) {
    try {
      const coordinator = (await cluster.findGroupCoordinator({
        groupId: transactionalId,
        coordinatorType: TRANSACTION_COORDINATOR,
      })) as TransactionalBroker
      const identity = await coordinator.initProducerId({
        transactionalId,
        transactionTimeout: TRANSACTION_TIMEOUT_MS,
      })
      return { coordinator, identity }
    } catch (error) {
      if (tries >= INIT_TRIES || !INIT_AGAIN.has(protocolError(error).type ?? '')) throw error
      await sleep(INIT_PAUSE_MS)
    }
  }
}

class KafkaSession implements TransactionalSession {
  readonly #cluster: Cluster
  readonly #coordinator: TransactionalBroker
  readonly #identity: ProducerIdentity
  readonly #options: SessionOptions
  readonly #sequences = new Map<string, number>()
  /** Partitions of the open transaction. */
  readonly #added = new Set<string>()
  #broken: unknown

  constructor(
    cluster: Cluster,
    coordinator: TransactionalBroker,
    identity: ProducerIdentity,
    options: SessionOptions,
  ) {
    this.#cluster = cluster
    this.#coordinator = coordinator
    this.#identity = identity
    this.#options = options
  }

  send(records: readonly LogRecord[]): Promise<readonly SentTo[]> {
    return this.#once(async () => {
      const specs = new Map<string, TopicSpec>()
      const outgoing = records.map((record) => {
        const topic = topicName(this.#options.topicPrefix, record.topic)
        specs.set(topic, record.topic)
        return fitting({ ...record, topic }, record.topic)
      })
      await this.#cluster.addMultipleTargetTopics([...specs.keys()])
      await this.#addPartitions(outgoing)
      const sent = new Map<string, SentTo>()
      for (const pack of packSends(outgoing))
        for (const { topic, partition, lastOffset } of await this.#produce(pack))
          sent.set(`${topic}/${partition}`, { topic: specs.get(topic)!, partition, lastOffset })
      return [...sent.values()]
    })
  }

  commit(): Promise<void> {
    return this.#once(async () => {
      if (this.#added.size === 0) return
      const { transactionalId } = this.#options
      await this.#coordinator.endTxn({ ...this.#identity, transactionalId, transactionResult: true })
      this.#added.clear()
    })
  }

  async discard(): Promise<void> {
    this.#broken ??= new RuntimeFault('log-unavailable', 'the session has been discarded')
    await this.#cluster.disconnect().catch(() => {})
  }

  /** L3: the first error is the last thing that happens. */
  async #once<T>(run: () => Promise<T>): Promise<T> {
    if (this.#broken !== undefined) throw this.#broken
    try {
      return await run()
    } catch (error) {
      this.#broken = logFault(error, this.#options.transactionalId)
      throw this.#broken
    }
  }

  async #addPartitions(records: readonly OutgoingRecord[]): Promise<void> {
    const topics = new Map<string, number[]>()
    const fresh = new Set<string>()
    for (const { topic, partition } of records) {
      const id = `${topic}/${partition}`
      if (this.#added.has(id) || fresh.has(id)) continue
      fresh.add(id)
      topics.set(topic, [...(topics.get(topic) ?? []), partition])
    }
    if (fresh.size === 0) return
    const { transactionalId } = this.#options
    const request = {
      ...this.#identity,
      transactionalId,
      topics: [...topics].map(([topic, partitions]) => ({ topic, partitions })),
    }
    for (let tries = 1; ; tries++) {
      try {
        await this.#coordinator.addPartitionsToTxn(request)
        break
      } catch (error) {
        const first = this.#added.size === 0
        const concurrent = protocolError(error).type === 'CONCURRENT_TRANSACTIONS'
        if (!first || !concurrent || tries >= CONCURRENT_TRIES) throw error
        await sleep(CONCURRENT_PAUSE_MS)
      }
    }
    for (const id of fresh) this.#added.add(id)
  }

  /** One request per leader, side by side; each partition is in one of them only. */
  async #produce({ topicMessages }: PackedSend) {
    const byLeader = new Map<number, Map<string, ProducedPartition[]>>()
    for (const { topic, messages } of topicMessages) {
      const metadata = this.#cluster.findTopicPartitionMetadata(topic)
      const byPartition = new Map<number, ProducedPartition>()
      for (const message of messages) {
        const partition = message.partition!
        let produced = byPartition.get(partition)
        if (!produced) {
          const firstSequence = this.#sequences.get(`${topic}/${partition}`) ?? 0
          byPartition.set(partition, (produced = { partition, firstSequence, messages: [] }))
        }
        produced.messages.push(message)
      }
      for (const produced of byPartition.values()) {
        const leader = metadata.find(({ partitionId }) => partitionId === produced.partition)?.leader
        if (leader === undefined || leader < 0)
          throw new RuntimeFault(
            'log-unavailable',
            `${topic}/${produced.partition} has no leader at the moment`,
          )
        let topics = byLeader.get(leader)
        if (!topics) byLeader.set(leader, (topics = new Map()))
        topics.set(topic, [...(topics.get(topic) ?? []), produced])
        const next = produced.firstSequence + produced.messages.length
        // Sequence numbers are 31 bits wide and begin again at 0.
        this.#sequences.set(`${topic}/${produced.partition}`, next % 2 ** 31)
      }
    }
    const answers = await Promise.all(
      [...byLeader].map(([leader, topics]) => this.#produceTo(leader, topics)),
    )
    return answers.flat()
  }

  async #produceTo(nodeId: number, topics: ReadonlyMap<string, ProducedPartition[]>) {
    const broker = (await this.#cluster.findBroker({ nodeId })) as TransactionalBroker
    const answer = await broker.produce({
      ...this.#identity,
      transactionalId: this.#options.transactionalId,
      acks: -1,
      timeout: PRODUCE_TIMEOUT_MS,
      topicData: [...topics].map(([topic, partitions]) => ({ topic, partitions })),
    })
    return answer.topics.flatMap(({ topicName: topic, partitions }) =>
      partitions.map(({ partition, baseOffset }) => {
        const count = topics.get(topic)!.find((each) => each.partition === partition)!.messages.length
        const first = Number(baseOffset ?? -1)
        return { topic, partition, lastOffset: first < 0 ? -1 : first + count - 1 }
      }),
    )
  }
}

interface ProducedPartition {
  readonly partition: number
  readonly firstSequence: number
  readonly messages: PackedSend['topicMessages'][number]['messages']
}

function fitting(record: OutgoingRecord, spec: TopicSpec): OutgoingRecord {
  const size = sizeOf(record) + BATCH_HEADER_BYTES
  const max = spec.maxMessageBytes ?? DEFAULT_MAX_MESSAGE_BYTES
  if (size > max)
    throw new RuntimeFault(
      'record-too-large',
      `a record of ${size} bytes for ${record.topic}/${record.partition}, which takes at most ${max}: the caps on fragments and profiles must keep below it`,
    )
  return record
}

/** What an error means to a task. */
export function logFault(error: unknown, where: string): RuntimeFault {
  if (error instanceof RuntimeFault) return error
  const found = protocolError(error)
  const options = { cause: error }
  if (FENCED.has(found.type ?? '') || /Unknown error code 90\b/.test(found.message))
    return new RuntimeFault(
      'fenced',
      `${where} has a newer owner, or took longer than its transaction may`,
      options,
    )
  if (found.type === 'MESSAGE_TOO_LARGE' || found.type === 'RECORD_LIST_TOO_LARGE')
    return new RuntimeFault(
      'record-too-large',
      `${where}: Kafka refused a record as too large: raise max.message.bytes of its topic to what the catalogue says`,
      options,
    )
  if (isAuthorisation(found)) return new RuntimeFault('not-authorised', `${where}: ${found.message}`, options)
  return new RuntimeFault('log-unavailable', `${where}: ${found.message}`, options)
}

/** 90 is PRODUCER_FENCED, which kafkajs 2.2.4 does not know by name. */
const FENCED = new Set(['INVALID_PRODUCER_EPOCH', 'PRODUCER_FENCED'])
