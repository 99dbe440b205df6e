/**
 * Fetches committed records of many partitions ahead of whoever takes them, over one connection per broker.
 *
 * Invariants:
 *  F1. What is buffered of a partition is bounded: a partition with a full buffer is left out of the next fetch.
 *  F2. The next offset to fetch moves past markers and emptied batches, so a reader knows it has reached the end
 *      also when the last thing in the log is not a record.
 *  F3. One partition's fault (out of range, not authorised, unreadable) stops that partition only.
 *  F4. Readers of the same partition at different offsets never get each other's records.
 *  F5. Nothing thrown by a listener or a broker escapes: it ends as a fault or as another try.
 */
import { setTimeout as sleep } from 'node:timers/promises'
import { type Cluster, type FetchedTopic, READ_COMMITTED } from './cluster.ts'
import { committedRecords, type KafkaRecord } from './committedRecords.ts'
import type { Kafka } from './connection.ts'
import { hasMoved, isPartitionsFault } from './fetchErrors.ts'
import { isAuthorisation, KafkaFault, protocolError } from './kafkaFault.ts'

export interface FetcherOptions {
  /** Upper bound of one partition's part of an answer, bytes; a larger record comes all the same. */
  readonly maxPartitionBytes?: number
  /** A partition with more than this waiting is not fetched, bytes. */
  readonly maxBufferedBytes?: number
}

/** 1 MiB: about a thousand events, one batch of a busy task. */
const MAX_PARTITION_BYTES = 1 << 20
/** One answer of all partitions of a broker, bytes: what is decoded in one go, some 20 ms. */
const MAX_ANSWER_BYTES = 4 << 20
const MAX_BUFFERED_BYTES = 2 << 20
/** How long a broker holds an answer when nothing arrives, ms: a partition added meanwhile waits so long. */
const IDLE_WAIT_MS = 250
/** The same while a partition is left out because it is full: it must be asked for again soon. */
const BUSY_WAIT_MS = 5
/** Pauses after a failed fetch, ms: first and longest. */
const FIRST_PAUSE_MS = 50
const LONGEST_PAUSE_MS = 1_000

export interface FetchedChunk {
  readonly records: readonly KafkaRecord[]
  readonly nextOffset: number
  readonly bytes: number
}

export interface FetchedPartition {
  readonly topic: string
  readonly partition: number
  /** Fetched and not yet taken; the taker shifts. */
  readonly chunks: FetchedChunk[]
  /** One past what has been fetched. */
  readonly fetchOffset: number
  /** Next offset to be written that readers of committed records may see, as of the last fetch. */
  readonly end: number | undefined
  readonly fault: KafkaFault | undefined
  /** Removes the first chunk, or puts back what is left of it. */
  taken(rest?: FetchedChunk): void
  pause(): void
  resume(): void
  /** Drops what is buffered and goes on from there. */
  seek(offset: number): void
  close(): void
}

interface Held extends FetchedPartition {
  fetchOffset: number
  end: number | undefined
  fault: KafkaFault | undefined
  bufferedBytes: number
  paused: boolean
  closed: boolean
  /** Counts seeks: an answer to an older question is dropped. */
  turn: number
  leader: number | undefined
  onChange: () => void
}

export class PartitionFetcher {
  readonly #kafka: Kafka
  readonly #cluster: Cluster
  readonly #maxPartitionBytes: number
  readonly #maxBufferedBytes: number
  readonly #held = new Set<Held>()
  readonly #loops = new Map<number, Promise<void>>()
  #wake: (() => void)[] = []
  #leaders: Promise<void> | undefined
  #closed = false
  #failingSince: number | undefined

  constructor(kafka: Kafka, options: FetcherOptions = {}) {
    this.#kafka = kafka
    this.#cluster = kafka.cluster()
    this.#maxPartitionBytes = options.maxPartitionBytes ?? MAX_PARTITION_BYTES
    this.#maxBufferedBytes = options.maxBufferedBytes ?? MAX_BUFFERED_BYTES
  }

  /** `onChange` is called after each answer about this partition: something to take, a new end, or a fault. */
  add(target: { topic: string; partition: number; offset: number }, onChange: () => void): FetchedPartition {
    const held: Held = {
      topic: target.topic,
      partition: target.partition,
      chunks: [],
      fetchOffset: target.offset,
      end: undefined,
      fault: undefined,
      bufferedBytes: 0,
      paused: false,
      closed: false,
      turn: 0,
      leader: undefined,
      onChange,
      taken: (rest) => {
        const [first] = held.chunks
        if (!first) return
        held.bufferedBytes += (rest?.bytes ?? 0) - first.bytes
        if (rest) held.chunks[0] = rest
        else held.chunks.shift()
        this.#wakeAll()
      },
      pause: () => void (held.paused = true),
      resume: () => {
        held.paused = false
        this.#wakeAll()
      },
      seek: (offset) => {
        held.turn++
        held.chunks.length = 0
        held.bufferedBytes = 0
        held.fetchOffset = offset
        held.fault = undefined
        this.#wakeAll()
      },
      close: () => {
        held.closed = true
        held.chunks.length = 0
        this.#held.delete(held)
      },
    }
    this.#held.add(held)
    this.#findLeaders()
    return held
  }

  async close(): Promise<void> {
    this.#closed = true
    for (const held of this.#held) held.closed = true
    this.#held.clear()
    this.#wakeAll()
    // Breaks the fetch that a broker may be holding.
    await this.#cluster.disconnect().catch(() => {})
    await this.#leaders
    await Promise.all(this.#loops.values())
    await this.#cluster.disconnect().catch(() => {})
  }

  #wakeAll(): void {
    const wake = this.#wake
    this.#wake = []
    for (const each of wake) each()
  }

  /** Finds the leaders of partitions without one, again and again until all have one, and starts their loops. */
  #findLeaders(): void {
    this.#leaders ??= this.#findLeadersOnce().finally(() => {
      this.#leaders = undefined
      if (!this.#closed && [...this.#held].some(needsLeader)) this.#findLeaders()
    })
  }

  async #findLeadersOnce(): Promise<void> {
    let pause = FIRST_PAUSE_MS
    while (!this.#closed) {
      const without = [...this.#held].filter(needsLeader)
      if (without.length === 0) return
      try {
        await this.#cluster.connect()
        await this.#cluster.addMultipleTargetTopics([...new Set(without.map((held) => held.topic))])
        if (without.some((held) => this.#leaderOf(held) === undefined)) await this.#cluster.refreshMetadata()
        for (const held of without) {
          held.leader = this.#leaderOf(held)
          if (held.leader !== undefined) this.#startLoop(held.leader)
        }
        this.#wakeAll()
        if (without.every((held) => held.leader !== undefined)) return
      } catch (error) {
        this.#leadersFailed(error, without)
      }
      await this.#pause(pause)
      pause = Math.min(pause * 2, LONGEST_PAUSE_MS)
    }
  }

  #leaderOf(held: Held): number | undefined {
    const found = this.#cluster
      .findTopicPartitionMetadata(held.topic)
      .find((metadata) => metadata.partitionId === held.partition)
    return found && found.leader >= 0 ? found.leader : undefined
  }

  #leadersFailed(error: unknown, without: readonly Held[]): void {
    const found = protocolError(error)
    if (isAuthorisation(found))
      for (const held of without)
        this.#fail(held, new KafkaFault('not-authorised', found.message, { cause: error }))
    else this.#noteFailure(error)
  }

  #startLoop(node: number): void {
    if (this.#loops.has(node) || this.#closed) return
    this.#loops.set(
      node,
      this.#loop(node).finally(() => this.#loops.delete(node)),
    )
  }

  async #loop(node: number): Promise<void> {
    let pause = FIRST_PAUSE_MS
    let alone = 0
    while (!this.#closed) {
      const led = [...this.#held].filter((held) => held.leader === node && !held.fault && !held.paused)
      const room = led.filter((held) => held.bufferedBytes < this.#maxBufferedBytes)
      if (room.length === 0) {
        await new Promise<void>((resolve) => this.#wake.push(resolve))
        continue
      }
      // After a fault that names no partition, each is asked for alone until the culprit is found.
      const asked = alone > 0 ? [room[alone-- % room.length]!] : this.#onePerPartition(room)
      const turns = asked.map((held) => held.turn)
      try {
        const wait = asked.length < led.length ? BUSY_WAIT_MS : IDLE_WAIT_MS
        const answer = await this.#fetch(node, asked, wait)
        this.#deliver(answer, asked, turns)
        this.#noteSuccess()
        pause = FIRST_PAUSE_MS
      } catch (error) {
        if (this.#closed) return
        if (this.#fetchFailed(error, asked)) continue
        if (asked.length > 1 && isPartitionsFault(error)) alone = asked.length
        await this.#pause(pause)
        pause = Math.min(pause * 2, LONGEST_PAUSE_MS)
      }
    }
  }

  /**
   * Two readers of one partition take turns: an answer names the partition only, so it could not be told which of
   * them it is for.
   */
  #onePerPartition(room: readonly Held[]): Held[] {
    const asked = new Map<string, Held>()
    for (const held of room) {
      const id = `${held.topic}/${held.partition}`
      if (!asked.has(id)) asked.set(id, held)
    }
    if (asked.size < room.length)
      for (const held of asked.values()) {
        this.#held.delete(held)
        this.#held.add(held)
      }
    return [...asked.values()]
  }

  async #fetch(node: number, asked: readonly Held[], maxWaitTime: number): Promise<readonly FetchedTopic[]> {
    await this.#cluster.refreshMetadataIfNecessary()
    const broker = await this.#cluster.findBroker({ nodeId: node })
    const byTopic = new Map<string, { partition: number; fetchOffset: string; maxBytes: number }[]>()
    for (const held of asked) {
      let partitions = byTopic.get(held.topic)
      if (!partitions) byTopic.set(held.topic, (partitions = []))
      partitions.push({
        partition: held.partition,
        fetchOffset: String(held.fetchOffset),
        maxBytes: this.#maxPartitionBytes,
      })
    }
    const { responses } = await broker.fetch({
      isolationLevel: READ_COMMITTED,
      maxWaitTime,
      minBytes: 1,
      maxBytes: MAX_ANSWER_BYTES,
      topics: [...byTopic].map(([topic, partitions]) => ({ topic, partitions })),
    })
    return responses
  }

  #deliver(answer: readonly FetchedTopic[], asked: readonly Held[], turns: readonly number[]): void {
    const index = new Map(asked.map((held, i) => [`${held.topic}/${held.partition}`, i]))
    for (const { topicName, partitions } of answer)
      for (const fetched of partitions) {
        const at = index.get(`${topicName}/${fetched.partition}`)
        const held = at === undefined ? undefined : asked[at]
        if (!held || held.closed || held.turn !== turns[at!]) continue
        const chunk = committedRecords(fetched.messages, held.fetchOffset, fetched.abortedTransactions)
        held.end = Number(fetched.lastStableOffset ?? fetched.highWatermark)
        if (chunk.nextOffset > held.fetchOffset) {
          held.fetchOffset = chunk.nextOffset
          held.chunks.push(chunk)
          held.bufferedBytes += chunk.bytes
        }
        this.#notify(held)
      }
  }

  /** True when the error was one partition's and has been given to it. */
  #fetchFailed(thrown: unknown, asked: readonly Held[]): boolean {
    const found = protocolError(thrown)
    const named = asked.filter((held) => held.topic === found.topic && held.partition === found.partition)
    const culprit = named[0] ?? (asked.length === 1 ? asked[0] : undefined)
    if (hasMoved(found)) {
      for (const held of culprit ? [culprit] : asked) held.leader = undefined
      void this.#cluster.refreshMetadata().catch(() => {})
      this.#findLeaders()
      return false
    }
    if (culprit && found.type === 'OFFSET_OUT_OF_RANGE') {
      this.#fail(culprit, new KafkaFault('offset-out-of-range', outOfRange(culprit), { cause: thrown }))
      return true
    }
    if (culprit && isAuthorisation(found)) {
      this.#fail(
        culprit,
        new KafkaFault('not-authorised', `${culprit.topic}: ${found.message}`, { cause: thrown }),
      )
      return true
    }
    if (culprit && isPartitionsFault(thrown)) {
      const message = `records of ${culprit.topic}/${culprit.partition} from offset ${culprit.fetchOffset} cannot be decoded: ${found.message}`
      this.#fail(culprit, new KafkaFault('unreadable-records', message, { cause: thrown }))
      return true
    }
    for (const held of asked) held.leader = undefined
    this.#findLeaders()
    this.#noteFailure(thrown)
    return false
  }

  #fail(held: Held, fault: KafkaFault): void {
    held.fault = fault
    this.#notify(held)
  }

  #notify(held: Held): void {
    try {
      held.onChange()
    } catch (error) {
      this.#kafka.logger.error(
        { topic: held.topic, partition: held.partition, err: error },
        'a listener of fetches failed',
      )
    }
  }

  #noteFailure(error: unknown): void {
    if (this.#closed || this.#failingSince !== undefined) return
    this.#failingSince = Date.now()
    this.#kafka.logger.warn(
      { reason: protocolError(error).message },
      'fetching from Kafka fails; it is tried again until it works',
    )
  }

  #noteSuccess(): void {
    if (this.#failingSince === undefined) return
    this.#kafka.logger.info({ afterMs: Date.now() - this.#failingSince }, 'fetching from Kafka works again')
    this.#failingSince = undefined
  }

  async #pause(ms: number): Promise<void> {
    if (!this.#closed) await sleep(ms, undefined, { ref: false })
  }
}

function outOfRange(held: Held): string {
  return `offset ${held.fetchOffset} of ${held.topic}/${held.partition} is outside its log`
}

function needsLeader(held: Held): boolean {
  return held.leader === undefined && !held.fault
}
