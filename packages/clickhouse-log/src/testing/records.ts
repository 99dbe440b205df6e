/** Records of each logged topic, for tests. */
import {
  Event,
  EventRecord,
  EventType,
  TimeFlag,
} from '@tributary/contracts/generated/tributary/event/v1/event'
import type { LogRecord } from '../rows/logTable.ts'

/** 2026-03-01T12:00:00Z. */
export const START_MS = Date.UTC(2026, 2, 1, 12)

export function recordOf(
  offset: number,
  value: Uint8Array | string | null,
  more: Partial<LogRecord> = {},
): LogRecord {
  return {
    offset,
    gap: 0,
    timestampMs: START_MS + offset,
    key: Buffer.from('key'),
    value: typeof value === 'string' ? Buffer.from(value) : value,
    headers: {},
    ...more,
  }
}

export function eventOf(more: Partial<Event> = {}): Event {
  return Event.fromPartial({
    messageId: 'm1',
    sourceId: 'web',
    type: EventType.EVENT_TYPE_TRACK,
    name: 'Order Completed',
    anchor: 'a'.repeat(32),
    identifiers: [
      { type: 'user_id', value: 'u1', id: 'a'.repeat(32) },
      { type: 'email', value: 'ada@example.com', id: 'b'.repeat(32) },
    ],
    timeMs: START_MS,
    originalTimeMs: START_MS - 5,
    receivedTimeMs: START_MS + 10,
    timeFlags: [TimeFlag.TIME_FLAG_UNCORRECTED],
    raw: Buffer.from('{"type":"track"}'),
    origin: 'http:r1:0',
    identityRules: 'h1',
    trusted: true,
    epoch: 1,
    ...more,
  })
}

export function eventRecord(offset: number, more: Partial<Event> = {}): LogRecord {
  const value = EventRecord.encode({ record: { $case: 'event', value: eventOf(more) } }).finish()
  return recordOf(offset, value)
}
