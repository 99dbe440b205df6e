import { describe, expect, test } from '@jest/globals'
import fc from 'fast-check'
import { createRateLimits } from './rateLimits.ts'

describe('a limit of ten a second', () => {
  test('takes a second at once, then as many as time allows', () => {
    let at = 0
    const limits = createRateLimits(() => at)
    for (let i = 0; i < 10; i++) {
      expect(limits.wait('web', 10)).toBe(0)
      limits.take('web', 10, 1)
    }
    expect(limits.wait('web', 10)).toBe(1)
    at += 100
    expect(limits.wait('web', 10)).toBe(0)
  })

  test('takes a batch of any size, which is paid off before the next', () => {
    let at = 0
    const limits = createRateLimits(() => at)
    limits.take('web', 10, 60)
    expect(limits.wait('web', 10)).toBe(6)
    expect(limits.wait('crm', 10)).toBe(0)
    at += 5_500
    expect(limits.wait('web', 10)).toBe(0)
  })

  test('never asks for a wait that SDKs would not do, and none where there is no limit', () => {
    const limits = createRateLimits(() => 0)
    limits.take('web', 10, 1_000_000)
    expect(limits.wait('web', 10)).toBe(300)
    expect(limits.wait('web', undefined)).toBe(0)
  })
})

test('whoever waits as told is taken, and never more than the limit over time', () => {
  fc.assert(
    fc.property(
      fc.integer({ min: 1, max: 500 }),
      fc.array(fc.integer({ min: 1, max: 300 }), { minLength: 1, maxLength: 50 }),
      (perSecond, batches) => {
        let at = 0
        let taken = 0
        const limits = createRateLimits(() => at)
        for (const events of batches) {
          const wait = limits.wait('s', perSecond)
          at += wait * 1000
          expect(wait === 300 || limits.wait('s', perSecond) === 0).toBe(true)
          limits.take('s', perSecond, events)
          taken += events
        }
        expect(taken - batches.at(-1)!).toBeLessThanOrEqual(perSecond * (at / 1000 + 1) + 300)
      },
    ),
  )
})
