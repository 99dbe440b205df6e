import { expect, test } from '@jest/globals'
import { totalsOf } from './audit.ts'

const partition = (number: number) => ({
  partition: number,
  profiles: 2,
  events: 10,
  changes: 5 + number,
  erasedEvents: 3,
})

test('totals of all partitions are summed', () => {
  expect(totalsOf({ partitions: [partition(0), partition(1)], partitionCount: 2 })).toEqual({
    profiles: 4,
    events: 20,
    erased: 6,
    changes: new Map([
      [0, 5],
      [1, 6],
    ]),
  })
})

test('half of the partitions compare with nothing', () => {
  expect(totalsOf({ partitions: [partition(1)], partitionCount: 2 })).toBeUndefined()
})
