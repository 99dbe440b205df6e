import { describe, expect, test } from '@jest/globals'
import fc from 'fast-check'
import { MAX_VALUE_BYTES, cutValue, utf8Length } from './caps.ts'

describe('a value that is too long', () => {
  test('keeps the beginning of a text, whole characters only', () => {
    const { json, cut } = cutValue('é'.repeat(1_000))
    expect(cut).toBe(true)
    expect(JSON.parse(json)).toBe('é'.repeat((MAX_VALUE_BYTES - 2) / 2))
    expect(JSON.parse(cutValue('😀'.repeat(1_000)).json)).toBe('😀'.repeat(255))
  })

  test('keeps the leading elements of a list', () => {
    const { json, cut } = cutValue(Array.from({ length: 1_000 }, (_, i) => i))
    expect(cut).toBe(true)
    expect((JSON.parse(json) as number[]).at(-1)).toBe((JSON.parse(json) as number[]).length - 1)
  })

  test('is within the cap and JSON, whatever it was', () => {
    fc.assert(
      fc.property(fc.jsonValue({ maxDepth: 3 }), fc.integer({ min: 4, max: 60 }), (value, maxBytes) => {
        const { json } = cutValue(value as never, maxBytes)
        expect(Buffer.byteLength(json)).toBeLessThanOrEqual(maxBytes)
        JSON.parse(json)
      }),
    )
  })
})

test('bytes are counted as an encoder writes them', () => {
  fc.assert(
    fc.property(fc.string({ unit: 'grapheme' }), (text) => {
      expect(utf8Length(text)).toBe(Buffer.byteLength(text))
    }),
  )
})
