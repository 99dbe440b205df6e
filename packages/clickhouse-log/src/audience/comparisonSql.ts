/**
 * Comparisons of JSON values as SQL. A value is its JSON text; '' is missing.
 *
 *  C1. The table of operators in packages/domain/src/audience/comparison.ts is the meaning; a property test holds this to it.
 *  C2. Numbers are decimals of 76 digits, 20 after the point.
 */
import { type Comparison, comparisonOperators } from '@tributary/domain'
import { quoteText } from '../clickHouse.ts'

const SCALE = 20

const decimalSql = (expression: string): string => `toDecimal256OrNull(${expression}, ${SCALE})`
const constant = (value: number): string => `toDecimal256(${quoteText(plainNumber(value))}, ${SCALE})`

/** Without an exponent: that is how decimals are read. */
function plainNumber(value: number): string {
  const text = String(value)
  return text.includes('e') ? value.toFixed(SCALE) : text
}

const isNothing = (raw: string): string => `${raw} IN ('', 'null')`
const isNumber = (raw: string): string => `match(${raw}, '^-?[0-9]')`
const isText = (raw: string): string => `startsWith(${raw}, '"')`
const textOf = (raw: string): string => `JSONExtractString(${raw})`

/** The number in a JSON value: a number, or a text that is one. */
export function numberSql(raw: string): string {
  const text = `if(${isText(raw)}, ${textOf(raw)}, ${raw})`
  return decimalSql(
    `if(match(${text}, '^-?(0|[1-9][0-9]*)(\\\\.[0-9]+)?([eE][+-]?[0-9]{1,4})?$'), ${text}, '')`,
  )
}

/** Two values have the same text exactly when they are the same JSON. */
export const canonicalSql = (raw: string): string =>
  `if(${isNumber(raw)}, toString(${decimalSql(raw)}), ${raw})`

type Operand = string | number | boolean

function equal(raw: string, operand: Operand): string {
  if (typeof operand === 'boolean') return `(${raw} = '${operand}')`
  return typeof operand === 'string'
    ? `(${isText(raw)} AND ${textOf(raw)} = ${quoteText(operand)})`
    : `(${isNumber(raw)} AND ifNull(${decimalSql(raw)} = ${constant(operand)}, false))`
}

function ordered(raw: string, sign: string, operand: number | string): string {
  return typeof operand === 'string'
    ? `(${isText(raw)} AND ${textOf(raw)} ${sign} ${quoteText(operand)})`
    : `(${isNumber(raw)} AND ifNull(${decimalSql(raw)} ${sign} ${constant(operand)}, false))`
}

function contains(raw: string, operand: Operand): string {
  const inList = `(startsWith(${raw}, '[') AND arrayExists(element -> ${equal('element', operand)}, JSONExtractArrayRaw(${raw})))`
  if (typeof operand !== 'string') return inList
  return `(${inList} OR (${isText(raw)} AND position(${textOf(raw)}, ${quoteText(operand)}) > 0))`
}

const byOperator: {
  readonly [O in keyof Comparison]-?: (raw: string, operand: NonNullable<Comparison[O]>) => string
} = {
  eq: equal,
  ne: (raw, operand) => `NOT ${equal(raw, operand)}`,
  in: (raw, operand) => anyOf(operand.map((each) => equal(raw, each))),
  notIn: (raw, operand) => `NOT ${anyOf(operand.map((each) => equal(raw, each)))}`,
  gt: (raw, operand) => ordered(raw, '>', operand),
  gte: (raw, operand) => ordered(raw, '>=', operand),
  lt: (raw, operand) => ordered(raw, '<', operand),
  lte: (raw, operand) => ordered(raw, '<=', operand),
  contains,
  startsWith: (raw, operand) => `(${isText(raw)} AND startsWith(${textOf(raw)}, ${quoteText(operand)}))`,
  endsWith: (raw, operand) => `(${isText(raw)} AND endsWith(${textOf(raw)}, ${quoteText(operand)}))`,
  exists: (raw, operand) => (operand ? `NOT (${isNothing(raw)})` : `(${isNothing(raw)})`),
}

const anyOf = (parts: readonly string[]): string => `(${parts.join(' OR ')})`

/** Whether a JSON value compares so. */
export function comparesSql(raw: string, comparison: Comparison): string {
  const parts = comparisonOperators.flatMap((operator) => {
    const operand = comparison[operator]
    if (operand === undefined) return []
    return [(byOperator[operator] as (raw: string, operand: unknown) => string)(raw, operand)]
  })
  return parts.length === 0 ? byOperator.exists(raw, true) : `(${parts.join(' AND ')})`
}

const signs = { eq: '=', ne: '!=', gt: '>', gte: '>=', lt: '<', lte: '<=' } as const

/** Whether a number compares so; NULL is no value, which only `ne` holds for. */
export function numberComparesSql(number: string, comparison: Comparison): string {
  const parts = (Object.keys(signs) as (keyof typeof signs)[]).flatMap((operator) => {
    const operand = comparison[operator]
    if (typeof operand !== 'number') return []
    return [`ifNull(${number} ${signs[operator]} ${constant(operand)}, ${operator === 'ne'})`]
  })
  return parts.length === 0 ? `isNotNull(${number})` : `(${parts.join(' AND ')})`
}
