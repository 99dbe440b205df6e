import { expect, test } from '@jest/globals'
import { isolationText } from './deliveriesText.ts'

test.each([
  ['held', [100, 101, 104], [103, 105, 104], '3.0 % (bar: 10 %, held)'],
  ['missed', [100, 101, 104], [120, 118, 130], '18.8 % (bar: 10 %, MISSED)'],
  [
    'not shown where quiet turns differ by more among themselves',
    [74, 720, 708],
    [452, 200, 92],
    'not shown (bar: 10 %): the quiet turns differ by more than that among themselves',
  ],
])('what the faults of others do to a steady receiver: %s', (_, quietMs, faultsMs, text) => {
  expect(isolationText({ quietMs, faultsMs })).toBe(text)
})
