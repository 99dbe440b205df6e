import { expect, test } from '@jest/globals'
import fc from 'fast-check'
import { makePlan, type Disturbance } from './chaosPlan.ts'

/** What `make chaos` runs by default, ms. */
const DEFAULT_MS = 240_000
const SESSION_MS = 10_000

function count(plan: readonly Disturbance[], kind: Disturbance['kind']): number {
  return plan.filter((each) => each.kind === kind).length
}

test('a run of the default length has at least 30 kills and 5 stalls, and every kind of outage', () => {
  fc.assert(
    fc.property(fc.integer({ min: 0 }), (seed) => {
      const plan = makePlan({ seed, durationMs: DEFAULT_MS })
      expect(count(plan, 'kill')).toBeGreaterThanOrEqual(30)
      expect(count(plan, 'stall')).toBeGreaterThanOrEqual(5)
      for (const kind of [
        'restart Kafka',
        'kill ClickHouse',
        'lose requests and replies',
        'add an instance',
        'remove an instance',
      ] as const)
        expect(count(plan, kind)).toBeGreaterThanOrEqual(1)
      expect(plan.some((each) => each.kind === 'kill' && each.deleteStore)).toBe(true)
    }),
  )
})

test('every stall outlasts the session, and two never overlap', () => {
  fc.assert(
    fc.property(fc.integer({ min: 0 }), (seed) => {
      const stalls = makePlan({ seed, durationMs: DEFAULT_MS }).flatMap((each) =>
        each.kind === 'stall' ? [each] : [],
      )
      for (const [i, { atMs, forMs }] of stalls.entries()) {
        expect(forMs).toBeGreaterThan(SESSION_MS)
        expect(atMs + forMs).toBeLessThan(stalls[i + 1]?.atMs ?? DEFAULT_MS)
      }
    }),
  )
})

test('the same seed gives the same plan, in the order of time', () => {
  const plan = makePlan({ seed: 7, durationMs: 40_000, kills: 3, stalls: 1 })
  expect(makePlan({ seed: 7, durationMs: 40_000, kills: 3, stalls: 1 })).toEqual(plan)
  expect(plan.map(({ atMs }) => atMs)).toEqual(plan.map(({ atMs }) => atMs).sort((a, b) => a - b))
  expect([count(plan, 'kill'), count(plan, 'stall')]).toEqual([3, 1])
})
