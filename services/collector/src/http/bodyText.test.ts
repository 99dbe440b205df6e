import { expect, test } from '@jest/globals'
import fc from 'fast-check'
import { bodyText } from './bodyText.ts'

test('a range of a body is the text of its bytes, ASCII or not, UTF-8 or not', () => {
  const bytes = fc.oneof(
    fc.uint8Array({ maxLength: 200, max: 0x7f }),
    fc.uint8Array({ maxLength: 200 }),
    fc.string({ unit: 'grapheme', maxLength: 50 }).map((text) => new Uint8Array(Buffer.from(text))),
  )
  fc.assert(
    fc.property(bytes, fc.nat(200), fc.nat(200), (given, a, b) => {
      const body = Buffer.from(given)
      const [start, end] = [Math.min(a, b, body.length), Math.min(Math.max(a, b), body.length)]
      expect(bodyText(body).decode(body, start, end)).toBe(body.toString('utf8', start, end))
    }),
    { numRuns: 500 },
  )
})
