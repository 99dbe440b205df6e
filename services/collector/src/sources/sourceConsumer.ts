/**
 * One Kafka source: reads its topic as a group of its own, makes every record an event or a reject, commits after
 * both are durable.
 *
 *  K1. At least once: an offset is committed only when everything below it is durable. A record read twice has the
 *      same origin and the same message id.
 *  K2. Never blocked: a record that cannot be read or mapped is a reject with its bytes and position.
 *  K3. Never given up: while Kafka does not acknowledge, the same records are tried again; what comes later waits.
 *  K4. A batch is read by the source as it stands now, so a new mapping holds from the next batch on.
 */
import { setTimeout as sleep } from 'node:timers/promises'
import {
  type SourceRecord,
  type Verdict,
  admitRecord,
  recordInput,
  recordOrigin,
  recordTimeMs,
} from '@tributary/domain'
import { TRACEPARENT, tracesOf } from '@tributary/contracts'
import { type Tracing } from '@tributary/service-kit'
import { type CollectorMetrics } from '../collectorMetrics.ts'
import { bodyText } from '../http/bodyText.ts'
import { eventRecord } from '../produce/eventRecord.ts'
import { type GroupCommit, NotDurable } from '../produce/groupCommit.ts'
import { type OutgoingRecord } from '../produce/outgoing.ts'
import { rejectedRecords } from '../produce/rejectedRecords.ts'
import { type KafkaSource } from './sourceBook.ts'

/** Pause before the same records are produced again, ms: Kafka needs seconds to elect a leader. */
const RETRY_MS = 500

export interface SourceBatch {
  readonly topic: string
  readonly partition: number
  readonly records: readonly Omit<SourceRecord, 'topic' | 'partition'>[]
  /** Aborted when the partition belongs to somebody else. */
  readonly signal: AbortSignal
}

export interface SourceConsumerOptions {
  readonly groupCommit: GroupCommit
  readonly partitions: number
  readonly metrics: CollectorMetrics
  /** Nothing is traced without it. */
  readonly tracing?: Tracing
  readonly retryMs?: number
}

/** A record as a span, in the trace of its producer where that is sampled. */
function beginRecord(
  tracing: Tracing,
  source: string,
  { topic, partition, offset, headers = {} }: SourceRecord,
): { readonly traceparent: string; end(isDurable: boolean): void } | undefined {
  const [parent] = tracesOf(headers)
  const span = tracing.begin(`process source ${source}`, 'consumer', [parent], { atDoor: true })
  return (
    span && {
      traceparent: span.traceparent,
      end: (isDurable) =>
        span.end(
          {
            'messaging.system': 'kafka',
            'messaging.operation.type': 'process',
            'messaging.destination.name': topic,
            'messaging.destination.partition.id': String(partition),
            'messaging.kafka.offset': offset,
            'tributary.source': source,
          },
          { failed: !isDurable },
        ),
    }
  )
}

/** Makes a batch durable. False when it was given up because the partition is no longer ours. */
export async function takeBatch(
  source: KafkaSource,
  batch: SourceBatch,
  options: SourceConsumerOptions,
): Promise<boolean> {
  const { metrics, partitions, groupCommit } = options
  const { topic, partition } = batch
  const outgoing: OutgoingRecord[] = []
  const verdicts: Verdict[] = []
  const spans: ((isDurable: boolean) => void)[] = []
  let bytes = 0
  for (const record of batch.records) {
    const received = { ...record, topic, partition }
    const verdict = admitRecord(received, source.circumstances, bodyText)
    verdicts.push(verdict)
    bytes += record.value?.length ?? 0
    if ('accepted' in verdict) {
      const span = options.tracing && beginRecord(options.tracing, source.id, received)
      if (span) spans.push((isDurable) => span.end(isDurable))
      const event = eventRecord(verdict.accepted, partitions)
      outgoing.push(span ? { ...event, headers: { [TRACEPARENT]: span.traceparent } } : event)
    } else
      outgoing.push(
        ...rejectedRecords(
          {
            source: source.id,
            rejection: verdict.rejected,
            input: recordInput(received, source.circumstances),
            origin: recordOrigin(received),
            receivedMs: recordTimeMs(record.timestampMs),
            position: { topic, partition, offset: record.offset },
            arrival: {
              as: 'record',
              trusted: true,
              ...(record.key && { key: Buffer.from(record.key).toString('base64') }),
            },
          },
          partitions,
        ),
      )
  }

  const isDurable = await produceUntilDurable(outgoing, batch.signal, groupCommit, options)
  for (const end of spans) end(isDurable)
  if (!isDurable) return false
  metrics.sourceRecords(source.id, verdicts.length)
  metrics.received(source.id, bytes)
  metrics.accepted(source.id, verdicts.filter((verdict) => 'accepted' in verdict).length)
  for (const verdict of verdicts) {
    if ('rejected' in verdict) metrics.rejected(source.id, verdict.rejected.code)
    else for (const each of verdict.ignored) metrics.ignoredIdentifier(each.type, each.reason)
  }
  return true

  async function produceUntilDurable(
    records: readonly OutgoingRecord[],
    signal: AbortSignal,
    commit: GroupCommit,
    { retryMs = RETRY_MS }: SourceConsumerOptions,
  ): Promise<boolean> {
    while (!signal.aborted) {
      try {
        // oxlint-disable-next-line no-await-in-loop -- again, until it is durable
        await commit.submit(records)
        return true
      } catch (error) {
        if (!(error instanceof NotDurable)) throw error
        if (error.reason === 'stopped') return false
        metrics.sourceRetries(source.id)
        // oxlint-disable-next-line no-await-in-loop -- the pause between two tries
        await sleep(retryMs, undefined, { signal }).catch(() => undefined)
      }
    }
    return false
  }
}
