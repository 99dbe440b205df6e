import { describe, expect, test } from '@jest/globals'
import { measure, median, type Bar } from './bar.ts'
import { barTable } from './barTable.ts'

function barOf(better: Bar['better'], goal: number, ours: number[], reference: number[]): Bar {
  const next = (values: number[]) => {
    const queue = [values[0] as number, ...values]
    return () => queue.shift() as number
  }
  return {
    name: 'x',
    about: 'about x',
    unit: 'per s',
    better,
    goal,
    runs: ours.length,
    prepare: () => Promise.resolve({ ours: next(ours), reference: next(reference) }),
  }
}

describe('a bar', () => {
  test('is the median of its runs, and its ratio the median of the neighbouring runs', async () => {
    const measured = await measure(barOf('higher', 1, [10, 30, 90], [10, 10, 100]))
    expect(measured).toMatchObject({ ours: 30, reference: 10, ratio: 1, holds: true, runs: 3 })
  })

  test.each([
    ['higher', 2, 19, false],
    ['higher', 2, 20, true],
    ['lower', 2, 20, true],
    ['lower', 2, 21, false],
  ] as const)('that must be %s than %d times 10 with %d: holds is %s', async (better, goal, ours, holds) => {
    expect((await measure(barOf(better, goal, [ours], [10]))).holds).toBe(holds)
  })

  test('takes the sides in turns, each first as often as the other', async () => {
    const order: string[] = []
    const side = (name: string) => () => {
      order.push(name)
      return 1
    }
    const bar = barOf('higher', 1, [1, 1], [1, 1])
    bar.prepare = () => Promise.resolve({ ours: side('ours'), reference: side('reference') })
    await measure(bar)
    expect(order.slice(2)).toEqual(['ours', 'reference', 'reference', 'ours'])
  })

  test('a median of an even number of values lies between the two in the middle', () => {
    expect([median([3, 1, 2]), median([4, 1, 2, 3])]).toEqual([2, 2.5])
  })
})

test('the table is aligned and says holds or short', async () => {
  const lines = barTable([
    await measure(barOf('higher', 0.5, [123_456], [100_000])),
    { ...(await measure(barOf('lower', 1, [20], [10]))), name: 'a-longer-name' },
  ])
  expect(lines[0]).toMatch(/^name +ours +reference +ratio +goal/)
  expect(lines[1]).toMatch(/^x +123,456 per s +100,000 per s +1\.23 +≥ 0\.5 +holds$/)
  expect(lines[2]).toMatch(/^a-longer-name +20\.0 per s +10\.0 per s +2\.00 +≤ 1 +short$/)
  expect(lines[1]?.indexOf('holds')).toBe(lines[2]?.indexOf('short'))
})
