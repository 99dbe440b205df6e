import { partitionOf } from '@tributary/contracts'
import { type AcceptedEvent } from '@tributary/domain'
import { PIECE_BYTES, createEventEncoder } from '@tributary/sources'
import { type OutgoingRecord } from './outgoing.ts'
import { createRecordMemory } from './recordMemory.ts'

const memory = createRecordMemory(PIECE_BYTES)
const encode = createEventEncoder((bytes) => memory.allocate(bytes))

/** The record of an accepted event: key and partition by its anchor. */
export function eventRecord(event: AcceptedEvent, partitions: number): OutgoingRecord {
  const value = encode(event)
  return {
    topic: 'events',
    partition: partitionOf(event.anchor, partitions),
    key: event.anchor,
    value,
    piece: memory.hold(),
  }
}

/** Of records that are durable: their memory may be written to again, so nobody may read their values any more. */
export function releaseRecords(records: readonly OutgoingRecord[]): void {
  for (const { piece } of records) if (piece) memory.release(piece)
}
