/**
 * A plain consumer group: at least once, for readers whose effects are harmless when repeated (writers of the event
 * log, Kafka sources). Each partition has a loop of its own; nothing is committed unless `commit` is called.
 *
 * Invariants:
 *  C1. The records of a partition are handed over in order, one batch at a time; the next one after the handler is done.
 *  C2. A handler may take as long as it wants: heartbeats go on, and its partition is not fetched beyond its buffer.
 *  C3. After a partition is taken away, its `signal` is aborted and commits for it are refused, here and by the broker.
 *  C4. A partition that another member may have had in between is owned anew: its former `signal` is aborted, and where
 *      it stands is asked again, also when it seems never to have left.
 *  C5. A handler that throws is a broken program: the group stops and says so through `onFatal`.
 */
import { setTimeout as sleep } from 'node:timers/promises'
import type { KafkaRecord } from './committedRecords.ts'
import type { Kafka } from './connection.ts'
import { type Generation, GroupMember } from './groupMember.ts'
import { KafkaFault, protocolError } from './kafkaFault.ts'
import { listOffsets } from './listOffsets.ts'
import { type FetchedPartition, PartitionFetcher } from './partitionFetcher.ts'

export interface ConsumerGroupOptions {
  readonly group: string
  /** Names in Kafka. */
  readonly topics: readonly string[]
  readonly nodeId: string
  /** Where a partition without a committed offset begins. */
  readonly startAt?: 'earliest' | 'latest'
  /** At most so many records are handed over at once; 1,000 when left out. */
  readonly maxRecords?: number
  /**
   * Before the first batch of a partition that is newly owned. What it resolves to is where reading begins; undefined
   * means the committed offset.
   */
  readonly onAssigned?: (partition: AssignedPartition) => Promise<number | undefined> | number | undefined
  /** An error it throws is fatal: it retries what can be retried itself. */
  readonly onRecords: (batch: GroupBatch) => Promise<void>
  /** The position lies before the log's start (expired) or beyond its end. Resolves to where to go on; fatal without it. */
  readonly onOutOfRange?: (range: OutOfRange) => Promise<number> | number
  readonly onFatal: (error: Error) => void
}

export interface AssignedPartition {
  readonly topic: string
  readonly partition: number
  /** Undefined when nothing has been committed, or it has expired. */
  readonly committed: { readonly offset: number; readonly metadata: string } | undefined
  /** Aborted when the partition is taken away. */
  readonly signal: AbortSignal
}

export interface GroupBatch {
  readonly topic: string
  readonly partition: number
  readonly records: readonly KafkaRecord[]
  /** One past this batch, markers included: what to commit when it is done. */
  readonly nextOffset: number
  /** Next offset to be written, as of the last fetch: lag is end - nextOffset. */
  readonly end: number
  readonly signal: AbortSignal
}

export interface OutOfRange {
  readonly topic: string
  readonly partition: number
  readonly position: number
  readonly start: number
  readonly end: number
}

export interface ConsumerGroup {
  /**
   * Commits the next offset to read, with up to 4,000 bytes of metadata. Waits out a rebalance; throws KafkaFault
   * "not-assigned" when the partition is no longer owned.
   */
  commit(topic: string, partition: number, offset: number, metadata?: string): Promise<void>
  pause(topic: string, partition: number): void
  resume(topic: string, partition: number): void
  /** Next batch from there. */
  seek(topic: string, partition: number, offset: number): void
  assigned(): readonly { readonly topic: string; readonly partition: number }[]
  /** Waits for the handlers that are under way, then leaves. */
  stop(): Promise<void>
}

const MAX_RECORDS = 1_000
/** Pause before a failed call to the coordinator is repeated, ms. */
const RETRY_MS = 200

interface Owned {
  readonly topic: string
  readonly partition: number
  readonly revoked: AbortController
  fetched: FetchedPartition | undefined
  paused: boolean
  position: number
  /** Counts seeks, so that a batch that was under way does not undo one. */
  seeks: number
  wake: () => void
  done: Promise<void>
}

export function createConsumerGroup(kafka: Kafka, options: ConsumerGroupOptions): ConsumerGroup {
  return new PlainGroup(kafka, options)
}

class PlainGroup implements ConsumerGroup {
  readonly #kafka: Kafka
  readonly #options: ConsumerGroupOptions
  readonly #member: GroupMember
  readonly #fetcher: PartitionFetcher
  readonly #owned = new Map<string, Owned>()
  #generation: Generation | undefined
  #onGeneration: (() => void)[] = []
  #stopped = false

  constructor(kafka: Kafka, options: ConsumerGroupOptions) {
    this.#kafka = kafka
    this.#options = options
    this.#fetcher = new PartitionFetcher(kafka)
    this.#member = new GroupMember(kafka, {
      group: options.group,
      topics: options.topics,
      coPartitioned: false,
      member: { nodeId: options.nodeId },
      onAssigned: (generation) => this.#assigned(generation),
      onFatal: (error) => this.#fail(error),
    })
    this.#member.start()
  }

  async commit(topic: string, partition: number, offset: number, metadata?: string): Promise<void> {
    const owned = this.#owned.get(idOf(topic, partition))
    for (;;) {
      const generation = this.#generation
      if (!owned || !generation || owned.revoked.signal.aborted)
        throw new KafkaFault('not-assigned', `${topic}/${partition} belongs to another member now`)
      try {
        await this.#member.commit(generation, [
          { topic, partition, offset, ...(metadata === undefined ? {} : { metadata }) },
        ])
        return
      } catch (error) {
        const { type } = protocolError(error)
        if (type === 'OFFSET_METADATA_TOO_LARGE' || type === 'GROUP_AUTHORIZATION_FAILED') throw error
        if (this.#generation === generation)
          await Promise.race([this.#nextGeneration(), sleep(RETRY_MS, undefined, { ref: false })])
      }
    }
  }

  pause(topic: string, partition: number): void {
    const owned = this.#owned.get(idOf(topic, partition))
    if (owned) owned.paused = true
  }

  resume(topic: string, partition: number): void {
    const owned = this.#owned.get(idOf(topic, partition))
    if (!owned) return
    owned.paused = false
    owned.wake()
  }

  seek(topic: string, partition: number, offset: number): void {
    const owned = this.#owned.get(idOf(topic, partition))
    if (!owned) return
    owned.seeks++
    owned.position = offset
    owned.fetched?.seek(offset)
    owned.wake()
  }

  assigned() {
    return [...this.#owned.values()].map(({ topic, partition }) => ({ topic, partition }))
  }

  async stop(): Promise<void> {
    this.#stopped = true
    const owned = [...this.#owned.values()]
    for (const each of owned) each.wake()
    await Promise.all(owned.map((each) => each.done))
    await this.#member.stop()
    await this.#fetcher.close()
    for (const each of owned) each.revoked.abort()
  }

  #assigned(generation: Generation): void {
    const kept = new Set<string>()
    // Each rebalance counts one: after a generation this member was not part of, nobody knows who had what (C4).
    if (this.#generation !== undefined && generation.id === this.#generation.id + 1)
      for (const [topic, partitions] of generation.assignment)
        for (const partition of partitions) kept.add(idOf(topic, partition))
    this.#generation = generation
    for (const [id, owned] of this.#owned)
      if (!kept.has(id)) {
        this.#owned.delete(id)
        owned.revoked.abort()
        owned.fetched?.close()
        owned.wake()
      }
    for (const [topic, partitions] of generation.assignment)
      for (const partition of partitions)
        if (!this.#owned.has(idOf(topic, partition))) this.#own(topic, partition)
    const waiting = this.#onGeneration
    this.#onGeneration = []
    for (const each of waiting) each()
  }

  #own(topic: string, partition: number): void {
    const owned: Owned = {
      topic,
      partition,
      revoked: new AbortController(),
      fetched: undefined,
      paused: false,
      position: 0,
      seeks: 0,
      wake: () => {},
      done: Promise.resolve(),
    }
    this.#owned.set(idOf(topic, partition), owned)
    owned.done = this.#runPartition(owned).catch((error: unknown) => {
      if (!owned.revoked.signal.aborted) this.#fail(error)
    })
  }

  async #runPartition(owned: Owned): Promise<void> {
    const { topic, partition } = owned
    const { signal } = owned.revoked
    const committed = await this.#untilItWorks(owned, () => this.#member.committed(topic, partition))
    if (this.#over(owned)) return
    const chosen = await this.#options.onAssigned?.({ topic, partition, committed, signal })
    if (this.#over(owned)) return
    const from = chosen ?? committed?.offset ?? (await this.#defaultOffset(owned))
    if (this.#over(owned)) return
    if (owned.seeks === 0) owned.position = from
    owned.fetched = this.#fetcher.add({ topic, partition, offset: owned.position }, () => owned.wake())
    while (!this.#over(owned)) {
      if (owned.fetched.fault) await this.#recover(owned, owned.fetched.fault)
      else if (owned.paused || owned.fetched.chunks.length === 0)
        await new Promise<void>((resolve) => (owned.wake = resolve))
      else await this.#handOver(owned, owned.fetched)
    }
  }

  async #handOver(owned: Owned, fetched: FetchedPartition): Promise<void> {
    const { topic, partition } = owned
    const max = this.#options.maxRecords ?? MAX_RECORDS
    const chunk = fetched.chunks[0]!
    const records = chunk.records.slice(0, max)
    const all = records.length === chunk.records.length
    const nextOffset = all ? chunk.nextOffset : records.at(-1)!.offset + 1
    if (all) fetched.taken()
    else
      fetched.taken({
        records: chunk.records.slice(max),
        nextOffset: chunk.nextOffset,
        bytes: (chunk.bytes * (chunk.records.length - max)) / chunk.records.length,
      })
    const { seeks } = owned
    if (records.length > 0)
      await this.#options.onRecords({
        topic,
        partition,
        records,
        nextOffset,
        end: Math.max(fetched.end ?? nextOffset, nextOffset),
        signal: owned.revoked.signal,
      })
    if (owned.seeks === seeks) owned.position = nextOffset
  }

  async #recover(owned: Owned, fault: KafkaFault): Promise<void> {
    const { topic, partition, position } = owned
    if (fault.code !== 'offset-out-of-range' || !this.#options.onOutOfRange) throw fault
    const { start, end } = await this.#untilItWorks(owned, () => this.#bounds(topic, partition))
    const goOn = await this.#options.onOutOfRange({ topic, partition, position, start, end })
    owned.position = goOn
    owned.fetched?.seek(goOn)
  }

  async #defaultOffset(owned: Owned): Promise<number> {
    const bounds = await this.#untilItWorks(owned, () => this.#bounds(owned.topic, owned.partition))
    return this.#options.startAt === 'latest' ? bounds.end : bounds.start
  }

  async #bounds(topic: string, partition: number) {
    const cluster = this.#kafka.cluster()
    try {
      return (await listOffsets(cluster, topic, [partition]))[0]!
    } finally {
      await cluster.disconnect().catch(() => {})
    }
  }

  async #untilItWorks<T>(owned: Owned, call: () => Promise<T>): Promise<T> {
    for (;;) {
      try {
        return await call()
      } catch (error) {
        if (this.#over(owned)) throw error
        if (error instanceof KafkaFault && !error.retriable) throw error
        await sleep(RETRY_MS, undefined, { ref: false })
      }
    }
  }

  #over(owned: Owned): boolean {
    return this.#stopped || owned.revoked.signal.aborted
  }

  #nextGeneration(): Promise<void> {
    return new Promise((resolve) => this.#onGeneration.push(resolve))
  }

  #fail(error: unknown): void {
    if (this.#stopped) return
    this.#stopped = true
    for (const owned of this.#owned.values()) {
      owned.revoked.abort()
      owned.wake()
    }
    void this.#member.stop()
    void this.#fetcher.close()
    this.#options.onFatal(error instanceof Error ? error : new Error(String(error)))
  }
}

function idOf(topic: string, partition: number): string {
  return `${topic}/${partition}`
}
