import { expect, test } from '@jest/globals'
import fc from 'fast-check'
import { compareKeys } from './compareKeys.ts'

test('strings are ordered like their UTF-8 bytes', () => {
  fc.assert(
    fc.property(fc.string({ unit: 'binary' }), fc.string({ unit: 'binary' }), (a, b) => {
      expect(Math.sign(compareKeys(a, b))).toBe(Buffer.compare(Buffer.from(a), Buffer.from(b)))
    }),
  )
})
