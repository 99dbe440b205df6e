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
 * time, copies each several times, and refreshes all metadata at each concurrent-transactions answer.
 */
import { setTimeout as sleep } from 'node:timers/promises'
import {
  type LogRecord,
  RuntimeFault,
  type SentTo,
  type TransactionalSession,
} from '@tributary/stream-runtime'
import type { TopicSpec } from '@tributary/contracts'
import type { Cluster, TransactionalBroker } from './cluster.ts'
import type { Kafka } from './connection.ts'
import { isAuthorisation, protocolError } from './kafkaFault.ts'
import type { Lane, ProducedLane, Producer } from './produce/encodeProduce.ts'
import { type AddressedRecord, packLanes, recordBytes } from './produce/packLanes.ts'
import { produceTo } from './produce/produceTo.ts'

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
  /** What a topic is called in Kafka. */
  readonly nameOf: (spec: TopicSpec) => string
}

export async function openKafkaSession(kafka: Kafka, options: SessionOptions): Promise<TransactionalSession> {
  const cluster = kafka.cluster()
  try {
    const { coordinator, producer } = await initialise(cluster, options.transactionalId)
    return new KafkaSession(cluster, coordinator, producer, options)
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
      return { coordinator, producer: { transactionalId, ...identity } }
    } catch (error) {
      if (tries >= INIT_TRIES || !INIT_AGAIN.has(protocolError(error).type ?? '')) throw error
      await sleep(INIT_PAUSE_MS)
    }
  }
}

class KafkaSession implements TransactionalSession {
  readonly #cluster: Cluster
  readonly #coordinator: TransactionalBroker
  readonly #producer: Producer
  readonly #options: SessionOptions
  readonly #sequences = new Map<string, number>()
  /** Partitions of the open transaction. */
  readonly #added = new Set<string>()
  #broken: unknown

  constructor(
    cluster: Cluster,
    coordinator: TransactionalBroker,
    producer: Producer,
    options: SessionOptions,
  ) {
    this.#cluster = cluster
    this.#coordinator = coordinator
    this.#producer = producer
    this.#options = options
  }

  send(records: readonly LogRecord[]): Promise<readonly SentTo[]> {
    return this.#once(async () => {
      const specs = new Map<TopicSpec, string>()
      const byName = new Map<string, TopicSpec>()
      const addressed = records.map(({ topic: spec, partition, key, value, headers }) => {
        let topic = specs.get(spec)
        if (topic === undefined) {
          specs.set(spec, (topic = this.#options.nameOf(spec)))
          byName.set(topic, spec)
        }
        return fitting({ topic, partition, key, value, ...(headers && { headers }) }, spec)
      })
      await this.#cluster.addMultipleTargetTopics([...byName.keys()])
      const requests = packLanes(addressed)
      await this.#addPartitions(requests.flat())
      const sent = new Map<string, SentTo>()
      for (const lanes of requests)
        for (const { topic, partition, lastOffset } of await this.#produce(lanes))
          sent.set(`${topic}/${partition}`, { topic: byName.get(topic)!, partition, lastOffset })
      return [...sent.values()]
    })
  }

  commit(): Promise<void> {
    return this.#once(async () => {
      if (this.#added.size === 0) return
      await this.#coordinator.endTxn({ ...this.#producer, transactionResult: true })
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

  async #addPartitions(lanes: readonly Lane[]): Promise<void> {
    const topics = new Map<string, number[]>()
    const fresh = new Set<string>()
    for (const { topic, partition } of lanes) {
      const id = `${topic}/${partition}`
      if (this.#added.has(id) || fresh.has(id)) continue
      fresh.add(id)
      topics.set(topic, [...(topics.get(topic) ?? []), partition])
    }
    if (fresh.size === 0) return
    const request = {
      ...this.#producer,
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
  async #produce(lanes: readonly Lane[]) {
    const byLeader = new Map<number, Lane[]>()
    for (const lane of lanes) {
      const { topic, partition, records } = lane
      const id = `${topic}/${partition}`
      const metadata = this.#cluster.findTopicPartitionMetadata(topic)
      const leader = metadata.find(({ partitionId }) => partitionId === partition)?.leader
      if (leader === undefined || leader < 0)
        throw new RuntimeFault('log-unavailable', `${id} has no leader at the moment`)
      const firstSequence = this.#sequences.get(id) ?? 0
      // Sequence numbers are 31 bits wide and begin again at 0.
      this.#sequences.set(id, (firstSequence + records.length) % 2 ** 31)
      const led = byLeader.get(leader)
      if (led) led.push({ ...lane, firstSequence })
      else byLeader.set(leader, [{ ...lane, firstSequence }])
    }
    const answers = await Promise.all([...byLeader].map(([leader, led]) => this.#produceTo(leader, led)))
    return answers.flat()
  }

  async #produceTo(nodeId: number, lanes: readonly Lane[]) {
    const broker = await this.#cluster.findBroker({ nodeId })
    const answers = await produceTo(broker, lanes, {
      timeoutMs: PRODUCE_TIMEOUT_MS,
      nowMs: Date.now(),
      producer: this.#producer,
    })
    const answered = new Map(answers.map((answer) => [`${answer.topic}/${answer.partition}`, answer]))
    return lanes.map(({ topic, partition, records }) => {
      const answer = answered.get(`${topic}/${partition}`)
      if (answer?.errorCode !== 0) throw laneFault(this.#producer.transactionalId, topic, partition, answer)
      const first = answer.baseOffset
      return { topic, partition, lastOffset: first < 0 ? -1 : first + records.length - 1 }
    })
  }
}

function fitting(record: AddressedRecord, spec: TopicSpec): AddressedRecord {
  const size = recordBytes(record) + BATCH_HEADER_BYTES
  const max = spec.maxMessageBytes ?? DEFAULT_MAX_MESSAGE_BYTES
  if (size > max)
    throw new RuntimeFault(
      'record-too-large',
      `a record of ${size} bytes for ${record.topic}/${record.partition}, which takes at most ${max}: the caps on fragments and profiles must keep below it`,
    )
  return record
}

/** Error codes of the protocol: a newer epoch of the producer, a batch or record too large, not granted. */
const FENCED_CODES: ReadonlySet<number> = new Set([47, 90])
const TOO_LARGE_CODES: ReadonlySet<number> = new Set([10, 18])
const NOT_AUTHORISED_CODES: ReadonlySet<number> = new Set([29, 31, 53])

function laneFault(
  transactionalId: string,
  topic: string,
  partition: number,
  answer: ProducedLane | undefined,
): RuntimeFault {
  const where = `${topic}/${partition}`
  const code = answer?.errorCode ?? -1
  if (FENCED_CODES.has(code)) return fenced(transactionalId)
  if (TOO_LARGE_CODES.has(code))
    return new RuntimeFault(
      'record-too-large',
      `${transactionalId}: Kafka refused a record for ${where} as too large: raise max.message.bytes of the topic to what the catalogue says`,
    )
  if (NOT_AUTHORISED_CODES.has(code))
    return new RuntimeFault('not-authorised', `${transactionalId}: it may not write to ${where}: grant it`)
  return new RuntimeFault('log-unavailable', `${transactionalId}: Kafka answered error ${code} for ${where}`)
}

function fenced(where: string, options?: { cause: unknown }): RuntimeFault {
  return new RuntimeFault(
    'fenced',
    `${where} has a newer owner, or took longer than its transaction may`,
    options,
  )
}

/** What an error means to a task. */
export function logFault(error: unknown, where: string): RuntimeFault {
  if (error instanceof RuntimeFault) return error
  const found = protocolError(error)
  const options = { cause: error }
  if (FENCED.has(found.type ?? '') || /Unknown error code 90\b/.test(found.message))
    return fenced(where, options)
  if (isAuthorisation(found)) return new RuntimeFault('not-authorised', `${where}: ${found.message}`, options)
  return new RuntimeFault('log-unavailable', `${where}: ${found.message}`, options)
}

/** 90 is PRODUCER_FENCED, which kafkajs 2.2.4 does not know by name. */
const FENCED = new Set(['INVALID_PRODUCER_EPOCH', 'PRODUCER_FENCED'])
