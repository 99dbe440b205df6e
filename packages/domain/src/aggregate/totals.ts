/** What adds up over events: of all of them, or of one unit of a window. */
import { compareText } from '../profile/canonicalJson.ts'
import {
  type Decimal,
  ZERO,
  addDecimals,
  compareDecimals,
  decimalText,
  parseDecimal,
} from '../profile/decimal.ts'

export interface AggregateEnd {
  json: string
  timeMs: number
  messageId: string
}

export interface Totals {
  /** Events that counted. */
  count: number
  /** Exact decimals as text; empty where there is no number. */
  sum: string
  min: string
  max: string
  first?: AggregateEnd | undefined
  last?: AggregateEnd | undefined
}

export const NO_TOTALS: Totals = { count: 0, sum: '', min: '', max: '' }

/** Totals of different events. */
export function addTotals(a: Totals, b: Totals): Totals {
  const first = furthest(a.first, b.first, -1)
  const last = furthest(a.last, b.last, 1)
  return {
    count: a.count + b.count,
    sum: addSums(a.sum, b.sum),
    min: extreme(a.min, b.min, -1),
    max: extreme(a.max, b.max, 1),
    ...(first && { first }),
    ...(last && { last }),
  }
}

function addSums(a: string, b: string): string {
  if (a === '' || b === '') return a + b
  return decimalText(addDecimals(readDecimal(a), readDecimal(b)))
}

/** A sum may have more digits than any number in it. */
export function readDecimal(text: string): Decimal {
  return parseDecimal(text, Infinity) ?? ZERO
}

function extreme(a: string, b: string, sign: 1 | -1): string {
  if (a === '' || b === '') return a + b
  return compareDecimals(readDecimal(a), readDecimal(b)) * sign >= 0 ? a : b
}

function furthest(
  a: AggregateEnd | undefined,
  b: AggregateEnd | undefined,
  sign: 1 | -1,
): AggregateEnd | undefined {
  if (!a || !b) return a ?? b
  return compareEnds(a, b) * sign >= 0 ? a : b
}

/** By event time, then message id, then value. */
function compareEnds(a: AggregateEnd, b: AggregateEnd): number {
  return a.timeMs - b.timeMs || compareText(a.messageId, b.messageId) || compareText(a.json, b.json)
}
