import { expect, test } from '@jest/globals'
import fc from 'fast-check'
import { createRecentlySeen } from './recentlySeen.ts'

test('it answers what was set or nothing, and knows the last that was set', () => {
  const step = fc.record({ key: fc.integer({ min: 0, max: 30 }).map(String), ask: fc.boolean() })
  fc.assert(
    fc.property(fc.integer({ min: 1, max: 8 }), fc.array(step, { maxLength: 200 }), (entries, steps) => {
      const seen = createRecentlySeen<{ key: string }>(entries)
      for (const { key, ask } of steps) {
        if (!ask) seen.set(key, { key })
        expect(ask ? [undefined, key] : [key]).toContain(seen.get(key)?.key)
      }
    }),
  )
})

test('it holds at most twice its entries, and what is asked for stays', () => {
  const seen = createRecentlySeen<number>(10)
  seen.set('kept', -1)
  for (let i = 0; i < 1000; i++) {
    seen.set(String(i), i)
    expect(seen.get('kept')).toBe(-1)
  }
  const held = Array.from({ length: 1000 }, (_, i) => seen.get(String(i))).filter(
    (each) => each !== undefined,
  )
  expect(held.length).toBeLessThanOrEqual(20)
})
