import { setTimeout as sleep } from 'node:timers/promises'
import type { KafkaRecord } from './committedRecords.ts'
import type { Kafka } from './connection.ts'
import { KafkaFault } from './kafkaFault.ts'
import { listOffsets, type PartitionOffsets } from './listOffsets.ts'
import { PartitionFetcher } from './partitionFetcher.ts'

export interface FollowTopicOptions {
  /** Name in Kafka. */
  readonly topic: string
  /** 0 when left out. */
  readonly partition?: number
  /** First offset to read; the start of the log when left out. */
  readonly from?: number
  /** In order, one at a time. An error it throws stops the following and goes to `onFatal`. */
  readonly onRecord: (record: KafkaRecord) => void
  /** The following has stopped for good, for a reason no retry repairs. */
  readonly onFatal: (error: Error) => void
}

export interface FollowedTopic {
  /** One past what has been handed over. */
  position(): number
  stop(): Promise<void>
}

/** Pause before a broker that did not answer is asked again, ms. */
const RETRY_MS = 500

/**
 * Reads one partition from its start and goes on for ever, without a consumer group. Resolves once everything that
 * was committed when it was called has been handed over. A broker that does not answer is waited for, at the start as
 * later: rejects for what no retry repairs only.
 */
export async function followTopic(kafka: Kafka, options: FollowTopicOptions): Promise<FollowedTopic> {
  const { topic, partition = 0, onRecord, onFatal } = options
  const { start, committedEnd } = await boundsOf(kafka, topic, partition)
  let position = Math.max(options.from ?? start, start)
  const fetcher = new PartitionFetcher(kafka)
  let stopped = false

  await new Promise<void>((resolve, reject) => {
    let caughtUp = false
    function fail(error: Error) {
      stopped = true
      if (caughtUp) onFatal(error)
      else reject(error)
      void fetcher.close()
    }
    const fetched = fetcher.add({ topic, partition, offset: position }, () => {
      if (stopped) return
      if (fetched.fault) return fail(fetched.fault satisfies KafkaFault)
      try {
        for (let chunk = fetched.chunks[0]; chunk; chunk = fetched.chunks[0]) {
          if (stopped) return
          fetched.taken()
          for (const record of chunk.records) onRecord(record)
          position = chunk.nextOffset
        }
      } catch (error) {
        return fail(error instanceof Error ? error : new Error(String(error)))
      }
      if (position >= committedEnd) {
        caughtUp = true
        resolve()
      }
    })
    if (position >= committedEnd) {
      caughtUp = true
      resolve()
    }
  }).catch(async (error: unknown) => {
    await fetcher.close()
    throw error
  })

  return {
    position: () => position,
    async stop() {
      stopped = true
      await fetcher.close()
    },
  }
}

async function boundsOf(kafka: Kafka, topic: string, partition: number): Promise<PartitionOffsets> {
  for (;;) {
    const cluster = kafka.cluster()
    try {
      const [bounds] = await listOffsets(cluster, topic, [partition])
      return bounds!
    } catch (error) {
      if (!(error instanceof KafkaFault) || !error.retriable) throw error
      kafka.logger.warn({ reason: error.message }, 'Kafka does not answer; it is tried again until it works')
    } finally {
      void cluster.disconnect().catch(() => {})
    }
    await sleep(RETRY_MS)
  }
}
