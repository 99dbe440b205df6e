/**
 * The writers of the event log in one service: a consumer group per topic, a PartitionWriter per partition it owns.
 *
 * Invariants:
 *  W1. A writer takes up where openPartition says, and nowhere else.
 *  W2. Records wait in a bounded buffer; while ClickHouse is away the partition is simply not read further.
 *  W3. Losing a partition ends its writer; what it had under way can do no harm (tokens, refused commits).
 *  W4. ClickHouse being away never makes the service unready: events are safe in Kafka, and the state says so.
 */
import { setTimeout as sleep } from 'node:timers/promises'
import { type TopicSpec, placeTopic, topicName } from '@tributary/contracts'
import {
  type AssignedPartition,
  type ConsumerGroup,
  type Kafka,
  type KafkaAdmin,
  KafkaFault,
  createAdmin,
  createConsumerGroup,
} from '@tributary/kafka'
import type { Logger } from 'pino'
import type { ClickHouse } from '../clickHouse.ts'
import { insertFailureOf } from '../insertFailure.ts'
import { logTableOf } from '../rows/logTables.ts'
import { createClickHouseLogStore } from './clickHouseLogStore.ts'
import { type LogWriterMetrics, createMeters } from './logWriterMetrics.ts'
import { type PartitionOpening, openPartition } from './openPartition.ts'
import { type RangeLimits, rangeLimits } from './partitionLog.ts'
import { PartitionWriter } from './partitionWriter.ts'
import type { Clock, CommitOutcome, Committer, LogStore } from './ports.ts'

export interface LogWritersOptions {
  /** The logged topics this service owns. */
  readonly topics: readonly TopicSpec[]
  readonly kafka: Kafka
  readonly clickhouse: ClickHouse
  /** Prefix of the topics' names. */
  readonly prefix: string
  /** Prefix of the consumer groups; that of the topics when left out. */
  readonly groupPrefix?: string
  readonly nodeId: string
  /** Layout epoch: in the names of topics that have one, and in each range's token. */
  readonly epoch: number
  readonly logger: Logger
  readonly metrics?: LogWriterMetrics
  /** Whenever it gets better or worse, for the details of readiness. */
  readonly onState?: (state: LogWritersState) => void
  /** A program or an installation that is broken: the service should stop with this reason. */
  readonly onFatal: (error: Error) => void
  readonly limits?: RangeLimits
}

export interface LogWritersState {
  /** False while records wait for ClickHouse or the coordinator. */
  readonly flowing: boolean
  readonly detail: string
}

export interface LogWriters {
  state(): LogWritersState
  /** By topic and partition: everything below the offset is in ClickHouse. */
  positions(): { topic: string; partition: number; storedUpTo: number }[]
  /** Ends after the calls under way. What is not stored yet is read again by the next owner. */
  stop(): Promise<void>
}

/** Name of the consumer group that keeps a topic's position. */
export function logWriterGroup(groupPrefix: string, topic: TopicSpec, epoch: number): string {
  return logWriterPlaceGroup(groupPrefix, placeTopic(epoch, topic))
}

/** The same, of a topic as places have it. */
export function logWriterPlaceGroup(groupPrefix: string, place: string): string {
  return `${groupPrefix}.event-log.${place}`
}

/**
 * Records in memory of all partitions together, bytes: enough to go on reading while an insert is under way, and no
 * danger to a container of 512 MiB. Each partition gets an equal share, at least 256 KiB, at most 32 MiB.
 */
const BUFFER_BYTES = 128 * 1024 * 1024
const SMALLEST_SHARE_BYTES = 256 * 1024
const LARGEST_SHARE_BYTES = 32 * 1024 * 1024

/** How long a stop waits for calls under way, ms; without their answers the next owner repeats the range. */
const STOP_WAIT_MS = 5000

/** Pause before ClickHouse or Kafka is asked again where a partition stands, ms. */
const OPEN_RETRY_MS = 1000

const systemClock: Clock = {
  nowMs: () => Date.now(),
  sleep: (ms, signal) => sleep(ms, undefined, { signal }).catch(() => {}),
}

export function startLogWriters(options: LogWritersOptions): LogWriters {
  return new Writers(options)
}

class Writers implements LogWriters {
  readonly #options: LogWritersOptions
  readonly #store: LogStore
  readonly #groups: ConsumerGroup[]
  readonly #meters: ReturnType<typeof createMeters>
  readonly #stop = new AbortController()
  readonly #writers = new Map<string, PartitionWriter>()
  readonly #running = new Set<Promise<void>>()
  /** Why a partition waits, by topic and partition. */
  readonly #waiting = new Map<string, string>()
  #admin: Promise<KafkaAdmin> | undefined
  /** Those who wait for room in a buffer. */
  #roomSeekers: (() => void)[] = []

  constructor(options: LogWritersOptions) {
    this.#options = options
    const tables = new Map(
      options.topics.map((topic) => [placeTopic(options.epoch, topic), logTableOf(topic)]),
    )
    this.#store = createClickHouseLogStore(options.clickhouse, (topic) => tables.get(topic)!)
    this.#meters = createMeters(options.metrics)
    this.#groups = options.topics.map((topic) => this.#startGroup(topic))
  }

  state(): LogWritersState {
    const reasons = [...this.#waiting.values()]
    if (reasons.length === 0)
      return { flowing: true, detail: 'the event log is up to date with what was read' }
    const records = [...this.#writers.values()].reduce((sum, writer) => sum + writer.bufferedRecords, 0)
    return {
      flowing: false,
      detail: `${reasons.length} partitions wait, ${records} records in memory, the rest safe in Kafka: ${reasons[0]}`,
    }
  }

  positions() {
    return [...this.#writers].map(([id, writer]) => {
      const [topic, partition] = id.split('|') as [string, string]
      return { topic, partition: Number(partition), storedUpTo: writer.storedUpTo }
    })
  }

  async stop(): Promise<void> {
    this.#stop.abort()
    for (const writer of this.#writers.values()) writer.stop()
    this.#makeRoom()
    // Commits of the calls under way still count, so the groups leave last.
    await Promise.race([Promise.all(this.#running), sleep(STOP_WAIT_MS, undefined, { ref: false })])
    await Promise.all(this.#groups.map((group) => group.stop()))
    await this.#admin?.then((admin) => admin.close()).catch(() => {})
  }

  #startGroup(topic: TopicSpec): ConsumerGroup {
    const { kafka, prefix, groupPrefix, nodeId, logger, epoch } = this.#options
    const group: ConsumerGroup = createConsumerGroup(kafka, {
      group: logWriterGroup(groupPrefix ?? prefix, topic, epoch),
      topics: [topicName({ prefix, epoch }, topic)],
      nodeId,
      startAt: 'earliest',
      onAssigned: (assigned) => this.#assigned(topic, group, assigned),
      onRecords: async ({ partition, records, nextOffset, signal }) => {
        const writer = this.#writers.get(this.#idOf(topic, partition))
        if (writer === undefined) return
        writer.offer(records, nextOffset)
        await this.#room(writer, signal)
      },
      onOutOfRange: ({ partition, position, start, end }) => {
        if (position > end) {
          throw new Error(
            `${topic.name}/${partition}: the topic ends at ${end}, but it was read up to ${position}: it was made ` +
              'anew or lost records. Use a new ClickHouse database for a new topic',
          )
        }
        logger.error(
          { topic: topic.name, partition, from: position, to: start - 1 },
          'offsets left the topic before they were stored; they are lost to the event log: raise the retention',
        )
        this.#writers.get(this.#idOf(topic, partition))?.skipTo(start)
        return start
      },
      onFatal: (error) => this.#options.onFatal(error),
    })
    return group
  }

  async #assigned(
    topic: TopicSpec,
    group: ConsumerGroup,
    assigned: AssignedPartition,
  ): Promise<number | undefined> {
    const { partition, signal } = assigned
    const id = this.#idOf(topic, partition)
    const opened = await this.#open(topic, assigned)
    // Taken away while it asked: another writer of this instance may have the partition already.
    if (opened === undefined || signal.aborted) return undefined
    const place = { topic: placeTopic(this.#options.epoch, topic), partition }
    const writer = new PartitionWriter({
      place,
      opening: opened.opening,
      epoch: this.#options.epoch,
      store: this.#store,
      committer: committerOf(group, assigned),
      clock: systemClock,
      limits: this.#options.limits ?? rangeLimits,
      observer: {
        stored: (records, unreadable, oldestMs) => {
          this.#meters.stored(topic.name, records, unreadable, oldestMs)
          if (unreadable > 0) {
            this.#options.logger.warn({ ...place, unreadable }, 'records set aside: see table quarantine')
          }
        },
        quarantined: (offset, reason) => {
          this.#meters.refused(topic.name)
          this.#options.logger.warn(
            { ...place, offset, reason },
            'record refused by ClickHouse and set aside',
          )
        },
        waiting: (reason) => this.#setWaiting(id, reason),
        drained: () => this.#makeRoom(),
      },
    })
    if (opened.lost !== undefined) writer.skipTo(opened.lost.last + 1)
    this.#writers.set(id, writer)
    signal.addEventListener('abort', () => writer.stop())
    const running = writer
      .run()
      .then(
        () => undefined,
        (error: unknown) => this.#options.onFatal(error instanceof Error ? error : new Error(String(error))),
      )
      .finally(() => {
        this.#running.delete(running)
        if (this.#writers.get(id) === writer) {
          this.#writers.delete(id)
          this.#setWaiting(id, undefined)
        }
        this.#makeRoom()
      })
    this.#running.add(running)
    return opened.seek
  }

  /** Asks ClickHouse and Kafka where the partition stands, until both answer or it is over. */
  async #open(
    topic: TopicSpec,
    { partition, committed, signal }: AssignedPartition,
  ): Promise<Extract<PartitionOpening, { kind: 'open' }> | undefined> {
    const { logger } = this.#options
    const id = this.#idOf(topic, partition)
    const place = { topic: placeTopic(this.#options.epoch, topic), partition }
    const over = AbortSignal.any([signal, this.#stop.signal])
    while (!over.aborted) {
      let asked
      try {
        const [highest, bounds] = await Promise.all([
          this.#store.highestOffset(place),
          this.#bounds(topic, partition),
        ])
        asked = { highest, ...bounds }
      } catch (error) {
        this.#setWaiting(id, error instanceof KafkaFault ? error.message : insertFailureOf(error).reason)
        await systemClock.sleep(OPEN_RETRY_MS, over)
        continue
      }
      this.#setWaiting(id, undefined)
      const opened = openPartition({ committed, ...asked })
      if (opened.kind === 'refused') throw new Error(`${topic.name}/${partition}: ${opened.reason}`)
      for (const warning of opened.warnings) logger.warn(place, warning)
      const { opening, seek } = opened
      logger.info(
        { ...place, from: seek, ...(opening.intent ? { repeats: opening.intent } : {}) },
        'log writer opened',
      )
      return opened
    }
    this.#setWaiting(id, undefined)
    return undefined
  }

  async #bounds(topic: TopicSpec, partition: number): Promise<{ logStart: number; logEnd: number }> {
    const admin = await (this.#admin ??= createAdmin(this.#options.kafka).catch((error: unknown) => {
      this.#admin = undefined
      throw error
    }))
    const { prefix, epoch } = this.#options
    const all = await admin.offsets(topicName({ prefix, epoch }, topic))
    const found = all.find((offsets) => offsets.partition === partition)
    if (found === undefined) throw new Error(`${topic.name} has no partition ${partition}`)
    return { logStart: found.start, logEnd: found.end }
  }

  /** Resolves when the writer has room for more, or is over (W2). */
  async #room(writer: PartitionWriter, signal: AbortSignal): Promise<void> {
    const share = BUFFER_BYTES / Math.max(this.#writers.size, 1)
    const limit = Math.min(Math.max(share, SMALLEST_SHARE_BYTES), LARGEST_SHARE_BYTES)
    const over = AbortSignal.any([signal, this.#stop.signal])
    while (writer.bufferedBytes >= limit && !over.aborted) {
      await new Promise<void>((resolve) => {
        this.#roomSeekers.push(resolve)
        over.addEventListener('abort', () => resolve(), { once: true })
      })
    }
  }

  #idOf(topic: TopicSpec, partition: number): string {
    return `${placeTopic(this.#options.epoch, topic)}|${partition}`
  }

  #makeRoom(): void {
    for (const go of this.#roomSeekers.splice(0)) go()
  }

  #setWaiting(id: string, reason: string | undefined): void {
    const before = this.#waiting.size
    if (reason === undefined) this.#waiting.delete(id)
    else this.#waiting.set(id, reason)
    this.#meters.waiting(this.#waiting.size)
    if (before === 0 && this.#waiting.size > 0) {
      this.#options.logger.warn({ reason }, 'the event log waits; events stay in Kafka meanwhile')
    }
    if (before > 0 && this.#waiting.size === 0) this.#options.logger.info('the event log flows again')
    if (before > 0 !== this.#waiting.size > 0) this.#options.onState?.(this.state())
  }
}

function committerOf(group: ConsumerGroup, { topic, partition, signal }: AssignedPartition): Committer {
  return {
    async commit(offset, metadata): Promise<CommitOutcome> {
      // The partition may have come back to this instance: then another writer has it, and this one is history.
      if (signal.aborted) return { kind: 'lost' }
      try {
        await group.commit(topic, partition, offset, metadata)
        return signal.aborted ? { kind: 'lost' } : { kind: 'done' }
      } catch (error) {
        if (error instanceof KafkaFault && error.code === 'not-assigned') return { kind: 'lost' }
        if (error instanceof KafkaFault && error.retriable) {
          return { kind: 'unavailable', reason: error.message }
        }
        throw error
      }
    },
  }
}
