import { expect, test } from '@jest/globals'
import fc from 'fast-check'
import { canonicalJson } from './canonicalJson.ts'
import { documentHash } from './documentHash.ts'

/** The same value with the members of every object in another order. */
function shuffled(value: unknown, order: (keys: string[]) => string[]): unknown {
  if (Array.isArray(value)) return value.map((each) => shuffled(each, order))
  if (typeof value !== 'object' || value === null) return value
  const record = value as Record<string, unknown>
  return Object.fromEntries(order(Object.keys(record)).map((key) => [key, shuffled(record[key], order)]))
}

test('canonical JSON does not depend on the order in which keys were written', () => {
  fc.assert(
    fc.property(fc.jsonValue(), (value) => {
      expect(canonicalJson(shuffled(value, (keys) => keys.toReversed()))).toBe(canonicalJson(value))
    }),
  )
})

test('canonical JSON is JSON of the same value', () => {
  fc.assert(
    fc.property(fc.jsonValue(), (value) => {
      const text = canonicalJson(value)
      expect(JSON.parse(text)).toEqual(JSON.parse(JSON.stringify(value)))
      expect(canonicalJson(JSON.parse(text))).toBe(text)
    }),
  )
})

test.each([
  [{ b: 1, a: [2, { d: null, c: 'é' }] }, '{"a":[2,{"c":"é","d":null}],"b":1}'],
  [{ a: undefined, b: -0 }, '{"b":0}'],
  ['a"\n', '"a\\"\\n"'],
])('%j is written as %s', (value, text) => {
  expect(canonicalJson(value)).toBe(text)
})

test('a number that JSON cannot write is refused rather than turned into null', () => {
  expect(() => canonicalJson({ a: Number.NaN })).toThrow(RangeError)
})

test('a new name, description or editor hint does not change what a document computes', () => {
  const document = { kind: 'Trait', id: 'orders', count: { event: 'Order Completed' } }
  const hash = documentHash(document)
  expect(hash).toMatch(/^[0-9a-f]{16}$/)
  expect(documentHash({ ...document, name: 'Orders', description: 'All of them', $schema: 'x' })).toBe(hash)
  expect(documentHash({ ...document, count: { event: 'Order Cancelled' } })).not.toBe(hash)
})
