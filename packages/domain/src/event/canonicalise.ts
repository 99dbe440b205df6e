/**
 * What is derived for processing is canonical: well-formed text without NUL, so that every store and every language
 * downstream can hold it. What is stored stays as it was received.
 */
import { isExactNumber } from './exactJson.ts'
import { type Json, setOwn } from './json.ts'

const REPLACEMENT = '\uFFFD'
/** NUL, and surrogates that stand alone (with the flag u a pair is one code point and does not match). */
const ALL_NOT_CANONICAL = /[\0\p{Surrogate}]/gu

/** The text with every NUL and lone surrogate replaced by U+FFFD. */
export function canonicalText(text: string): string {
  return isCanonicalText(text) ? text : text.replace(ALL_NOT_CANONICAL, REPLACEMENT)
}

/** The engine knows of most texts that they are well-formed without looking at them. */
function isCanonicalText(text: string): boolean {
  return (text as WellFormedText).isWellFormed() && !text.includes('\0')
}

/** In every Node we run on; not yet in the library that TypeScript is told of. */
type WellFormedText = string & { isWellFormed(): boolean }

/** Escapes of NUL and of surrogates, paired or not. "\u00e9", as some SDKs write every "é", is neither. */
const SUSPICIOUS = /\\u(?:0000|[dD][89a-fA-F])/

/**
 * Whether text that came out of JSON can hold what is not canonical: only a \u escape can write NUL or a lone
 * surrogate, and U+FFFD stands where the bytes were no UTF-8.
 */
export function mayNeedCanonicalising(jsonText: string): boolean {
  return (jsonText.includes('\\u') && SUSPICIOUS.test(jsonText)) || jsonText.includes(REPLACEMENT)
}

/** Whether every text in the value, keys included, is canonical and no replacement stands in it. */
export function isCanonical(value: Json): boolean {
  if (typeof value === 'string') return isCanonicalText(value) && !value.includes(REPLACEMENT)
  if (value === null || typeof value !== 'object' || isExactNumber(value)) return true
  if (Array.isArray(value)) return value.every(isCanonical)
  return Object.entries(value).every(([key, each]) => isCanonical(key) && isCanonical(each))
}

/** A copy whose texts, keys included, are canonical. Of two keys that become one, the later wins. */
export function canonicalise(value: Json): Json {
  if (typeof value === 'string') return canonicalText(value)
  if (value === null || typeof value !== 'object' || isExactNumber(value)) return value
  if (Array.isArray(value)) return value.map(canonicalise)
  const out = {}
  for (const [key, each] of Object.entries(value)) setOwn(out, canonicalText(key), canonicalise(each))
  return out
}
