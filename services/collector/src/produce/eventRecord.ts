import { partitionOf } from '@tributary/contracts'
import { type AcceptedEvent } from '@tributary/domain'
import { createEventEncoder } from '@tributary/sources'
import { type OutgoingRecord } from './outgoing.ts'

const encode = createEventEncoder()

/** The record of an accepted event: key and partition by its anchor. */
export function eventRecord(event: AcceptedEvent, partitions: number): OutgoingRecord {
  return {
    topic: 'events',
    partition: partitionOf(event.anchor, partitions),
    key: event.anchor,
    value: encode(event),
  }
}
