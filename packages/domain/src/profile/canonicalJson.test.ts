import { expect, test } from '@jest/globals'
import fc from 'fast-check'
import { parseExact } from '../event/exactJson.ts'
import { type Json } from '../event/json.ts'
import { canonicalJsonText, compareText } from './canonicalJson.ts'

/** The rule, member by member. */
function spelledOut(value: Json): string {
  if (value === null || typeof value !== 'object') return JSON.stringify(value)
  if (Array.isArray(value)) return `[${value.map(spelledOut).join(',')}]`
  const keys = Object.keys(value).sort(compareText)
  return `{${keys.map((key) => `${JSON.stringify(key)}:${spelledOut(value[key]!)}`).join(',')}}`
}

const key = fc.oneof(
  fc.string(),
  fc.nat({ max: 20 }).map(String),
  fc.constantFrom('__proto__', 'toJSON', 'a', 'b'),
)
const { value: anyJson } = fc.letrec<{ value: unknown }>((tie) => ({
  value: fc.oneof(
    { maxDepth: 3 },
    fc.oneof(
      fc.string(),
      fc.integer(),
      fc.double({ noNaN: true, noDefaultInfinity: true }),
      fc.constant(null),
    ),
    fc.array(tie('value'), { maxLength: 4 }),
    fc.dictionary(key, tie('value'), { maxKeys: 5 }),
  ),
}))

test('every value has the text that its keys give in their order, however they were put in', () => {
  fc.assert(
    fc.property(anyJson, (value) => {
      const parsed = JSON.parse(JSON.stringify(value)) as Json
      expect(canonicalJsonText(parsed)).toBe(spelledOut(parsed))
    }),
  )
})

test('a number that JavaScript cannot hold is in it as it was written, with keys in order or not', () => {
  expect(canonicalJsonText(parseExact('{"a":9007199254740993,"b":[1e999]}'))).toBe(
    '{"a":9007199254740993,"b":[1e999]}',
  )
  expect(canonicalJsonText(parseExact('{"b":[1e999],"a":-9007199254740993}'))).toBe(
    '{"a":-9007199254740993,"b":[1e999]}',
  )
})
