import { expect, test } from '@jest/globals'
import { type Arrival, judgeArrivals, percentile } from './judgeArrivals.ts'

const arrivals = (...given: [string, string, number][]): Arrival[] =>
  given.map(([id, person, step]) => ({ id, person, step, atMs: 0 }))
const published = new Map([
  ['ada', 2],
  ['bea', 1],
])
const right = { arrived: 3, repeated: 0, lost: 0, outOfOrder: 0, wrongKeys: 0 }

test.each<[string, Arrival[], number, object]>([
  ['all, in order', arrivals(['a', 'ada', 1], ['b', 'bea', 1], ['c', 'ada', 2]), 0, right],
  ['one is lost', arrivals(['a', 'ada', 1], ['c', 'ada', 2]), 0, { ...right, arrived: 2, lost: 1 }],
  ['one was filtered', arrivals(['b', 'bea', 1], ['c', 'ada', 2]), 1, { ...right, arrived: 2 }],
  [
    'one came again, late',
    arrivals(['a', 'ada', 1], ['c', 'ada', 2], ['a', 'ada', 1], ['b', 'bea', 1]),
    0,
    { ...right, repeated: 1 },
  ],
  ['order', arrivals(['c', 'ada', 2], ['a', 'ada', 1], ['b', 'bea', 1]), 0, { ...right, outOfOrder: 1 }],
  [
    'a change under two keys',
    arrivals(['a', 'ada', 1], ['x', 'ada', 1], ['c', 'ada', 2], ['b', 'bea', 1]),
    0,
    { ...right, wrongKeys: 1 },
  ],
  [
    'a key of two changes',
    arrivals(['a', 'ada', 1], ['a', 'ada', 2], ['b', 'bea', 1]),
    0,
    { ...right, wrongKeys: 1, repeated: 1 },
  ],
])('%s', (_, given, superseded, expected) => {
  expect(judgeArrivals(given, published, superseded)).toEqual(expected)
})

test('percentiles', () => {
  const values = Array.from({ length: 100 }, (_, n) => 100 - n)
  expect([percentile(values, 50), percentile(values, 99), percentile([], 99)]).toEqual([51, 100, 0])
})
