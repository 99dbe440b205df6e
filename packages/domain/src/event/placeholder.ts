import { type PlaceholderRules } from './identityRules.ts'

/**
 * Values that programs write when they have no identifier. One of them taken for a person would merge thousands.
 * In any case, in any quotes, on every type.
 */
export const builtInPlaceholders: readonly string[] = [
  'null',
  'undefined',
  'none',
  'nil',
  'nan',
  'n/a',
  'unknown',
  'anonymous',
  'guest',
  'not_authenticated',
  'id',
  'email',
  'distinct_id',
  'true',
  'false',
  '0',
  '-1',
  '[object object]',
]

const BUILT_IN = new Set(builtInPlaceholders)
/** Only zeros and dashes: the zero UUID, "000", "-", and nothing at all. */
const ZEROS_AND_DASHES = /^[0-]*$/
const ZERO_HEX = /^0x0*$/
const QUOTES = new Set(['"', "'", '`', '“', '”', '‘', '’'])

/** Answers whether a value is no identifier at all. */
export type IsPlaceholder = (value: string) => boolean

export function createIsPlaceholder(rules: PlaceholderRules): IsPlaceholder {
  const configured = new Set(rules.values.map(bare))
  const patterns = rules.patterns.map((pattern) => new RegExp(pattern, 'iu'))
  return (value) => {
    const text = bare(value)
    return (
      BUILT_IN.has(text) ||
      ZEROS_AND_DASHES.test(text) ||
      ZERO_HEX.test(text) ||
      configured.has(text) ||
      patterns.some((pattern) => pattern.test(value.trim()))
    )
  }
}

/** Lower case, without white space and quotes around it, however many. */
function bare(value: string): string {
  let text = value.trim()
  while (text.length > 0 && (QUOTES.has(text[0]!) || QUOTES.has(text.at(-1)!))) {
    text = text.slice(QUOTES.has(text[0]!) ? 1 : 0, text.length - (QUOTES.has(text.at(-1)!) ? 1 : 0)).trim()
  }
  return text.toLowerCase()
}
