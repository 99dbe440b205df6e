/**
 * Takes the body of an ingest request apart: one event, or a batch with what stands beside it.
 *
 *  B1. Every element of `batch` is exactly one item, in order, with its own bytes; nothing is dropped or doubled.
 *  B2. A body is taken whole or refused whole: when any part is no JSON, there are no items.
 */
import { parseExact } from './exactJson.ts'
import { type Json, type JsonObject, setOwn } from './json.ts'
import { skimJson } from './skimJson.ts'
import { type Slice, type SliceProblem, sliceArray, sliceObject, sliceValue, skipSpace } from './sliceJson.ts'
import { type Wanted } from './wanted.ts'

/** One event as it stands in the body. */
export interface ReceivedItem {
  /** Its own bytes, a view into the body. */
  readonly bytes: Uint8Array
  /** As JSON.parse gives it; when it was skimmed, what was wanted of it. */
  readonly value: Json
  readonly depth: number
  /** Nothing in it has to be made canonical: this is known of what was skimmed. */
  readonly canonical: boolean
  /** All of it. */
  readonly text: () => string
}

export interface ReceivedBody {
  readonly items: readonly ReceivedItem[]
  /** What stands beside `batch`. */
  readonly envelope: JsonObject
  /** Size of `context` and `integrations` beside the batch, bytes: they are merged into every item. */
  readonly sharedBytes: number
  /** The deepest of what stands beside the batch, levels. */
  readonly envelopeDepth: number
}

export interface BodyProblem {
  readonly code: 'invalid_json' | 'invalid_body' | 'too_many_events'
  readonly message: string
}

/** Bytes of a range as text; what is no UTF-8 becomes U+FFFD, a byte order mark stays. */
export type Decode = (bytes: Uint8Array, start: number, end: number) => string

/** One body, as text. */
export interface BodyText {
  readonly decode: Decode
  /** All of it is UTF-8, so that it may be skimmed. */
  readonly isUtf8: boolean
}

const decoder = new TextDecoder('utf-8', { ignoreBOM: true })
const decodeUtf8: Decode = (bytes, start, end) => decoder.decode(bytes.subarray(start, end))

/**
 * One JSON value of any kind: a single event, or the value of a Kafka record. Given `wanted`, it is skimmed where that
 * can be; the body must be UTF-8 then.
 */
export function readSingle(
  body: Uint8Array,
  decode: Decode = decodeUtf8,
  wanted?: Wanted,
): ReceivedItem | BodyProblem {
  const start = startOf(body)
  const skimmed = wanted && skimItem(body, start, decode, wanted)
  if (skimmed && skipSpace(body, skimmed.end) === body.length) return skimmed
  const slice = sliceValue(body, start)
  if ('problem' in slice) return invalidJson(slice)
  const end = skipSpace(body, slice.end)
  if (end !== body.length) return invalidJson({ problem: 'there is more after the JSON value', at: end })
  return parseItem(body, slice, decode)
}

/** `{"batch": [...], ...}`. Given `wanted`, its elements are skimmed where that can be; the body must be UTF-8 then. */
export function readBatch(
  body: Uint8Array,
  limits: { readonly maxItems: number },
  decode: Decode = decodeUtf8,
  wanted?: Wanted,
): ReceivedBody | BodyProblem {
  const start = startOf(body)
  if (start < body.length && body[start] !== 0x7b)
    return { code: 'invalid_body', message: 'a batch is a JSON object with an array called "batch"' }

  let elements: readonly (SkimmedItem | Slice)[] | undefined
  const read = (bytes: Uint8Array, at: number): SkimmedItem | Slice | SliceProblem =>
    (wanted && skimItem(bytes, at, decode, wanted)) ?? sliceValue(bytes, at)
  let twice = false
  let tooMany = false
  const whole = sliceObject(body, start, (key, at) => {
    if (body[at] !== 0x5b || keyText(body, key, decode) !== 'batch') return undefined
    if (elements) twice = true
    const array = sliceArray(body, at, limits.maxItems, read)
    if ('problem' in array) tooMany = array.problem.startsWith('more than')
    else elements = array.items
    return array
  })
  if (tooMany)
    return {
      code: 'too_many_events',
      message: `a batch holds at most ${limits.maxItems} elements; send several`,
    }
  if ('problem' in whole) return invalidJson(whole)
  const end = skipSpace(body, whole.end)
  if (end !== body.length) return invalidJson({ problem: 'there is more after the JSON object', at: end })
  if (twice) return { code: 'invalid_body', message: '"batch" stands there twice: send two requests' }

  const envelope: JsonObject = {}
  let sharedBytes = 0
  let envelopeDepth = 0
  for (const member of whole.members) {
    const key = keyText(body, member.key, decode)
    const value = parse(decode(body, member.value.start, member.value.end), parseExact)
    if (key === undefined || value === undefined)
      return invalidJson({ problem: 'no JSON here', at: member.key.start })
    envelopeDepth = Math.max(envelopeDepth, member.value.depth)
    if (key === 'context' || key === 'integrations') sharedBytes += member.value.end - member.value.start
    setOwn(envelope, key, value)
  }
  if (!elements) return { code: 'invalid_body', message: 'there is no array called "batch"' }

  const items: ReceivedItem[] = []
  for (const element of elements) {
    const item = 'bytes' in element ? element : parseItem(body, element, decode)
    if ('code' in item) return item
    items.push(item)
  }
  return { items, envelope, sharedBytes, envelopeDepth }
}

/** A JSON array of events, as a batch of CloudEvents is. */
export function readArray(
  body: Uint8Array,
  limits: { readonly maxItems: number },
  decode: Decode = decodeUtf8,
): readonly ReceivedItem[] | BodyProblem {
  const start = startOf(body)
  if (start < body.length && body[start] !== 0x5b)
    return { code: 'invalid_body', message: 'a batch of CloudEvents is a JSON array' }
  const array = sliceArray(body, start, limits.maxItems)
  if ('problem' in array) {
    if (!array.problem.startsWith('more than')) return invalidJson(array)
    return {
      code: 'too_many_events',
      message: `a batch holds at most ${limits.maxItems} elements; send several`,
    }
  }
  const end = skipSpace(body, array.end)
  if (end !== body.length) return invalidJson({ problem: 'there is more after the JSON array', at: end })
  const items: ReceivedItem[] = []
  for (const slice of array.items) {
    const item = parseItem(body, slice, decode)
    if ('code' in item) return item
    items.push(item)
  }
  return items
}

interface SkimmedItem extends ReceivedItem {
  readonly end: number
}

function skimItem(body: Uint8Array, start: number, decode: Decode, wanted: Wanted): SkimmedItem | undefined {
  const skimmed = skimJson(body, start, wanted, decode)
  if (!skimmed) return undefined
  const { value, depth, end } = skimmed
  const bytes = body.subarray(start, end)
  return { bytes, value, depth, canonical: true, text: () => decode(body, start, end), end }
}

function parseItem(body: Uint8Array, slice: Slice, decode: Decode): ReceivedItem | BodyProblem {
  const text = decode(body, slice.start, slice.end)
  const value = parse(text)
  if (value === undefined)
    return invalidJson({ problem: 'no JSON in the value that begins', at: slice.start })
  const bytes = body.subarray(slice.start, slice.end)
  return { bytes, value, depth: slice.depth, canonical: false, text: () => text }
}

/** After the byte order mark, if there is one, and white space. */
function startOf(body: Uint8Array): number {
  return skipSpace(body, body[0] === 0xef && body[1] === 0xbb && body[2] === 0xbf ? 3 : 0)
}

function keyText(body: Uint8Array, key: Slice, decode: Decode): string | undefined {
  const parsed = parse(decode(body, key.start, key.end))
  return typeof parsed === 'string' ? parsed : undefined
}

function parseJson(text: string): Json {
  return JSON.parse(text) as Json
}

/** JSON has no undefined, so that can say "no JSON". */
function parse(text: string, by: (text: string) => Json = parseJson): Json | undefined {
  try {
    return by(text)
  } catch {
    return undefined
  }
}

function invalidJson({ problem, at }: SliceProblem): BodyProblem {
  return { code: 'invalid_json', message: `no valid JSON: ${problem} (byte ${at})` }
}
