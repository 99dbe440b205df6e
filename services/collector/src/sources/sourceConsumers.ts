/**
 * The Kafka sources of the book in use: one consumer group each, started, kept and stopped as revisions come.
 *
 *  A source that cannot be read (no such topic, not authorised) is reported and tried again; it never takes the
 *  others, or the HTTP side, down with it.
 */
import {
  type Kafka,
  KafkaFault,
  type ConsumerGroup,
  createAdmin,
  createConsumerGroup,
} from '@tributary/kafka'
import { type Logger } from '@tributary/service-kit'
import { type KafkaSource, type SourceBook } from './sourceBook.ts'
import { type SourceConsumerOptions, takeBatch } from './sourceConsumer.ts'

/** Pause before a source that could not be read is tried again, ms: somebody has to create a topic or an ACL. */
const RESTART_MS = 10_000
/** Records of one batch: at most about that many are read again after a crash. */
const MAX_BATCH_RECORDS = 500

export interface SourceConsumersOptions extends SourceConsumerOptions {
  readonly kafka: Kafka
  readonly groupPrefix: string
  readonly nodeId: string
  readonly logger: Logger
  readonly restartMs?: number
}

export interface SourceState {
  readonly source: string
  /** Why it is not read; undefined = it is. */
  readonly problem: string | undefined
  /** By partition that this instance reads: how many records wait, as of the last batch. */
  readonly lags: ReadonlyMap<number, number>
}

export interface SourceConsumers {
  /** Starts what is new, stops what is gone, changes the rest in place. */
  adopt(book: SourceBook): void
  states(): readonly SourceState[]
  stop(): Promise<void>
}

interface Running {
  source: KafkaSource
  group: ConsumerGroup | undefined
  problem: string | undefined
  timer: NodeJS.Timeout | undefined
  stopped: boolean
  readonly lags: Map<number, number>
  readonly stop: AbortController
}

/** Name of the consumer group that keeps a source's position. */
function sourceGroup(groupPrefix: string, sourceId: string): string {
  return `${groupPrefix}.source.${sourceId}`
}

export function startSourceConsumers(options: SourceConsumersOptions): SourceConsumers {
  const { kafka, logger } = options
  const running = new Map<string, Running>()
  const ending = new Set<Promise<void>>()

  async function open(run: Running): Promise<void> {
    const { id, topic, start } = run.source
    // A group waits for a topic without a word: who has to create it would never know.
    const exists = await topicExists(kafka, topic)
    if (run.stopped) return
    if (!exists) return fail(run, new KafkaFault('topic-missing', `topic ${topic} does not exist: create it`))
    const group: ConsumerGroup = createConsumerGroup(kafka, {
      group: sourceGroup(options.groupPrefix, id),
      topics: [topic],
      nodeId: options.nodeId,
      startAt: 'earliest',
      maxRecords: MAX_BATCH_RECORDS,
      onAssigned: async ({ partition, committed, signal }) => {
        signal.addEventListener('abort', () => run.lags.delete(partition), { once: true })
        if (committed || start === 'earliest') return undefined
        // Written down before the first record: else what comes between two starts would be no longer "the latest".
        const nextOffset = await firstOffset(kafka, topic, partition, start)
        await commit(group, { topic, partition, nextOffset })
        return nextOffset
      },
      onRecords: async (batch) => {
        const signal = AbortSignal.any([batch.signal, run.stop.signal])
        if (!(await takeBatch(run.source, { ...batch, signal }, options))) return
        if (!batch.signal.aborted) run.lags.set(batch.partition, Math.max(0, batch.end - batch.nextOffset))
        await commit(group, batch)
      },
      onOutOfRange: ({ partition, position, start: first }) => {
        logger.error(
          { source: id, topic, partition, from: position, to: first },
          'records of a source are gone before they were read: its topic keeps them too short, or was made anew; reading goes on at its start',
        )
        return first
      },
      onFatal: (error) => fail(run, error),
    })
    run.group = group
    logger.info({ source: id, topic }, 'reading a Kafka source')
  }

  function tryOpen(run: Running): void {
    open(run).catch((error: unknown) => {
      fail(run, error instanceof Error ? error : new Error(String(error)))
    })
  }

  function fail(run: Running, error: Error): void {
    if (run.stopped) return
    run.problem = error.message
    run.group = undefined
    const { id, topic } = run.source
    const pause = options.restartMs ?? RESTART_MS
    logger.error(
      { source: id, topic, err: error },
      `a Kafka source cannot be read; tried again in ${pause} ms`,
    )
    run.timer = setTimeout(() => {
      run.problem = undefined
      tryOpen(run)
    }, pause)
  }

  function close(run: Running): void {
    run.stopped = true
    clearTimeout(run.timer)
    run.stop.abort()
    const ended = (run.group?.stop() ?? Promise.resolve()).finally(() => ending.delete(ended))
    ending.add(ended)
  }

  return {
    adopt(book) {
      const wanted = new Map(
        book.kafka.filter((source) => !source.disabled).map((source) => [source.id, source]),
      )
      for (const [id, run] of running) {
        const source = wanted.get(id)
        if (source?.topic === run.source.topic) run.source = source
        else {
          running.delete(id)
          close(run)
        }
      }
      for (const [id, source] of wanted) {
        if (running.has(id)) continue
        const run: Running = {
          source,
          group: undefined,
          problem: undefined,
          timer: undefined,
          stopped: false,
          lags: new Map(),
          stop: new AbortController(),
        }
        running.set(id, run)
        tryOpen(run)
      }
    },
    states: () => [...running].map(([source, { problem, lags }]) => ({ source, problem, lags })),
    async stop() {
      for (const run of running.values()) close(run)
      running.clear()
      await Promise.all(ending)
    },
  }
}

async function commit(
  group: ConsumerGroup,
  batch: { readonly topic: string; readonly partition: number; readonly nextOffset: number },
): Promise<void> {
  try {
    await group.commit(batch.topic, batch.partition, batch.nextOffset)
  } catch (error) {
    // Somebody else reads on from the last commit: these records come twice, with the same ids.
    if (!(error instanceof KafkaFault && error.code === 'not-assigned')) throw error
  }
}

async function topicExists(kafka: Kafka, topic: string): Promise<boolean> {
  const admin = await createAdmin(kafka)
  try {
    return (await admin.topics()).includes(topic)
  } finally {
    await admin.close()
  }
}

/** Where a partition begins that nobody has read: at its end, or at the first record not older than a time. */
async function firstOffset(
  kafka: Kafka,
  topic: string,
  partition: number,
  start: 'latest' | { readonly time: string },
): Promise<number> {
  const admin = await createAdmin(kafka)
  try {
    const ends = await admin.offsets(topic)
    const offsets = start === 'latest' ? [] : await admin.offsetsAt(topic, Date.parse(start.time))
    const found = offsets.find((each) => each.partition === partition)?.offset
    const end = ends.find((each) => each.partition === partition)?.end
    if (found === undefined && end === undefined)
      throw new KafkaFault('topic-missing', `topic ${topic} has no partition ${partition}`)
    return found ?? end!
  } finally {
    await admin.close()
  }
}
