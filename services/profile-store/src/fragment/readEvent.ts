import { hash } from 'node:crypto'
import {
  type EventFacts,
  type EventType as EventTypeName,
  type FoldableEvent,
  type Json,
  canonicalJsonText,
  isJsonObject,
  parseOrNothing,
} from '@tributary/domain'
import { eventTypeName } from '@tributary/contracts'
import { type Event } from '@tributary/contracts/generated/tributary/event/v1/event'

/** An accepted event as fragments fold it. */
export function readEvent(event: Event): FoldableEvent {
  return {
    messageId: event.messageId,
    sourceId: event.sourceId,
    type: eventTypeName(event.type, 'track'),
    name: event.name,
    timeMs: event.timeMs,
    identifiers: event.identifiers,
    payload: parseOrNothing(Buffer.from(event.payload ?? event.raw).toString()),
  }
}

/** An event of the log, as fragments fold it; its identifiers are not counted by anything. */
export function foldable(event: {
  readonly messageId: string
  readonly sourceId: string
  readonly type: string
  readonly name: string
  readonly timeMs: number
  readonly payload: Uint8Array
}): FoldableEvent {
  return {
    ...event,
    type: event.type as EventTypeName,
    identifiers: [],
    payload: parseOrNothing(Buffer.from(event.payload).toString()),
  }
}

/** Source, message id and anchor: the same for two copies of one message. 128 bits, base64url. */
export function messageKey(event: Event): string {
  return hash('sha256', `${event.sourceId}\0${event.anchor}\0${event.messageId}`, 'buffer')
    .subarray(0, 16)
    .toString('base64url')
}

/** 64 bits of what an event says. */
const CONTENT_BYTES = 8

/**
 * What two copies of one message have in common: what is folded, and nothing of how it was sent. SDKs put a new
 * `sentAt`, and some a new library or retry count, on each attempt, and the corrected time moves with it.
 */
export function messageContent(event: Event, { event: { payload }, traits, consents }: EventFacts): Buffer {
  const own = (key: string): Json =>
    isJsonObject(payload) && Object.hasOwn(payload, key) ? payload[key]! : null
  const text = canonicalJsonText([
    event.type,
    event.name,
    event.originalTimeMs ?? null,
    event.identifiers.map(({ id }) => id),
    own('properties'),
    own('groupId'),
    traits.map(({ path, json }) => [path, json]),
    consents.map(({ purpose, granted }) => [purpose, granted]),
  ])
  return hash('sha256', text, 'buffer').subarray(0, CONTENT_BYTES)
}
