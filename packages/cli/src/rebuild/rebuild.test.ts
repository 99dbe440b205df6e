import { expect, test } from '@jest/globals'
import { epochLeft } from '../commands/rebuild.ts'
import { progressText } from './copyEvents.ts'
import { numberIn } from './tellPublished.ts'

test('a rebuild goes from the active layout epoch to the next, or ends one that was made active already', () => {
  expect(epochLeft(1, 2)).toBe(1)
  expect(epochLeft(2, 2)).toBe(1)
  for (const [active, to] of [
    [1, 1],
    [1, 3],
    [3, 2],
  ] as const)
    expect(() => epochLeft(active, to)).toThrow(`set LAYOUT_EPOCH=${active + 1}`)
})

test.each([
  [
    { done: 12_400, total: 50_000, sent: 9_800, ms: 2_000 },
    'copied 12,400 of 50,000 events · 4,900/s · 8 s left',
  ],
  [{ done: 0, total: 10, sent: 0, ms: 0 }, 'copied 0 of 10 events · 0/s · ? s left'],
  // A lot that was sent again counts once.
  [
    { done: 1_200, total: 1_000, sent: 1_000, ms: 1_000 },
    'copied 1,000 of 1,000 events · 1,000/s · 0 s left',
  ],
])('progress says how much, how fast and how long: %j', (given, text) => {
  expect(progressText(given)).toBe(text)
})

test.each([
  ['{"version":"0001-000000000000000042","profileId":"p"}', 42],
  ['{"profileId":"p","version":"0002-000000000000000007","mergedInto":"q"}', 7],
  // Erased: the number is found in the changes and in the log.
  ['', 0],
])('the number of the last change is read from what is public: %s', (json, n) => {
  expect(numberIn(json)).toBe(n)
})
