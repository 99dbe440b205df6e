/** The log of events as ClickHouse would have it, made from what lies in the topics. */
import {
  type BlockedEvent,
  type FiledEvent,
  type FiledEvents,
  type FoldedEvent,
  type FoldedEvents,
} from '@tributary/clickhouse-log'
import { EventRecord } from '@tributary/contracts/generated/tributary/event/v1/event'
import { SkipReason, Skipped } from '@tributary/contracts/generated/tributary/event/v1/skipped'
import { readEvent } from '../fragment/readEvent.ts'

export interface TopicRecords {
  /** Committed records of a partition of the events topic. */
  readonly events: (
    partition: number,
  ) => readonly { readonly offset: number; readonly value: Uint8Array | null }[]
  /** Committed records of a partition of the skipped topic. */
  readonly skipped: (partition: number) => readonly { readonly value: Uint8Array | null }[]
}

/** By anchor, then offset; skipped ones left out. */
export function readFolded(
  { events, skipped }: TopicRecords,
  { partition, below, names, after }: Parameters<FoldedEvents['read']>[0],
): FoldedEvent[] {
  const left = new Set(skipped(partition).map(({ value }) => Skipped.decode(value!).offset))
  return events(partition)
    .flatMap(({ offset, value }): FoldedEvent[] => {
      const { record } = EventRecord.decode(value!)
      if (record?.$case !== 'event' || offset >= below || left.has(offset)) return []
      const { anchor, sourceId, name, messageId, timeMs, payload, raw } = record.value
      if (anchor <= after || !names.includes(name)) return []
      const { type } = readEvent(record.value)
      return [{ anchor, offset, sourceId, type, name, messageId, timeMs, payload: payload ?? raw }]
    })
    .sort((a, b) => (a.anchor === b.anchor ? a.offset - b.offset : a.anchor < b.anchor ? -1 : 1))
}

const skipsOf = ({ skipped }: TopicRecords, partition: number) =>
  skipped(partition).map(({ value }, at) => ({ ...Skipped.decode(value!), at }))

/** Events of a partition that were folded, or skipped as blocked. */
function acceptedOf(records: TopicRecords, partition: number): FiledEvent[] {
  const left = new Set(
    skipsOf(records, partition).flatMap(({ offset, reason }) =>
      reason === SkipReason.SKIP_REASON_BLOCKED ? [] : [offset],
    ),
  )
  return records.events(partition).flatMap(({ offset, value }): FiledEvent[] => {
    const { record } = EventRecord.decode(value!)
    if (record?.$case !== 'event' || left.has(offset)) return []
    const { anchor, sourceId, name, messageId, timeMs, originalTimeMs, receivedTimeMs } = record.value
    const { payload, raw, identifiers } = record.value
    const { type } = readEvent(record.value)
    return [
      {
        anchor,
        offset,
        sourceId,
        type,
        name,
        messageId,
        timeMs,
        originalTimeMs,
        receivedTimeMs,
        identifiers,
        payload: payload ?? raw,
      },
    ]
  })
}

/** Events of some anchors, by anchor, then offset. */
export function readFiled(
  records: TopicRecords,
  { partition, below, anchors, after }: Parameters<FiledEvents['read']>[0],
): FiledEvent[] {
  return acceptedOf(records, partition)
    .filter(({ anchor, offset }) => anchors.includes(anchor) && offset < below)
    .filter(({ anchor, offset }) => (anchor === after.anchor ? offset > after.offset : anchor > after.anchor))
    .sort((a, b) => (a.anchor === b.anchor ? a.offset - b.offset : a.anchor < b.anchor ? -1 : 1))
}

/** Events that were skipped as blocked, in order. */
export function readBlocked(
  records: TopicRecords,
  { partition, after, limit }: Parameters<FiledEvents['readBlocked']>[0],
): BlockedEvent[] {
  const byOffset = new Map(acceptedOf(records, partition).map((each) => [each.offset, each]))
  return skipsOf(records, partition)
    .filter(({ at, reason }) => at > after && reason === SkipReason.SKIP_REASON_BLOCKED)
    .slice(0, limit)
    .map(({ at, offset }) => ({ ...byOffset.get(offset)!, skippedAt: at }))
}

/** A log that always has everything, for filings. */
export function createFiledLog(records: TopicRecords, partitions: number): FiledEvents {
  return {
    hasAll: async () => true,
    async *read(asked) {
      yield readFiled(records, asked)
    },
    readBlocked: async (asked) => readBlocked(records, asked),
    async related({ anchors, among }) {
      const found = new Set<string>()
      for (let partition = 0; partition < partitions; partition++)
        for (const { anchor, identifiers } of acceptedOf(records, partition))
          if (among.includes(anchor) && identifiers.some(({ id }) => anchors.includes(id))) found.add(anchor)
      return [...found].sort()
    },
  }
}

/** A log that always has everything. */
export function createLoggedEvents(records: TopicRecords): FoldedEvents {
  return {
    hasAll: async () => true,
    async *read(asked) {
      yield readFolded(records, asked)
    },
  }
}
