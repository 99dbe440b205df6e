/**
 * Finds where the parts of a JSON text lie, in its bytes, without building or re-serialising anything.
 *
 *  S1. A slice is exactly the bytes of one value as they were sent: no white space around it, nothing changed in it.
 *  S2. The scanner only looks at strings and brackets. A text is valid JSON when the skeleton is (checked here) and
 *      every slice is (JSON.parse says so); so an invalid text is always found, by one or the other.
 *  S3. No recursion: nesting costs a counter, never stack.
 */

/** A value in the text: bytes from `start` up to, not including, `end`. */
export interface Slice {
  readonly start: number
  readonly end: number
  /** Levels of objects and arrays in it: 0 for a scalar, 1 for {} or []. */
  readonly depth: number
}

/** What is wrong with a text, and where: `at` counts bytes from 0. */
export interface SliceProblem {
  readonly problem: string
  readonly at: number
}

export interface Member {
  /** Slice of the key, quotes included. */
  readonly key: Slice
  readonly value: Slice
}

const QUOTE = 0x22
const BACKSLASH = 0x5c
const COMMA = 0x2c
const COLON = 0x3a
const OPEN_ARRAY = 0x5b
const CLOSE_ARRAY = 0x5d
const OPEN_OBJECT = 0x7b
const CLOSE_OBJECT = 0x7d

/** Outside strings: 0 = goes by, 1 = quote, 2 = opens, 3 = closes. */
const OUTSIDE = new Uint8Array(256)
OUTSIDE[QUOTE] = 1
OUTSIDE[OPEN_ARRAY] = 2
OUTSIDE[OPEN_OBJECT] = 2
OUTSIDE[CLOSE_ARRAY] = 3
OUTSIDE[CLOSE_OBJECT] = 3

/** Ends a number, true, false or null. */
const ENDS_SCALAR = new Uint8Array(256)
for (const byte of [COMMA, COLON, CLOSE_ARRAY, CLOSE_OBJECT, OPEN_ARRAY, OPEN_OBJECT, QUOTE, 32, 9, 10, 13])
  ENDS_SCALAR[byte] = 1

/** First byte at or after `at` that is no JSON white space. */
export function skipSpace(bytes: Uint8Array, at: number): number {
  let i = at
  while (i < bytes.length) {
    const byte = bytes[i]!
    if (byte !== 32 && byte !== 10 && byte !== 13 && byte !== 9) return i
    i++
  }
  return i
}

/** Strings longer than this, bytes, are searched by the engine: a call costs as much as looking at so many. */
const LOOKED_AT = 64

/** Index after the string that opens at `at`, or -1 when it never closes. */
function endOfString(bytes: Uint8Array, at: number): number {
  const length = bytes.length
  const near = Math.min(length, at + LOOKED_AT)
  let i = at + 1
  while (i < near) {
    const byte = bytes[i]!
    if (byte === QUOTE) return i + 1
    i += byte === BACKSLASH ? 2 : 1
  }
  return i < length ? endOfLongString(bytes, i) : -1
}

/** The same from a place in the string that no backslash stands before. */
function endOfLongString(bytes: Uint8Array, from: number): number {
  let quote = bytes.indexOf(QUOTE, from)
  while (quote >= 0) {
    let before = quote
    while (before > from && bytes[before - 1] === BACKSLASH) before--
    // An even number of them escape each other.
    if ((quote - before) % 2 === 0) return quote + 1
    quote = bytes.indexOf(QUOTE, quote + 1)
  }
  return -1
}

/** The value that begins at `at` (no white space before it). */
export function sliceValue(bytes: Uint8Array, at: number): Slice | SliceProblem {
  const first = bytes[at]
  if (first === undefined) return { problem: 'the text ends where a value should be', at }
  if (first === QUOTE) {
    const end = endOfString(bytes, at)
    return end < 0 ? { problem: 'a string is never closed', at } : { start: at, end, depth: 0 }
  }
  if (first !== OPEN_OBJECT && first !== OPEN_ARRAY) {
    let end = at
    while (end < bytes.length && ENDS_SCALAR[bytes[end]!] === 0) end++
    return end === at ? { problem: 'a value is missing', at } : { start: at, end, depth: 0 }
  }
  return sliceNested(bytes, at)
}

function sliceNested(bytes: Uint8Array, at: number): Slice | SliceProblem {
  const length = bytes.length
  let i = at + 1
  let level = 1
  let depth = 1
  while (i < length) {
    const kind = OUTSIDE[bytes[i]!]
    if (kind === 0) i++
    else if (kind === 1) {
      i = endOfString(bytes, i)
      if (i < 0) return { problem: 'a string is never closed', at: length }
    } else if (kind === 2) {
      level++
      if (level > depth) depth = level
      i++
    } else {
      level--
      i++
      if (level === 0) return { start: at, end: i, depth }
    }
  }
  return { problem: 'an object or array is never closed', at: length }
}

/**
 * The elements of the array that opens at `at`; more elements than `max` are a problem. `read` may make more of an element
 * than its slice, as long as that says where it ends.
 */
export function sliceArray<Element extends { readonly end: number } = Slice>(
  bytes: Uint8Array,
  at: number,
  max: number,
  read: (bytes: Uint8Array, at: number) => Element | Slice | SliceProblem = sliceValue,
): { items: (Element | Slice)[]; end: number } | SliceProblem {
  if (bytes[at] !== OPEN_ARRAY) return { problem: 'not an array', at }
  const items: (Element | Slice)[] = []
  let i = skipSpace(bytes, at + 1)
  if (bytes[i] === CLOSE_ARRAY) return { items, end: i + 1 }
  for (;;) {
    const item = read(bytes, i)
    if ('problem' in item) return item
    if (items.length === max) return { problem: `more than ${max} elements`, at: i }
    items.push(item)
    i = skipSpace(bytes, item.end)
    if (bytes[i] === CLOSE_ARRAY) return { items, end: i + 1 }
    if (bytes[i] !== COMMA) return { problem: 'a comma or ] is missing', at: i }
    i = skipSpace(bytes, i + 1)
  }
}

/**
 * The members of the object that opens at `at`. `onValue` may take a value apart itself, given the key, and then
 * returns where it ends.
 */
export function sliceObject(
  bytes: Uint8Array,
  at: number,
  onValue?: (key: Slice, at: number) => { end: number } | SliceProblem | undefined,
): { members: Member[]; end: number } | SliceProblem {
  if (bytes[at] !== OPEN_OBJECT) return { problem: 'not an object', at }
  const members: Member[] = []
  let i = skipSpace(bytes, at + 1)
  if (bytes[i] === CLOSE_OBJECT) return { members, end: i + 1 }
  for (;;) {
    if (bytes[i] !== QUOTE) return { problem: 'a key in quotes is missing', at: i }
    const key = sliceValue(bytes, i)
    if ('problem' in key) return key
    i = skipSpace(bytes, key.end)
    if (bytes[i] !== COLON) return { problem: 'a colon is missing', at: i }
    i = skipSpace(bytes, i + 1)
    const taken = onValue?.(key, i)
    if (taken === undefined) {
      const value = sliceValue(bytes, i)
      if ('problem' in value) return value
      members.push({ key, value })
      i = value.end
    } else if ('problem' in taken) return taken
    else i = taken.end
    i = skipSpace(bytes, i)
    if (bytes[i] === CLOSE_OBJECT) return { members, end: i + 1 }
    if (bytes[i] !== COMMA) return { problem: 'a comma or } is missing', at: i }
    i = skipSpace(bytes, i + 1)
  }
}
