/**
 * The closed set of operators, for event filters, traits and counts alike. Several at once must all hold.
 *
 * | operator | holds when the value is |
 * |---|---|
 * | eq | the same JSON scalar: no coercion, "5" is not 5; numbers by value |
 * | in | eq to one of them |
 * | ne, notIn | not eq, not in; so also when there is no value |
 * | gt, gte, lt, lte | of the same type and in that order: numbers by exact value, texts by code point |
 * | contains | a list with an element eq to it; a text with that text in it |
 * | startsWith, endsWith | a text that does, case and all |
 * | exists: true, false | there; not there |
 *
 * No value: missing and null are the same. Only ne, notIn and exists: false hold for it. A value of another type than
 * the operator is for (a list for gt, an object for anything) fails it.
 */
import { isExactNumber } from '../event/exactJson.ts'
import { type Json } from '../event/json.ts'
import { compareDecimals, decimalIn } from '../profile/decimal.ts'

export type Scalar = string | number | boolean

export interface Comparison {
  eq?: Scalar
  ne?: Scalar
  gt?: number | string
  gte?: number | string
  lt?: number | string
  lte?: number | string
  in?: Scalar[]
  notIn?: Scalar[]
  contains?: Scalar
  startsWith?: string
  endsWith?: string
  exists?: boolean
}

export type NumberComparison = { [operator in 'eq' | 'ne' | 'gt' | 'gte' | 'lt' | 'lte']?: number }

export const comparisonOperators = [
  'eq',
  'ne',
  'gt',
  'gte',
  'lt',
  'lte',
  'in',
  'notIn',
  'contains',
  'startsWith',
  'endsWith',
  'exists',
] as const satisfies readonly (keyof Comparison)[]

type Operator = (typeof comparisonOperators)[number]

type Value = Json | undefined

const holds: { [O in Operator]: (value: Value, operand: NonNullable<Comparison[O]>) => boolean } = {
  eq: equal,
  ne: (value, operand) => !equal(value, operand),
  gt: (value, operand) => ordered(value, operand, (order) => order > 0),
  gte: (value, operand) => ordered(value, operand, (order) => order >= 0),
  lt: (value, operand) => ordered(value, operand, (order) => order < 0),
  lte: (value, operand) => ordered(value, operand, (order) => order <= 0),
  in: (value, operand) => operand.some((each) => equal(value, each)),
  notIn: (value, operand) => !operand.some((each) => equal(value, each)),
  contains: (value, operand) =>
    Array.isArray(value)
      ? value.some((each) => equal(each, operand))
      : typeof value === 'string' && typeof operand === 'string' && value.includes(operand),
  startsWith: (value, operand) => typeof value === 'string' && value.startsWith(operand),
  endsWith: (value, operand) => typeof value === 'string' && value.endsWith(operand),
  exists: (value, operand) => (value !== undefined && value !== null) === operand,
}

/** Whether every operator given holds for the value. None given: that there is a value. */
export function compares(value: Value, comparison: Comparison): boolean {
  return compileComparison(comparison)(value)
}

/** `compares` for one comparison and many values. */
export function compileComparison(comparison: Comparison): (value: Value) => boolean {
  const checks = comparisonOperators.flatMap((operator) => {
    const operand: unknown = comparison[operator]
    if (operand === undefined) return []
    const check = holds[operator] as (value: Value, operand: unknown) => boolean
    return [(value: Value) => check(value, operand)]
  })
  if (checks.length === 0) return (value) => holds.exists(value, true)
  return checks.length === 1 ? checks[0]! : (value) => checks.every((check) => check(value))
}

function isNumber(value: Value): boolean {
  return typeof value === 'number' || isExactNumber(value)
}

function numberOrder(a: Value, b: Value): number | undefined {
  if (typeof a === 'number' && typeof b === 'number') return a - b
  const [x, y] = [decimalIn(a), decimalIn(b)]
  return x && y && compareDecimals(x, y)
}

function equal(value: Value, operand: Scalar): boolean {
  return isNumber(value) && typeof operand === 'number'
    ? numberOrder(value, operand) === 0
    : value === operand
}

function ordered(value: Value, operand: number | string, holdsFor: (order: number) => boolean): boolean {
  if (typeof value === 'string' && typeof operand === 'string')
    return holdsFor(compareByCodePoint(value, operand))
  if (!isNumber(value) || typeof operand !== 'number') return false
  const order = numberOrder(value, operand)
  return order !== undefined && holdsFor(order)
}

/** UTF-8's order, which UTF-16 code units do not have above U+FFFF. */
function compareByCodePoint(a: string, b: string): number {
  const shorter = Math.min(a.length, b.length)
  for (let i = 0; i < shorter; i++) {
    if (a.charCodeAt(i) !== b.charCodeAt(i)) return sortable(a.charCodeAt(i)) - sortable(b.charCodeAt(i))
  }
  return a.length - b.length
}

/** Surrogates stand for code points above every other code unit. */
function sortable(unit: number): number {
  return unit >= 0xd800 && unit <= 0xdfff ? unit + 0x10000 : unit
}
