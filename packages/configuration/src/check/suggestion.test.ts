import { expect, test } from '@jest/globals'
import { didYouMean, suggestion } from './suggestion.ts'

test.each([
  ['regoin', ['region', 'retention'], 'region'],
  ['max_per_profile', ['maxPerProfile', 'sharedAfter'], 'maxPerProfile'],
  ['evnt', ['event', 'audience'], 'event'],
  ['within', ['event', 'audience'], undefined],
  ['or', ['all', 'any', 'not'], undefined],
  ['x'.repeat(1000), ['x'.repeat(1000)], undefined],
])('for %s among %j it suggests %s', (word, known, meant) => {
  expect(suggestion(word, known)).toBe(meant)
})

test('when nothing is near, the known words are listed, unless they are many', () => {
  expect(didYouMean('zzz', ['web', 'crm'])).toBe('; known are web, crm')
  expect(
    didYouMean(
      'zzz',
      Array.from({ length: 40 }, (_, i) => `source-${i}`),
    ),
  ).toBe('')
})
