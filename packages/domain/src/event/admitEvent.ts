/**
 * Decides on one event: accepted, with everything that is derived from it, or rejected, with the reason.
 *
 *  A1. The bytes of an accepted event are those that were sent. What had to be changed for processing is in
 *      `payload`, and only then.
 *  A2. The verdict depends on the event and its circumstances alone; ids, hashes and the time are arguments.
 *  A3. An event that is accepted fits into one record of the events topic.
 */
import { canonicalText, canonicalise, isCanonical, mayNeedCanonicalising } from './canonicalise.ts'
import { type EventTimes, type StatedTime, correctedTimes, statedTime } from './eventTime.ts'
import { type EventType, eventTypes, isEventType } from './eventType.ts'
import { isExactNumber, parseExact } from './exactJson.ts'
import {
  type EventIdentifier,
  type IgnoredIdentifier,
  type PreparedRules,
  findIdentifiers,
  identifierOfType,
  textOf,
} from './identifiers.ts'
import { type Json, type JsonObject, isJsonObject, setOwn } from './json.ts'
import { type PreparedMapping } from './mapping.ts'
import { type ReceivedItem } from './readBody.ts'
import { type Rejection, type RejectionCode } from './rejection.ts'

/** What a record's bytes are before they are mapped. */
export type RecordFormat = 'json' | 'cloudevents' | 'change-data'

export interface EventLimits {
  /** Bytes of one event as received. */
  readonly maxEventBytes: number
  /** Bytes of one event as received and its payload together: what a record of the events topic can hold. */
  readonly maxRecordBytes: number
  /** Levels of objects and arrays, the event itself being the first. */
  readonly maxDepth: number
  readonly maxIdentifiers: number
}

export const defaultEventLimits: EventLimits = {
  // Baskets, transcripts and change-data rows fit; a page's whole HTML does not.
  maxEventBytes: 256 * 1024,
  // The topic takes 1.9 MiB (contracts/topics.ts); the rest is for the envelope.
  maxRecordBytes: 1_900_000,
  maxDepth: 32,
  // Evidence is one set of at most as many.
  maxIdentifiers: 20,
}

/** A source may raise its limit per event to this: twice it (received and derived) fits into a record. */
export const MAX_EVENT_BYTES = 900 * 1024
/** UTF-16 units. Names are used as keys of aggregates and shown in lists. */
export const MAX_NAME_LENGTH = 1024
/** UTF-16 units. Longer ones are no ids. */
export const MAX_MESSAGE_ID_LENGTH = 256

/** What is the same for all events of a request, or of a Kafka source under one revision. */
export interface Circumstances {
  readonly sourceId: string
  readonly trusted: boolean
  readonly epoch: number
  readonly rules: PreparedRules
  readonly limits: EventLimits
  /** The source's zone for local times. */
  readonly zone?: string | undefined
  /** Named by the path of the request; what the event says is ignored then. */
  readonly type?: EventType | undefined
  /** What stands beside `batch`: context and integrations merged into each event, times as said there. */
  readonly shared?: JsonObject | undefined
  /** The SentAt header. */
  readonly sentHeader?: string | undefined
  readonly mapping?: PreparedMapping | undefined
  /** How records of a Kafka source are written; plain JSON when not given. */
  readonly format?: RecordFormat | undefined
  /** Hash of several texts, 32 hexadecimal digits. */
  readonly digest: (parts: readonly string[]) => string
}

/** What is this event's own. */
export interface Arrival {
  /** Never the same for two. */
  readonly origin: string
  readonly receivedMs: number
  /** For an event without one. */
  readonly newMessageId: () => string
  /** Of a Kafka record, as text. */
  readonly key?: string | undefined
}

export interface AcceptedEvent extends EventTimes {
  readonly messageId: string
  readonly messageIdGenerated: boolean
  readonly sourceId: string
  readonly type: EventType
  /** Empty when the event has none. */
  readonly name: string
  readonly anchor: string
  readonly identifiers: readonly EventIdentifier[]
  readonly previous?: EventIdentifier | undefined
  readonly raw: Uint8Array
  readonly payload?: Uint8Array | undefined
  readonly origin: string
  readonly identityRules: string
  readonly trusted: boolean
  readonly epoch: number
  /** The person it names is to be erased, with all that was received before it. */
  readonly erases?: true
}

export type Verdict =
  | { readonly accepted: AcceptedEvent; readonly ignored: readonly IgnoredIdentifier[] }
  | { readonly rejected: Rejection }

const encoder = new TextEncoder()

/** What the circumstances come to, worked out once for all events of a request. */
export interface Shared {
  /** Context and integrations beside the batch, when there is anything in them. */
  readonly parts: JsonObject | undefined
  /** The zone of local times. */
  readonly zone: string | undefined
  /** Said beside the batch: holds for every event. */
  readonly sent: StatedTime
  /** Stands in for an event that says nothing itself. */
  readonly sentOtherwise: StatedTime
  readonly originalOtherwise: StatedTime
}

export function sharedOf(circumstances: Circumstances): Shared {
  const { shared, sentHeader, mapping } = circumstances
  const zone = mapping?.zone ?? circumstances.zone
  return {
    parts: sharedParts(shared),
    zone,
    sent: statedTime(shared?.['sentAt'], zone),
    sentOtherwise: statedTime(sentHeader, zone),
    originalOtherwise: statedTime(shared?.['timestamp'], zone),
  }
}

export function admitEvent(
  item: ReceivedItem,
  circumstances: Circumstances,
  arrival: Arrival,
  shared: Shared = sharedOf(circumstances),
): Verdict {
  const { limits, mapping, rules } = circumstances
  if (item.bytes.length > limits.maxEventBytes)
    return rejected(
      item,
      'event_too_large',
      `the event has ${item.bytes.length} bytes; this source takes ${limits.maxEventBytes} at most`,
    )
  if (item.depth > limits.maxDepth)
    return rejected(
      item,
      'too_deep',
      `the event is nested ${item.depth} levels deep; ${limits.maxDepth} at most`,
    )
  if (!isJsonObject(item.value)) return rejected(item, 'not_an_object', 'an event is a JSON object')

  let event: JsonObject = item.value
  let exact = (): Json => parseExact(item.text())
  let payload: Uint8Array | undefined
  let erases = false
  if (mapping || shared.parts || !(item.canonical || isCanonicalItem(item))) {
    const derived = derive(exact(), mapping, shared.parts, arrival.key)
    if ('problem' in derived) return rejected(item, derived.code ?? 'does_not_map', derived.problem)
    event = derived.event
    erases = derived.erases ?? false
    exact = () => derived.event
    payload = encoder.encode(JSON.stringify(event))
    const bytes = item.bytes.length + payload.length
    if (bytes > limits.maxRecordBytes)
      return rejected(
        item,
        'event_too_large',
        `the event and what is derived from it have ${bytes} bytes; a record holds ${limits.maxRecordBytes}`,
      )
  }

  const type = circumstances.type ?? event['type']
  if (!isEventType(type)) return rejected(item, 'unknown_type', `"type" is one of ${eventTypes.join(', ')}`)
  const name = nameOf(event, type)
  const problem = fieldProblem(event, type, name)
  if (problem) return rejected(item, problem.code, problem.message)
  const sentMessageId = messageIdOf(event, exact)
  if (sentMessageId !== undefined && sentMessageId.length > MAX_MESSAGE_ID_LENGTH)
    return rejected(
      item,
      'message_id_too_long',
      `"messageId" has ${sentMessageId.length} characters; ${MAX_MESSAGE_ID_LENGTH} at most`,
    )

  const isGroup = type === 'group'
  const { identifiers, ignored } = findIdentifiers(event, rules, {
    max: limits.maxIdentifiers,
    isGroup,
    exact,
  })
  // An erasure of nobody would look like one that was carried out.
  if (erases && identifiers.length === 0)
    return rejected(
      item,
      'erases_nobody',
      'a row was deleted that erases, and nothing in its key or what it was before is a valid identifier',
    )
  const previous =
    type === 'alias'
      ? identifierOfType(event['previousId'], 'user_id', rules, () => member(exact(), 'previousId'))
      : undefined
  const messageId = sentMessageId ?? arrival.newMessageId()
  const times = correctedTimes(
    originalTime(event, shared),
    shared.sent ?? statedTime(event['sentAt'], shared.zone) ?? shared.sentOtherwise,
    arrival.receivedMs,
  )
  const accepted: AcceptedEvent = {
    timeMs: times.timeMs,
    originalMs: times.originalMs,
    sentMs: times.sentMs,
    receivedMs: times.receivedMs,
    flags: times.flags,
    messageId,
    messageIdGenerated: sentMessageId === undefined,
    sourceId: circumstances.sourceId,
    type,
    name,
    anchor: identifiers[0]?.id ?? circumstances.digest([circumstances.sourceId, messageId]),
    identifiers,
    previous,
    raw: item.bytes,
    payload,
    origin: arrival.origin,
    identityRules: rules.hash,
    trusted: circumstances.trusted,
    epoch: circumstances.epoch,
    ...(erases && { erases: true }),
  }
  return { accepted, ignored }
}

function isCanonicalItem(item: ReceivedItem): boolean {
  return !mayNeedCanonicalising(item.text()) || isCanonical(item.value)
}

function rejected(item: ReceivedItem, code: RejectionCode, message: string): Verdict {
  const messageId = isJsonObject(item.value)
    ? messageIdOf(item.value, () => parseExact(item.text()))
    : undefined
  return { rejected: { code, message, ...(messageId !== undefined && { messageId }) } }
}

/** Its own original time, else its timestamp, else that of the batch. */
function originalTime(event: JsonObject, shared: Shared): StatedTime {
  return statedTime(event['originalTimestamp'] ?? event['timestamp'], shared.zone) ?? shared.originalOtherwise
}

function sharedParts(shared: JsonObject | undefined): JsonObject | undefined {
  if (!shared) return undefined
  const parts: JsonObject = {}
  for (const key of ['context', 'integrations']) {
    const part = shared[key]
    if (isJsonObject(part) && Object.keys(part).length > 0) parts[key] = part
  }
  return Object.keys(parts).length > 0 ? parts : undefined
}

function derive(
  event: Json,
  mapping: PreparedMapping | undefined,
  shared: JsonObject | undefined,
  key: string | undefined,
): { event: JsonObject; erases?: boolean } | { problem: string; code?: RejectionCode } {
  const mapped = mapping ? mapping.map(event, key) : { event: event as JsonObject }
  if ('problem' in mapped) return mapped
  const merged = shared ? merge(shared, mapped.event) : mapped.event
  return { ...mapped, event: canonicalise(merged) as JsonObject }
}

/** `over` wins at every leaf; only objects are merged. Both are bounded in depth by the limits. */
function merge(base: JsonObject, over: JsonObject): JsonObject {
  const out: JsonObject = {}
  for (const [key, value] of Object.entries(base)) setOwn(out, key, value)
  for (const [key, value] of Object.entries(over)) {
    const below = Object.hasOwn(base, key) ? base[key] : undefined
    setOwn(out, key, isJsonObject(below) && isJsonObject(value) ? merge(below, value) : value)
  }
  return out
}

const OBJECT_FIELDS = ['properties', 'traits', 'context'] as const

function fieldProblem(event: JsonObject, type: EventType, name: string): Rejection | undefined {
  for (const key of OBJECT_FIELDS) {
    const value = event[key]
    if (value !== undefined && value !== null && !isJsonObject(value))
      return { code: 'invalid_field', message: `"${key}" is a JSON object, or left out` }
  }
  if (type === 'track' && !isText(event['event']))
    return {
      code: 'missing_event_name',
      message: 'a track event has its name in "event", a text that is not blank',
    }
  if (name.length > MAX_NAME_LENGTH)
    return { code: 'name_too_long', message: `the name has more than ${MAX_NAME_LENGTH} characters` }
  if (type === 'group' && !isId(event['groupId']))
    return { code: 'missing_group_id', message: 'a group event has a "groupId", a text or a whole number' }
  if (type === 'alias' && !isId(event['previousId']))
    return {
      code: 'missing_previous_id',
      message: 'an alias event has a "previousId", a text or a whole number',
    }
  return undefined
}

function isText(value: Json | undefined): value is string {
  return typeof value === 'string' && value.trim() !== ''
}

/** A text, or a number: which digits it has is looked at where it is used. */
function isId(value: Json | undefined): boolean {
  return isText(value) || typeof value === 'number' || isExactNumber(value)
}

function nameOf(event: JsonObject, type: EventType): string {
  const name =
    type === 'track' ? event['event'] : type === 'page' || type === 'screen' ? event['name'] : undefined
  return typeof name === 'string' ? canonicalText(name) : ''
}

/** A text that is not blank, or a whole number; anything else counts as no message id. */
function messageIdOf(event: JsonObject, exact: () => Json): string | undefined {
  const value = event['messageId']
  if (value === undefined || value === null) return undefined
  const id = textOf(value, () => member(exact(), 'messageId'))
  return id === undefined || id.trim() === '' ? undefined : canonicalText(id)
}

function member(value: Json, key: string): Json | undefined {
  return isJsonObject(value) ? value[key] : undefined
}
