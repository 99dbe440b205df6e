import { expect, test } from '@jest/globals'
import fc from 'fast-check'
import { BACK_OFF_MS, backOff } from './backOff.ts'

const random = fc.double({ min: 0, max: 1, maxExcluded: true, noNaN: true })

test('an item is tried for at least 24 hours, whatever the jitter', () => {
  fc.assert(
    fc.property(fc.infiniteStream(random), (stream) => {
      let total = 0
      let failures = 0
      for (const value of stream) {
        const wait = backOff(++failures, value)
        if (wait === undefined) break
        total += wait
      }
      expect(failures).toBe(BACK_OFF_MS.length + 1)
      expect(total).toBeGreaterThanOrEqual(24 * 3_600_000)
      expect(total).toBeLessThan(36 * 3_600_000)
    }),
  )
})

test('each wait is at least the last one', () => {
  for (let failures = 2; failures <= BACK_OFF_MS.length; failures++) {
    expect(backOff(failures, 0)).toBeGreaterThanOrEqual(backOff(failures - 1, 0.999) ?? 0)
  }
})

test('Retry-After makes a wait longer, never shorter', () => {
  expect(backOff(1, 0, 60_000)).toBe(60_000)
  expect(backOff(8, 0, 1)).toBe(backOff(8, 0))
})

test('what fails together is not tried again together', () => {
  const waits = new Set(Array.from({ length: 100 }, (_, i) => backOff(4, i / 100)))
  expect(waits.size).toBeGreaterThan(90)
})
