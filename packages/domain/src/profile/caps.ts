/**
 * Caps: no fragment, part, profile or change may exceed what Kafka takes (1.9 MiB for these topics).
 *
 *  C1. What is kept under a cap depends on the set of values alone, never on their order: the smallest keys stay, and
 *      a key that was ever cut can never come back, since keys only grow.
 *  C2. A value is cut by looking at that value alone.
 *  C3. Whatever was cut sets `truncated`. The whole event stays in the log.
 *
 * Worst fragment: 500 traits × (1,024 value + 256 path + 850 ids) + aggregates (aggregateCaps.ts) + 100 identifiers ×
 * 700 + 100 consents × 970 bytes = 1.8 MB. Worst change, before and after: 400 traits × 2,600 + computed + 200
 * identifiers × 1,800 + 500 audiences × 200 bytes = 1.9 MB.
 */
import { type Json, isJsonObject } from '../event/json.ts'
import { isExactNumber } from '../event/exactJson.ts'
import { canonicalJsonText } from './canonicalJson.ts'

/** (path, source) pairs in a fragment, smallest first. */
export const MAX_TRAIT_VALUES_PER_FRAGMENT = 500
/** Paths in a profile, smallest first. */
export const MAX_TRAITS_PER_PROFILE = 400
/** Bytes of the value of a trait as canonical JSON. */
export const MAX_VALUE_BYTES = 1024
/** Bytes of one path. */
export const MAX_PATH_BYTES = 256
/** Identifiers seen on the events of one anchor: the anchor itself, then the smallest ids. A shared device sees many. */
export const MAX_IDENTIFIERS_PER_FRAGMENT = 100
/** Identifiers shown in a profile, smallest (type, value) first. */
export const MAX_IDENTIFIERS_PER_PROFILE = 200
/** (purpose, source) pairs, smallest first. */
export const MAX_CONSENTS_PER_FRAGMENT = 100
/** Bytes of the name of a purpose. */
export const MAX_PURPOSE_BYTES = 128

/** Bytes of a well-formed text in UTF-8; half a surrogate pair counts as two. */
export function utf8Length(text: string): number {
  let bytes = text.length
  for (let i = 0; i < text.length; i++) {
    const unit = text.charCodeAt(i)
    if (unit >= 0x80) bytes += unit >= 0x800 && (unit < 0xd800 || unit > 0xdfff) ? 2 : 1
  }
  return bytes
}

export interface CutValue {
  readonly json: string
  readonly cut: boolean
}

/**
 * A value as canonical JSON of at most so many bytes. A text keeps its beginning, a list its leading elements;
 * anything else that is too long (an object, a number of a thousand digits) becomes null.
 */
export function cutValue(value: Json, maxBytes = MAX_VALUE_BYTES): CutValue {
  const json = canonicalJsonText(value)
  const fits = (text: string) => text.length <= maxBytes && utf8Length(text) <= maxBytes
  if (fits(json)) return { json, cut: false }
  if (typeof value === 'string') {
    const points = Array.from(value.slice(0, maxBytes))
    return {
      json: longest(points.length, fits, (n) => JSON.stringify(points.slice(0, n).join(''))),
      cut: true,
    }
  }
  if (Array.isArray(value)) {
    const elements = value.slice(0, maxBytes).map(canonicalJsonText)
    return { json: longest(elements.length, fits, (n) => `[${elements.slice(0, n).join(',')}]`), cut: true }
  }
  return { json: 'null', cut: true }
}

/** The longest beginning that fits; `beginning(0)` always does. */
function longest(
  most: number,
  fits: (text: string) => boolean,
  beginning: (count: number) => string,
): string {
  let [low, high] = [0, most]
  while (low < high) {
    const middle = (low + high + 1) >> 1
    if (fits(beginning(middle))) low = middle
    else high = middle - 1
  }
  return beginning(low)
}

/** Whether a value is an object to be taken apart by path: a list is a value as a whole. */
export function isTree(value: Json): value is { [key: string]: Json } {
  return isJsonObject(value) && !isExactNumber(value)
}
