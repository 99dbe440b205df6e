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

export interface SourceConsumers {
  /** Starts what is new, stops what is gone, changes the rest in place. */
  adopt(book: SourceBook): void
  /** By source: undefined = it is read; else why not. */
  problems(): ReadonlyMap<string, string>
  stop(): Promise<void>
}

interface Running {
  source: KafkaSource
  group: ConsumerGroup | undefined
  problem: string | undefined
  timer: NodeJS.Timeout | undefined
  stopped: boolean
  readonly stop: AbortController
}

/** Name of the consumer group that keeps a source's position. */
export function sourceGroup(groupPrefix: string, sourceId: string): string {
  return `${groupPrefix}.source.${sourceId}`
}

export function startSourceConsumers(options: SourceConsumersOptions): SourceConsumers {
  const { kafka, logger } = options
  const running = new Map<string, Running>()
  const ending = new Set<Promise<void>>()

  function open(run: Running): void {
    const { id, topic, start } = run.source
    const group: ConsumerGroup = createConsumerGroup(kafka, {
      group: sourceGroup(options.groupPrefix, id),
      topics: [topic],
      nodeId: options.nodeId,
      startAt: start === 'latest' ? 'latest' : 'earliest',
      maxRecords: MAX_BATCH_RECORDS,
      onAssigned: ({ partition, committed }) =>
        committed || typeof start !== 'object' ? undefined : offsetAt(kafka, topic, partition, start.time),
      onRecords: async (batch) => {
        const signal = AbortSignal.any([batch.signal, run.stop.signal])
        if (await takeBatch(run.source, { ...batch, signal }, options)) await commit(group, batch)
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
      open(run)
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
          stop: new AbortController(),
        }
        running.set(id, run)
        open(run)
      }
    },
    problems: () =>
      new Map([...running].flatMap(([id, run]) => (run.problem === undefined ? [] : [[id, run.problem]]))),
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

async function offsetAt(
  kafka: Kafka,
  topic: string,
  partition: number,
  time: string,
): Promise<number | undefined> {
  const admin = await createAdmin(kafka)
  try {
    const offsets = await admin.offsetsAt(topic, Date.parse(time))
    return offsets.find((each) => each.partition === partition)?.offset
  } finally {
    await admin.close()
  }
}
