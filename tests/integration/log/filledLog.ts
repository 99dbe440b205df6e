/** A small log that balances: events with duplicates, rejects, skips, changes, deliveries with their outcomes. */
import { expect } from '@jest/globals'
import type { ProfileTotals } from '@tributary/clickhouse-log'
import {
  type LogRecord,
  createClickHouseLogStore,
  eventOf,
  eventRecord,
  logTableOf,
  recordOf,
} from '@tributary/clickhouse-log/testing'
import { type TopicSpec, appendStamp, cloudEventId, topics, versionOf } from '@tributary/contracts'
import {
  DeliveryOutcome,
  DeliveryRecord,
  OutcomeKind,
} from '@tributary/contracts/generated/tributary/delivery/v1/delivery'
import { EventRecord } from '@tributary/contracts/generated/tributary/event/v1/event'
import { SkipReason, Skipped } from '@tributary/contracts/generated/tributary/event/v1/skipped'
import type { LogDatabase } from './logDatabase.ts'

/** 21 events: 2 repeated by their sender, 1 without an identifier; so 18 folded. 3 rejected. */
export const totals: ProfileTotals = { profiles: 3, events: 18, changes: new Map([[1, 6]]) }

/** `place`: the topic in the log, when it is not that of the first layout epoch. */
export async function put(
  log: LogDatabase,
  topic: TopicSpec,
  partition: number,
  records: LogRecord[],
  place = topic.name,
): Promise<void> {
  const store = createClickHouseLogStore(log.clickhouse, () => logTableOf(topic))
  const range = { epoch: 1, first: records[0]!.offset, last: records.at(-1)!.offset, records }
  expect(await store.store({ topic: place, partition }, range)).toMatchObject({ kind: 'stored' })
}

/** Stamped records of one writer, with the marker of a transaction after every third. */
export function inTransactions(
  values: { value: Uint8Array; headers?: Record<string, string> }[],
): LogRecord[] {
  return values.map(({ value, headers }, i) => {
    const gap = i > 0 && i % 3 === 0 ? 1 : 0
    return { ...recordOf(i + Math.floor(i / 3), value), gap, headers: headers ?? {} }
  })
}

export async function fillLog(log: LogDatabase): Promise<void> {
  const events = Array.from({ length: 20 }, (_, i): LogRecord => {
    const isRepeat = i === 18 || i === 19
    return eventRecord(i, {
      sourceId: i % 2 === 0 ? 'web' : 'pos',
      messageId: isRepeat ? `m${i - 10}` : `m${i}`,
      origin: `http:r${i}:0`,
      identifiers: i === 7 ? [] : eventOf().identifiers,
    })
  })
  // A job's control record came in a transaction: its marker takes an offset.
  const control = EventRecord.encode(
    EventRecord.fromPartial({ record: { $case: 'control', value: { job: 1 } } }),
  )
  const after = { ...eventRecord(22, { messageId: 'last', origin: 'http:z:0', sourceId: 'web' }), gap: 1 }
  await put(log, topics.events, 0, [...events, recordOf(20, control.finish()), after])

  const rejected = Array.from({ length: 3 }, (_, i) =>
    recordOf(i, JSON.stringify({ code: 'invalid', source: 'web', origin: `http:bad:${i}`, input: '' })),
  )
  await put(log, topics.rejected, 2, rejected)

  const skips = [
    { offset: 7, reason: SkipReason.SKIP_REASON_NO_IDENTIFIER },
    { offset: 18, reason: SkipReason.SKIP_REASON_DUPLICATE },
    { offset: 19, reason: SkipReason.SKIP_REASON_DUPLICATE },
  ]
  const skipped = skips.map(({ offset, reason }, i) => {
    const bytes = Skipped.encode(
      Skipped.fromPartial({ topic: topics.events.name, partition: 0, offset, reason }),
    )
    return { value: appendStamp(bytes.finish(), { epoch: 1, writer: 'fragment-0', seq: i + 1 }) }
  })
  await put(log, topics.skipped, 0, inTransactions(skipped))

  const changes = Array.from({ length: 6 }, (_, i) => ({
    value: Buffer.from(JSON.stringify({ op: 'u', profileId: 'p-0', version: versionOf(1, i + 1) })),
    headers: { ce_id: cloudEventId(1, topics.profileChanges.name, 1, i + 1) },
  }))
  await put(log, topics.profileChanges, 1, inTransactions(changes))

  const deliveries = Array.from({ length: 7 }, (_, i) => {
    const record = DeliveryRecord.fromPartial({ delivery: { id: `d${i}`, destinationId: 'crm' } })
    return {
      value: appendStamp(DeliveryRecord.encode(record).finish(), { epoch: 1, writer: 'sync-1', seq: i + 1 }),
    }
  })
  await put(log, topics.deliveries, 0, inTransactions(deliveries))
  const told: [number, OutcomeKind][] = [
    [0, OutcomeKind.OUTCOME_KIND_RETRY],
    [0, OutcomeKind.OUTCOME_KIND_DELIVERED],
    [1, OutcomeKind.OUTCOME_KIND_DEAD],
    // Given up, and pending again; given up, and something newer was sent; given up for good.
    [2, OutcomeKind.OUTCOME_KIND_DEAD],
    [2, OutcomeKind.OUTCOME_KIND_REDRIVEN],
    [3, OutcomeKind.OUTCOME_KIND_DEAD],
    [3, OutcomeKind.OUTCOME_KIND_FILTERED],
    [4, OutcomeKind.OUTCOME_KIND_DEAD],
    [4, OutcomeKind.OUTCOME_KIND_DISCARDED],
  ]
  const outcomes = told.map(([delivery, kind], i) => {
    const record = DeliveryOutcome.fromPartial({ deliveryId: `d${delivery}`, kind })
    const stamp = { epoch: 1, writer: 'delivery-0', seq: i + 1 }
    return { value: appendStamp(DeliveryOutcome.encode(record).finish(), stamp) }
  })
  await put(log, topics.deliveryOutcomes, 0, inTransactions(outcomes))
}
