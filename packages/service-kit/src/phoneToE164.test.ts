import { expect, test } from '@jest/globals'
import { phoneToE164 } from './phoneToE164.ts'

test.each([
  ['06 12 34 56 78', 'FR', '+33612345678'],
  ['06 12 34 56 78', 'fr', '+33612345678'],
  ['+33 6 12 34 56 78', undefined, '+33612345678'],
  ['0033612345678', 'FR', '+33612345678'],
  ['(415) 555-2671', 'US', '+14155552671'],
  ['06 12 34 56 78', undefined, undefined],
  ['06 12 34 56 78', 'XX', undefined],
  ['123', 'FR', undefined],
  ['', 'FR', undefined],
  ['call me on 06 12 34 56 78', 'FR', undefined],
  ['0000000000', 'FR', undefined],
])('%j in %s is %s', (value, region, expected) => {
  expect(phoneToE164(value, region)).toBe(expected)
})
