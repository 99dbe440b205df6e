/**
 * Expressions in documents: CEL, compiled once and checked when they are applied.
 *
 *  X1. An expression reads the variables it is given and nothing else; it ends: CEL has no loops but over lists, and
 *      what is written is bounded by MAX_EXPRESSION_LENGTH and the parser's limits.
 *  X2. What cannot be worked out for one person (a key that is not there, a sum of a text) is null, as a path that
 *      leads nowhere is; what cannot work for anybody is refused when it is applied.
 *  X3. Regular expressions are left out: JavaScript's can take for ever on a value that somebody chose.
 */
import { createHash } from 'node:crypto'
import { Environment } from '@marcbachmann/cel-js'
import { type Json, isExactNumber, isJsonObject, parseExact } from '@tributary/domain'

const MAX_EXPRESSION_LENGTH = 1_000
const MAX_NODES = 300
const MAX_DEPTH = 40

/** Variable → its type in CEL. */
export type Variables = Readonly<
  Record<string, 'string' | 'dyn' | 'map<string, string>' | 'map<string, dyn>'>
>

export interface Expression {
  /** X2. Values of the variables that were declared. */
  evaluate(values: Readonly<Record<string, Json>>): Json
}

export interface ExpressionProblem {
  readonly problem: string
}

export interface ExpressionLanguage {
  compile(text: string): Expression | ExpressionProblem
}

/** Texts in, text or number out; all may be used on any text. */
function withFunctions(environment: Environment): Environment {
  return environment
    .registerFunction('sha256(string): string', (text: string) =>
      createHash('sha256').update(text).digest('hex'),
    )
    .registerFunction('digits(string): string', (text: string) => text.replaceAll(/\D/g, ''))
    .registerFunction('epochSeconds(string): int', (time: string) => BigInt(Math.floor(msOf(time) / 1000)))
    .registerFunction('epochMillis(string): int', (time: string) => BigInt(msOf(time)))
}

function msOf(time: string): number {
  const ms = Date.parse(time)
  if (Number.isNaN(ms)) throw new Error('no time')
  return ms
}

export function expressionLanguage(variables: Variables): ExpressionLanguage {
  const environment = withFunctions(
    new Environment({
      homogeneousAggregateLiterals: false,
      enableOptionalTypes: true,
      limits: { maxAstNodes: MAX_NODES, maxDepth: MAX_DEPTH },
    }),
  )
  for (const [name, type] of Object.entries(variables)) environment.registerVariable(name, type)
  return { compile: (text) => compile(environment, text) }
}

function compile(environment: Environment, text: string): Expression | ExpressionProblem {
  if (text.length > MAX_EXPRESSION_LENGTH)
    return { problem: `is longer than ${MAX_EXPRESSION_LENGTH} characters` }
  // X3. In a text constant it is refused too: better than a parser of our own.
  if (/\bmatches\s*\(/.test(text))
    return { problem: 'uses matches(): use startsWith, endsWith or contains, or map it elsewhere' }
  try {
    const checked = environment.check(text)
    if (!checked.valid) return { problem: sentence(checked.error) }
    const run = environment.parse(text)
    return {
      evaluate(values) {
        try {
          return toJson(run(plainValues(values)))
        } catch {
          return null // X2
        }
      },
    }
  } catch (error) {
    return { problem: sentence(error) }
  }
}

/** The first line; what follows repeats the expression. */
function sentence(error: unknown): string {
  return (error instanceof Error ? error.message : String(error)).split('\n')[0]!
}

function plainValues(values: Readonly<Record<string, Json>>): Record<string, unknown> {
  return Object.fromEntries(Object.entries(values).map(([name, value]) => [name, plain(value)]))
}

/** Whole numbers that a double does not hold are CEL's int, others its double. */
function plain(value: Json): unknown {
  if (isExactNumber(value))
    return /^-?\d+$/.test(value.rawJSON) ? BigInt(value.rawJSON) : Number(value.rawJSON)
  if (Array.isArray(value)) return value.map(plain)
  if (isJsonObject(value))
    return Object.fromEntries(Object.entries(value).map(([key, each]) => [key, plain(each)]))
  return value
}

function toJson(value: unknown): Json {
  switch (typeof value) {
    case 'string':
    case 'boolean':
      return value
    case 'number':
      return Number.isFinite(value) ? value : null
    case 'bigint':
      return parseExact(String(value))
    case 'object':
      return objectToJson(value)
    case 'undefined':
    case 'function':
    case 'symbol':
      return null
  }
}

function objectToJson(value: object | null): Json {
  if (value === null) return null
  if (value instanceof Date) return value.toISOString()
  if (value instanceof Uint8Array) return Buffer.from(value).toString('base64')
  if (Array.isArray(value)) return value.map(toJson)
  const entries: Iterable<readonly [unknown, unknown]> = value instanceof Map ? value : Object.entries(value)
  return Object.fromEntries(Array.from(entries, ([key, each]) => [String(key), toJson(each)]))
}
