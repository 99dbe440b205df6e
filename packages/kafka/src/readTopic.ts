import type { Kafka } from './connection.ts'
import type { KafkaRecord } from './committedRecords.ts'
import { listOffsets } from './listOffsets.ts'
import { PartitionFetcher } from './partitionFetcher.ts'

export interface ReadTopicOptions {
  /** Name in Kafka. */
  readonly topic: string
  readonly partition: number
  /** First offset to read; the start of the log when it begins later, or when left out. */
  readonly from?: number
  /** Stop once every committed record below this offset has been handed over; the end of now when left out. */
  readonly until?: number
  readonly signal?: AbortSignal
}

export interface ReadRecords {
  readonly records: readonly KafkaRecord[]
  /** One past what has been read, markers and emptied batches included. */
  readonly nextOffset: number
}

/**
 * Reads the committed records of one partition, without a consumer group, and ends: also when the last things in the
 * log are transaction markers or batches that compaction has emptied.
 */
export async function* readTopic(kafka: Kafka, options: ReadTopicOptions): AsyncGenerator<ReadRecords> {
  const { topic, partition } = options
  const bounds = await boundsOf(kafka, topic, partition)
  const until = options.until ?? bounds.committedEnd
  const from = Math.max(options.from ?? bounds.start, bounds.start)
  yield* readRange(kafka, { ...options, from, until })
}

/** The same for a range that is known to exist. */
export async function* readRange(
  kafka: Kafka,
  options: ReadTopicOptions & { readonly from: number; readonly until: number },
): AsyncGenerator<ReadRecords> {
  const { topic, partition, from, until } = options
  if (from >= until) return
  const fetcher = new PartitionFetcher(kafka)
  let wake = () => {}
  const stop = () => wake()
  options.signal?.addEventListener('abort', stop)
  try {
    const fetched = fetcher.add({ topic, partition, offset: from }, () => wake())
    for (let position = from; position < until;) {
      options.signal?.throwIfAborted()
      if (fetched.fault) throw fetched.fault
      const chunk = fetched.chunks[0]
      if (!chunk) {
        await new Promise<void>((resolve) => (wake = resolve))
        continue
      }
      fetched.taken()
      position = chunk.nextOffset
      const records = position <= until ? chunk.records : chunk.records.filter(({ offset }) => offset < until)
      yield { records, nextOffset: Math.min(position, until) }
    }
  } finally {
    options.signal?.removeEventListener('abort', stop)
    await fetcher.close()
  }
}

async function boundsOf(kafka: Kafka, topic: string, partition: number) {
  const cluster = kafka.cluster()
  try {
    const [bounds] = await listOffsets(cluster, topic, [partition])
    return bounds!
  } finally {
    await cluster.disconnect().catch(() => {})
  }
}
