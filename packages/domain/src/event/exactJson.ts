/**
 * JSON with every number kept as it was written.
 *
 * JSON.parse turns 9007199254740993 into 9007199254740992 and 1e999 into Infinity. Where an event has to be written
 * anew (mapped, merged with its batch, made canonical), numbers that JavaScript cannot hold are carried as their
 * source text and come out as they went in. Source: TC39 proposal "JSON.parse source text access", in Node ≥ 21.
 */
import { type Json } from './json.ts'

/** A number as its source text; JSON.stringify writes that text. */
export interface ExactNumber {
  readonly rawJSON: string
}

type Reviver = (key: string, value: unknown, context: { source?: string }) => unknown

/** Not yet in TypeScript's library. */
const sourceText = JSON as unknown as {
  parse(text: string, reviver: Reviver): unknown
  rawJSON(text: string): ExactNumber
  isRawJSON(value: unknown): value is ExactNumber
}

/**
 * Numbers of 16 digits or more, or with an exponent of two digits or more: only these can lose anything. A number and its
 * sign begin the text or follow one of these characters; the hexadecimal digits of an id follow a quote, and those of a
 * version a hyphen within a text.
 */
const MAY_LOSE = /(?:^|[[:,\s])-?(?:[0-9.]{16}|[0-9.]+[eE][+-]?[0-9]{2})/

/**
 * JSON.parse, except that a number that would lose something is an ExactNumber. Such a value is still to be read as
 * Json: whoever looks for a number finds an object, never a wrong number.
 */
export function parseExact(text: string): Json {
  if (!MAY_LOSE.test(text)) return JSON.parse(text) as Json
  return sourceText.parse(text, (_key, value, { source }) =>
    typeof value === 'number' && source !== undefined && loses(value, source)
      ? sourceText.rawJSON(source)
      : value,
  ) as Json
}

/** The payload of an event. What the collector took for JSON and is not says nothing of the person; the event still counts. */
export function parseOrNothing(text: string): Json {
  try {
    return parseExact(text)
  } catch (error) {
    if (error instanceof SyntaxError) return {}
    throw error
  }
}

function loses(value: number, source: string): boolean {
  return !Number.isFinite(value) || decimal(source) !== decimal(String(value))
}

/** One text per decimal number, however it is written: "12.50" and "125e-1" give the same. */
function decimal(text: string): string {
  const [, sign = '', whole = '', fraction = '', exponent = '0'] =
    /^(-?)(\d+)(?:\.(\d+))?(?:[eE]([+-]?\d+))?$/.exec(text) ?? []
  const digits = (whole + fraction).replace(/^0+/, '')
  const significant = digits.replace(/0+$/, '')
  if (significant === '') return '0'
  const power = BigInt(exponent) - BigInt(fraction.length) + BigInt(digits.length - significant.length)
  return `${sign}${significant}e${power}`
}

export function isExactNumber(value: unknown): value is ExactNumber {
  return sourceText.isRawJSON(value)
}
