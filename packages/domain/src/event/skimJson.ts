/**
 * Reads one JSON value in one pass over its bytes: looks at all of it, and builds only what is wanted of it.
 *
 *  K1. What was skimmed is valid JSON, to the last byte. What is not, and some of what is (K4), is left to JSON.parse.
 *  K2. What is wanted is there as JSON.parse gives it, of two members with one key the last; nothing else is there. So
 *      who asks for what is wanted alone gets the same answers (property test, against JSON.parse).
 *  K3. What was skimmed is canonical (canonicalise.ts): no NUL, no lone surrogate, no U+FFFD in any text of it.
 *  K4. Left to JSON.parse: more than MAX_LEVELS levels, escapes that write NUL or a surrogate, U+FFFD, and escapes in
 *      keys on the way to what is wanted.
 *  K5. It goes down into what is wanted by recursion, as deep as its paths are long; into all else by a counter.
 *
 * The bytes must be UTF-8, which one native call says of a whole body.
 */
import { type Json, type JsonObject } from './json.ts'
import { type Wanted } from './wanted.ts'

/** Bytes of a range as text. */
type Decode = (bytes: Uint8Array, start: number, end: number) => string

export interface Skimmed {
  readonly value: Json
  readonly end: number
  /** Levels of objects and arrays in it. */
  readonly depth: number
}

/** The kinds of the open levels, an object or an array, are the bits of one integer. The limit of an event is one more. */
const MAX_LEVELS = 31

const QUOTE = 0x22
const PLUS = 0x2b
const COMMA = 0x2c
const MINUS = 0x2d
const DOT = 0x2e
const ZERO = 0x30
const NINE = 0x39
const COLON = 0x3a
const OPEN_ARRAY = 0x5b
const BACKSLASH = 0x5c
const CLOSE_ARRAY = 0x5d
const OPEN_OBJECT = 0x7b
const CLOSE_OBJECT = 0x7d
const SPACE = 0x20

/** Within a text: 1 = goes by. The quote, the backslash, control characters and the first byte of U+FFFD do not. */
const GOES_BY = new Uint8Array(256).fill(1, SPACE)
GOES_BY[QUOTE] = 0
GOES_BY[BACKSLASH] = 0
GOES_BY[0xef] = 0

/** After a backslash: 1 = one character, 2 = four hexadecimal digits follow. */
const ESCAPES = new Uint8Array(256)
for (const letter of '"\\/bfnrt') ESCAPES[letter.charCodeAt(0)] = 1
ESCAPES[0x75] = 2

const HEX = new Int8Array(256).fill(-1)
for (const digit of '0123456789abcdefABCDEF') HEX[digit.charCodeAt(0)] = Number.parseInt(digit, 16)

const EMPTY_OBJECT: JsonObject = Object.freeze({})

/** More than one number comes out of each step below; what is beside the end is left here, for as long as one call of skimJson. */
let deepest = 0
let escaped = false

/** The value that begins at `start` (no white space before it); undefined when it is left to JSON.parse. */
export function skimJson(
  bytes: Uint8Array,
  start: number,
  wanted: Wanted,
  decode: Decode,
): Skimmed | undefined {
  deepest = 0
  if (bytes[start] !== OPEN_OBJECT) return undefined
  const value = wanted.template()
  const end = readObject(bytes, start, value, wanted, 0, decode)
  return end < 0 ? undefined : { value, end, depth: deepest }
}

/** Sets what is wanted of the object that opens at `start`, below so many levels. Each step gives where it ended, or -1. */
function readObject(
  bytes: Uint8Array,
  start: number,
  into: JsonObject,
  wanted: Wanted,
  levels: number,
  decode: Decode,
): number {
  if (levels + 1 > deepest) deepest = levels + 1
  let at = afterSpace(bytes, start + 1)
  if (bytes[at] === CLOSE_OBJECT) return at + 1
  for (;;) {
    const key = at
    const keyEnd = endOfKey(bytes, key)
    if (keyEnd < 0 || escaped) return -1
    at = valueAfter(bytes, keyEnd)
    if (at < 0) return -1
    const member = wanted.find(bytes, key + 1, keyEnd - 1)
    if (member === undefined) at = endOfValue(bytes, at, levels + 1)
    else {
      const first = bytes[at]
      if (first === QUOTE) {
        const end = endOfText(bytes, at)
        if (end < 0) return -1
        into[member.key] = escaped
          ? (JSON.parse(decode(bytes, at, end)) as Json)
          : decode(bytes, at + 1, end - 1)
        at = end
      } else if (first === OPEN_OBJECT && member.below) {
        const value = member.below.template()
        at = readObject(bytes, at, value, member.below, levels + 1, decode)
        into[member.key] = value
      } else {
        const end = endOfValue(bytes, at, levels + 1)
        if (end < 0) return -1
        into[member.key] =
          first === OPEN_OBJECT && member.kindAlone
            ? EMPTY_OBJECT
            : (JSON.parse(decode(bytes, at, end)) as Json)
        at = end
      }
    }
    if (at < 0) return -1
    at = afterSpace(bytes, at)
    const next = bytes[at]
    if (next === COMMA) at = afterSpace(bytes, at + 1)
    else return next === CLOSE_OBJECT ? at + 1 : -1
  }
}

/** Of any value; `levels` are open around it. */
function endOfValue(bytes: Uint8Array, start: number, levels: number): number {
  let at = start
  let level = levels
  /** Of the levels opened here, innermost last: 1 = an object. */
  let kinds = 0
  for (;;) {
    // A value begins here.
    const first = bytes[at]!
    if (first === QUOTE) {
      at = endOfText(bytes, at)
      if (at < 0) return -1
    } else if (first === OPEN_OBJECT || first === OPEN_ARRAY) {
      if (++level > deepest) {
        if (level > MAX_LEVELS) return -1
        deepest = level
      }
      at = afterSpace(bytes, at + 1)
      if (first === OPEN_OBJECT) {
        if (bytes[at] === CLOSE_OBJECT) {
          level--
          at++
        } else {
          kinds = (kinds << 1) | 1
          at = endOfKey(bytes, at)
          if (at < 0) return -1
          at = valueAfter(bytes, at)
          if (at < 0) return -1
          continue
        }
      } else if (bytes[at] === CLOSE_ARRAY) {
        level--
        at++
      } else {
        kinds <<= 1
        continue
      }
    } else {
      at = endOfScalar(bytes, at)
      if (at < 0) return -1
    }
    // A value has ended here; with it perhaps what it stands in.
    for (;;) {
      if (level === levels) return at
      at = afterSpace(bytes, at)
      const next = bytes[at]
      const inObject = (kinds & 1) === 1
      if (next === COMMA) {
        at = afterSpace(bytes, at + 1)
        if (inObject) {
          at = endOfKey(bytes, at)
          if (at < 0) return -1
          at = valueAfter(bytes, at)
          if (at < 0) return -1
        }
        break
      }
      if (next !== (inObject ? CLOSE_OBJECT : CLOSE_ARRAY)) return -1
      kinds >>>= 1
      level--
      at++
    }
  }
}

function endOfKey(bytes: Uint8Array, at: number): number {
  return bytes[at] === QUOTE ? endOfText(bytes, at) : -1
}

/** Where the value begins whose key ended here. */
function valueAfter(bytes: Uint8Array, keyEnd: number): number {
  const at = afterSpace(bytes, keyEnd)
  return bytes[at] === COLON ? afterSpace(bytes, at + 1) : -1
}

function afterSpace(bytes: Uint8Array, start: number): number {
  let at = start
  for (;;) {
    const byte = bytes[at]
    if (byte === undefined || byte > SPACE) return at
    if (byte !== SPACE && byte !== 10 && byte !== 13 && byte !== 9) return at
    at++
  }
}

/** Index after the text that opens at `start`. */
function endOfText(bytes: Uint8Array, start: number): number {
  const { length } = bytes
  let at = start + 1
  escaped = false
  while (at < length) {
    const byte = bytes[at]!
    if (GOES_BY[byte] === 1) at++
    else if (byte === QUOTE) return at + 1
    else if (byte === BACKSLASH) {
      escaped = true
      at = afterEscape(bytes, at + 1)
      if (at < 0) return -1
    } else if (byte === 0xef) {
      if (bytes[at + 1] === 0xbf && bytes[at + 2] === 0xbd) return -1
      at++
    } else return -1
  }
  return -1
}

/** After what follows a backslash. */
function afterEscape(bytes: Uint8Array, at: number): number {
  const kind = ESCAPES[bytes[at] ?? 0]
  if (kind === 1) return at + 1
  if (kind !== 2 || at + 5 > bytes.length) return -1
  const high = (HEX[bytes[at + 1]!]! << 4) | HEX[bytes[at + 2]!]!
  const low = (HEX[bytes[at + 3]!]! << 4) | HEX[bytes[at + 4]!]!
  // One digit that is none makes all of it negative.
  if (high < 0 || low < 0 || (high === 0 && low === 0) || (high >= 0xd8 && high <= 0xdf)) return -1
  return at + 5
}

/** Of a number, true, false or null. */
function endOfScalar(bytes: Uint8Array, start: number): number {
  const first = bytes[start]!
  if (first === MINUS || (first >= ZERO && first <= NINE)) return endOfNumber(bytes, start)
  if (first === 0x74) return endOfWord(bytes, start, TRUE)
  if (first === 0x66) return endOfWord(bytes, start, FALSE)
  return first === 0x6e ? endOfWord(bytes, start, NULL) : -1
}

const TRUE = [0x74, 0x72, 0x75, 0x65]
const FALSE = [0x66, 0x61, 0x6c, 0x73, 0x65]
const NULL = [0x6e, 0x75, 0x6c, 0x6c]

function endOfWord(bytes: Uint8Array, start: number, word: readonly number[]): number {
  for (let i = 1; i < word.length; i++) if (bytes[start + i] !== word[i]) return -1
  return start + word.length
}

function endOfNumber(bytes: Uint8Array, start: number): number {
  let at = bytes[start] === MINUS ? start + 1 : start
  const whole = at
  at = afterDigits(bytes, at)
  // One digit at least, and none after a leading zero.
  if (at === whole || (at > whole + 1 && bytes[whole] === ZERO)) return -1
  if (bytes[at] === DOT) {
    const fraction = at + 1
    at = afterDigits(bytes, fraction)
    if (at === fraction) return -1
  }
  if (bytes[at] === 0x65 || bytes[at] === 0x45) {
    at++
    if (bytes[at] === PLUS || bytes[at] === MINUS) at++
    const exponent = at
    at = afterDigits(bytes, exponent)
    if (at === exponent) return -1
  }
  return at
}

function afterDigits(bytes: Uint8Array, start: number): number {
  let at = start
  for (;;) {
    const byte = bytes[at]
    if (byte === undefined || byte < ZERO || byte > NINE) return at
    at++
  }
}
