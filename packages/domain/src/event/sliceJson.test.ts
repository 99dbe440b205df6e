import { describe, expect, test } from '@jest/globals'
import fc from 'fast-check'
import { sliceArray, sliceObject, sliceValue } from './sliceJson.ts'

const bytesOf = (text: string): Buffer => Buffer.from(text)

describe('a slice is exactly the bytes of one value', () => {
  test.each([
    ['{"a":1}', 0, '{"a":1}', 1],
    ['[1,[2,[3]]],x', 0, '[1,[2,[3]]]', 3],
    ['"a\\"b\\\\",1', 0, '"a\\"b\\\\"', 0],
    ['"\\\\"]', 0, '"\\\\"', 0],
    ['{"]}":"[{\\"","x":{}} ', 0, '{"]}":"[{\\"","x":{}}', 2],
    ['12345678901234567890,', 0, '12345678901234567890', 0],
    ['-1.5e+10}', 0, '-1.5e+10', 0],
    ['true ', 0, 'true', 0],
    ['null', 0, 'null', 0],
    ['"é€😀" ', 0, '"é€😀"', 0],
    ['{}', 0, '{}', 1],
  ])('%s', (text, at, slice, depth) => {
    const bytes = bytesOf(text)
    const found = sliceValue(bytes, at)
    expect(found).toEqual({ start: at, end: Buffer.byteLength(slice), depth })
    expect(bytes.subarray(at, 'end' in found ? found.end : 0).toString()).toBe(slice)
  })
})

test.each(['', '"abc', '"abc\\', '{"a":1', '[1,2', '{"a":"x}', '[[[', ',', '}', ':'])(
  '%s is a problem, not an exception',
  (text) => {
    expect(sliceValue(bytesOf(text), 0)).toHaveProperty('problem')
  },
)

test('a million levels cost a counter, not the stack', () => {
  const levels = 1_000_000
  expect(sliceValue(bytesOf('['.repeat(levels) + ']'.repeat(levels)), 0)).toEqual({
    start: 0,
    end: 2 * levels,
    depth: levels,
  })
})

/** A JSON text with white space and escapes that JSON.stringify would not write. */
const spaced = fc
  .tuple(fc.jsonValue({ maxDepth: 4 }), fc.constantFrom(0, 1, '\t', ' \r\n'))
  .map(([value, space]) => JSON.stringify(value, null, space).replaceAll('/', '\\/'))

test('the slices of an array, with what stands between them, are what was sent', () => {
  const separators = fc.constantFrom(',', ' ,', ',\n', '\t,\r\n ')
  fc.assert(
    fc.property(fc.array(fc.tuple(spaced, separators), { maxLength: 12 }), (parts) => {
      const text = `[ ${parts.map(([value, separator], i) => value + (i < parts.length - 1 ? separator : '')).join('')} ]`
      const bytes = bytesOf(text)
      const found = sliceArray(bytes, 0, 100)
      if ('problem' in found) throw new Error(found.problem)
      expect(found.items.map((item) => bytes.subarray(item.start, item.end).toString())).toEqual(
        parts.map(([value]) => value),
      )
      expect(found.end).toBe(bytes.length)
      let rebuilt = ''
      let at = 0
      for (const item of found.items) {
        rebuilt += bytes.subarray(at, item.start).toString() + bytes.subarray(item.start, item.end).toString()
        at = item.end
      }
      expect(rebuilt + bytes.subarray(at).toString()).toBe(text)
    }),
  )
})

test('the members of an object are those JSON.parse sees, duplicates included', () => {
  fc.assert(
    fc.property(fc.array(fc.tuple(fc.string(), spaced)), (members) => {
      const text = `{${members.map(([key, value]) => `${JSON.stringify(key)} : ${value}`).join(' ,')}}`
      const bytes = bytesOf(text)
      const found = sliceObject(bytes, 0)
      if ('problem' in found) throw new Error(found.problem)
      expect(
        found.members.map((each) => [
          JSON.parse(bytes.subarray(each.key.start, each.key.end).toString()),
          bytes.subarray(each.value.start, each.value.end).toString(),
        ]),
      ).toEqual(members)
    }),
  )
})

test('more elements than the limit are a problem as soon as they are met', () => {
  expect(sliceArray(bytesOf('[1,2,3]'), 0, 3)).toHaveProperty('items')
  expect(sliceArray(bytesOf('[1,2,3,4'), 0, 3)).toEqual({ problem: 'more than 3 elements', at: 7 })
})

test('any bytes at all end in a slice or a problem', () => {
  const hostile = fc
    .array(fc.constantFrom('{', '}', '[', ']', '"', '\\', ',', ':', '1', 'a', ' ', '\n', '\u0000', 'é'))
    .map((parts) => parts.join(''))
  fc.assert(
    fc.property(hostile, (text) => {
      const bytes = bytesOf(text)
      for (const found of [sliceValue(bytes, 0), sliceArray(bytes, 0, 10), sliceObject(bytes, 0)]) {
        expect('problem' in found || found.end <= bytes.length).toBe(true)
      }
    }),
  )
})

test('a string of any length ends where it ends, however many backslashes stand before its quotes', () => {
  const piece = fc.constantFrom('x', 'x'.repeat(63), 'x'.repeat(64), 'x'.repeat(65), '\\', '"', '\\"', 'é')
  fc.assert(
    fc.property(fc.array(piece, { maxLength: 30 }), (pieces) => {
      const value = JSON.stringify(pieces.join(''))
      for (const text of [value, `{"k":${value}}`, `[${value},1]`]) {
        const bytes = bytesOf(`${text} "after"`)
        expect(sliceValue(bytes, 0)).toMatchObject({ start: 0, end: bytesOf(text).length })
      }
      expect(sliceValue(bytesOf(value.slice(0, -1)), 0)).toHaveProperty('problem')
    }),
    { numRuns: 500 },
  )
})
