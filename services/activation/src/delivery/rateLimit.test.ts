import { expect, test } from '@jest/globals'
import fc from 'fast-check'
import { createRateLimit } from './rateLimit.ts'

test('over any stretch no more than the rate and one burst gets through', () => {
  fc.assert(
    fc.property(
      fc.double({ min: 0.1, max: 500, noNaN: true }),
      fc.array(fc.integer({ min: 0, max: 500 }), { maxLength: 200 }),
      (perSecond, gaps) => {
        const limit = createRateLimit()
        let now = 1_000_000
        let taken = 0
        const start = now
        for (const gap of gaps) {
          now += gap
          while (limit.take(now, perSecond)) taken += 1
        }
        expect(taken).toBeLessThanOrEqual(Math.max(1, perSecond) + ((now - start) / 1_000) * perSecond + 1e-6)
      },
    ),
  )
})

test('a steady taker gets its rate', () => {
  const limit = createRateLimit()
  let taken = 0
  for (let now = 0; now < 10_000; now += 10) if (limit.take(now, 20)) taken += 1
  expect(taken).toBeGreaterThanOrEqual(200)
  expect(taken).toBeLessThanOrEqual(220)
})

test('a rate under one a second lets one through at a time', () => {
  const limit = createRateLimit()
  expect([0, 1_000, 9_999, 10_000, 10_001].map((now) => limit.take(now, 0.1))).toEqual([
    true,
    false,
    false,
    true,
    false,
  ])
})

test('a clock that jumps back neither breaks it nor gives extra', () => {
  const limit = createRateLimit()
  expect(limit.take(10_000, 1)).toBe(true)
  expect(limit.take(0, 1)).toBe(false)
  expect(limit.take(10_500, 1)).toBe(false)
  expect(limit.take(11_000, 1)).toBe(true)
})
