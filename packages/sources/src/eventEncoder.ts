/**
 * Writes an accepted event as the bytes of its EventRecord, by hand: what ts-proto's encoder does with a writer, a
 * closure and several buffers per event is done here in one pass over one buffer.
 *
 *  E1. The bytes are those of the generated encoder, whatever the event (property test).
 *  E2. Bytes that were handed out are never written again: a piece is only ever appended to, until the next is allocated.
 *
 * A length stands before what it counts and is known after it: it is written right-aligned into a gap of known size, and
 * the record begins where that ends up. So nothing is moved.
 */
import { EventType, TimeFlag } from '@tributary/contracts/generated/tributary/event/v1/event'
import { type AcceptedEvent, type EventIdentifier, type TimeFlag as DomainTimeFlag } from '@tributary/domain'

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

/** Records are cut from pieces of this size: some fifty ordinary ones. Small enough for malloc to use again. */
export const PIECE_BYTES = 64 * 1024
/** Tags, lengths, numbers and flags of a record, at most: 20 fields, five of them varints of ten bytes. */
const FIXED_BYTES = 160
/** Tags and lengths of one identifier, at most. */
const IDENTIFIER_BYTES = 16
/** UTF-8 bytes per UTF-16 unit, at most. */
const UNIT_BYTES = 3
/** Up to here a loop over the characters is faster than a call into Node. */
const LOOP_UNITS = 80

export type EncodeEvent = (event: AcceptedEvent) => Buffer

/** `allocate` gives a piece of at least so many bytes that nobody reads any more. */
export function createEventEncoder(
  allocate: (bytes: number) => Buffer = (bytes) => Buffer.allocUnsafeSlow(Math.max(PIECE_BYTES, bytes)),
): EncodeEvent {
  let piece = allocate(PIECE_BYTES)
  let free = 0

  return (event) => {
    const most = mostBytes(event)
    if (most > piece.length - free) {
      // What is larger than a piece gets one of its own; the next starts anew.
      piece = allocate(most)
      free = 0
    }
    const gap = 1 + varintBytes(most)
    const body = free + gap
    const end = writeEvent(piece, body, event)
    const length = end - body
    const start = body - varintBytes(length) - 1
    piece[start] = 0x0a
    writeVarint(piece, start + 1, length)
    free = end
    return piece.subarray(start, end)
  }
}

function mostBytes(event: AcceptedEvent): number {
  let units =
    event.messageId.length +
    event.sourceId.length +
    event.name.length +
    event.anchor.length +
    event.origin.length +
    event.identityRules.length
  let identifiers = event.identifiers.length
  for (const { type, value, id } of event.identifiers) units += type.length + value.length + id.length
  if (event.previous) {
    identifiers++
    units += event.previous.type.length + event.previous.value.length + event.previous.id.length
  }
  return (
    FIXED_BYTES +
    identifiers * IDENTIFIER_BYTES +
    units * UNIT_BYTES +
    event.raw.length +
    (event.payload?.length ?? 0)
  )
}

function writeEvent(into: Buffer, start: number, event: AcceptedEvent): number {
  let at = writeText(into, start, 10, event.messageId)
  if (event.messageIdGenerated) at = writeFlag(into, at, 16)
  at = writeText(into, at, 26, event.sourceId)
  into[at++] = 32
  into[at++] = TYPES[event.type]
  at = writeText(into, at, 42, event.name)
  at = writeText(into, at, 50, event.anchor)
  for (const identifier of event.identifiers) at = writeIdentifier(into, at, 58, identifier)
  if (event.previous) at = writeIdentifier(into, at, 66, event.previous)
  if (event.timeMs !== 0) at = writeNumber(into, at, 72, event.timeMs)
  if (event.originalMs !== undefined) at = writeNumber(into, at, 80, event.originalMs)
  if (event.sentMs !== undefined) at = writeNumber(into, at, 88, event.sentMs)
  if (event.receivedMs !== 0) at = writeNumber(into, at, 96, event.receivedMs)
  if (event.flags.length > 0) {
    into[at++] = 106
    into[at++] = event.flags.length
    for (const flag of event.flags) into[at++] = FLAGS[flag]
  }
  if (event.raw.length > 0) at = writeBytes(into, at, 114, event.raw)
  if (event.payload) at = writeBytes(into, at, 122, event.payload)
  at = writeText(into, at, 130, event.origin)
  at = writeText(into, at, 138, event.identityRules)
  if (event.trusted) at = writeFlag(into, at, 144)
  if (event.epoch !== 0) at = writeNumber(into, at, 152, event.epoch)
  if (event.erases) at = writeFlag(into, at, 168)
  return at
}

/** Tags are of one byte up to 127, else of two. */
function writeTag(into: Buffer, at: number, tag: number): number {
  if (tag < 0x80) {
    into[at] = tag
    return at + 1
  }
  into[at] = (tag & 0x7f) | 0x80
  into[at + 1] = tag >>> 7
  return at + 2
}

function writeFlag(into: Buffer, at: number, tag: number): number {
  const next = writeTag(into, at, tag)
  into[next] = 1
  return next + 1
}

function writeNumber(into: Buffer, at: number, tag: number, value: number): number {
  return writeVarint(into, writeTag(into, at, tag), value)
}

function writeBytes(into: Buffer, at: number, tag: number, bytes: Uint8Array): number {
  const next = writeVarint(into, writeTag(into, at, tag), bytes.length)
  into.set(bytes, next)
  return next + bytes.length
}

/** Nothing for an empty text: that is what its absence means. */
function writeText(into: Buffer, at: number, tag: number, text: string): number {
  if (text === '') return at
  const afterTag = writeTag(into, at, tag)
  const { length } = text
  if (length <= LOOP_UNITS) {
    const first = afterTag + 1
    let i = 0
    for (; i < length; i++) {
      const unit = text.charCodeAt(i)
      if (unit > 0x7f) break
      into[first + i] = unit
    }
    if (i === length) {
      into[afterTag] = length
      return first + length
    }
  }
  const bytes = Buffer.byteLength(text)
  const first = writeVarint(into, afterTag, bytes)
  into.write(text, first, 'utf8')
  return first + bytes
}

function writeIdentifier(into: Buffer, at: number, tag: number, identifier: EventIdentifier): number {
  const { type, value, id } = identifier
  // Right when all of it is ASCII, which is seen once it has been written; else it is written again.
  let length = textBytes(type.length) + textBytes(value.length) + textBytes(id.length)
  for (;;) {
    into[at] = tag
    const body = writeVarint(into, at + 1, length)
    const end = writeText(into, writeText(into, writeText(into, body, 10, type), 18, value), 26, id)
    if (end - body === length) return end
    length = end - body
  }
}

/** Tag, length and bytes of a text of so many bytes. */
function textBytes(bytes: number): number {
  return bytes === 0 ? 0 : 1 + varintBytes(bytes) + bytes
}

function varintBytes(value: number): number {
  let bytes = 1
  for (let rest = value; rest >= 0x80; rest = Math.floor(rest / 0x80)) bytes++
  return bytes
}

/** A safe integer as a varint of 64 bits; a negative one takes ten bytes. */
function writeVarint(into: Buffer, at: number, value: number): number {
  let i = at
  if (value < 0) {
    let rest = BigInt.asUintN(64, BigInt(value))
    while (rest >= 0x80n) {
      into[i++] = Number(rest & 0x7fn) | 0x80
      rest >>= 7n
    }
    into[i++] = Number(rest)
    return i
  }
  let rest = value
  while (rest > 0x7fffffff) {
    into[i++] = (rest % 0x80) | 0x80
    rest = Math.floor(rest / 0x80)
  }
  while (rest >= 0x80) {
    into[i++] = (rest & 0x7f) | 0x80
    rest >>>= 7
  }
  into[i++] = rest
  return i
}
