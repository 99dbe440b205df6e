import { expect, test } from '@jest/globals'
import { DEFAULT_LIMITS, Pacing } from './pacing.ts'

test('a record that arrives at an idle task does not wait', () => {
  const pacing = new Pacing(DEFAULT_LIMITS)
  expect(pacing.waitMs(1_000)).toBe(0)
  pacing.committed(1_000, 1_008)
  expect(pacing.waitMs(1_200)).toBe(0)
})

test('the slower commits are, the longer the gap between them, within its bounds', () => {
  const pacing = new Pacing(DEFAULT_LIMITS)
  pacing.committed(0, 2)
  expect(pacing.gapMs).toBe(DEFAULT_LIMITS.minCommitGapMs)
  for (let i = 0; i < 30; i++) pacing.committed(i, i + 30)
  expect(pacing.gapMs).toBeGreaterThan(50)
  expect(pacing.gapMs).toBeLessThanOrEqual(60)
  for (let i = 0; i < 30; i++) pacing.committed(i, i + 500)
  expect(pacing.gapMs).toBe(DEFAULT_LIMITS.maxCommitGapMs)
})
