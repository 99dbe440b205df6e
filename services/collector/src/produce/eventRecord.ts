import { partitionOf } from '@tributary/contracts'
import {
  type Event,
  EventRecord,
  EventType,
  TimeFlag,
} from '@tributary/contracts/generated/tributary/event/v1/event'
import { type AcceptedEvent, type TimeFlag as DomainTimeFlag } from '@tributary/domain'
import { type OutgoingRecord } from './outgoing.ts'

const TYPES: Readonly<Record<AcceptedEvent['type'], EventType>> = {
  track: EventType.EVENT_TYPE_TRACK,
  identify: EventType.EVENT_TYPE_IDENTIFY,
  page: EventType.EVENT_TYPE_PAGE,
  screen: EventType.EVENT_TYPE_SCREEN,
  group: EventType.EVENT_TYPE_GROUP,
  alias: EventType.EVENT_TYPE_ALIAS,
}

const FLAGS: Readonly<Record<DomainTimeFlag, TimeFlag>> = {
  uncorrected: TimeFlag.TIME_FLAG_UNCORRECTED,
  missing: TimeFlag.TIME_FLAG_MISSING,
  unreadable: TimeFlag.TIME_FLAG_UNREADABLE,
  future: TimeFlag.TIME_FLAG_FUTURE,
  'zone-assumed': TimeFlag.TIME_FLAG_ZONE_ASSUMED,
}

/** The record of an accepted event: key and partition by its anchor. */
export function eventRecord(event: AcceptedEvent, partitions: number): OutgoingRecord {
  const envelope: Event = {
    messageId: event.messageId,
    messageIdGenerated: event.messageIdGenerated,
    sourceId: event.sourceId,
    type: TYPES[event.type],
    name: event.name,
    anchor: event.anchor,
    identifiers: event.identifiers.map(({ type, value, id }) => ({ type, value, id })),
    previous: event.previous,
    timeMs: event.timeMs,
    originalTimeMs: event.originalMs,
    sentTimeMs: event.sentMs,
    receivedTimeMs: event.receivedMs,
    timeFlags: event.flags.map((flag) => FLAGS[flag]),
    raw: asBuffer(event.raw),
    payload: event.payload && asBuffer(event.payload),
    origin: event.origin,
    identityRules: event.identityRules,
    trusted: event.trusted,
    epoch: event.epoch,
  }
  return {
    topic: 'events',
    partition: partitionOf(event.anchor, partitions),
    key: event.anchor,
    value: EventRecord.encode({ record: { $case: 'event', value: envelope } }).finish(),
  }
}

function asBuffer(bytes: Uint8Array): Buffer {
  return Buffer.isBuffer(bytes) ? bytes : Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength)
}
