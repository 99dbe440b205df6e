/** The log of events as ClickHouse would have it, made from what lies in the topics. */
import { type FoldedEvent, type FoldedEvents } from '@tributary/clickhouse-log'
import { EventRecord } from '@tributary/contracts/generated/tributary/event/v1/event'
import { Skipped } from '@tributary/contracts/generated/tributary/event/v1/skipped'
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

/** A log that always has everything. */
export function createLoggedEvents(records: TopicRecords): FoldedEvents {
  return {
    hasAll: async () => true,
    async *read(asked) {
      yield readFolded(records, asked)
    },
  }
}
