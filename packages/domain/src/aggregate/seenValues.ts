/**
 * The values an aggregate has seen: for mostFrequent how often each, for uniqueList and distinct when last, for a
 * sequence when each step happened.
 *
 *  V1. Sorted by value, then time; no two with the same value and time. A value with count 0 is there once, with the
 *      last time it was seen.
 *  V2. Kept are the latest, then the smallest. Times only grow and what is new is never older than what it pushes out,
 *      so what was cut can never come back with less than it had, and what is kept depends on the set of events alone.
 *  V3. One more than counts is kept: whether something was cut is seen from the values alone.
 */
import { compareText } from '../profile/canonicalJson.ts'
import { mergeSorted } from '../profile/mergeSorted.ts'

export interface SeenValue {
  /** Canonical JSON; for distinct a hash of it; for a sequence the number of the step. */
  json: string
  /** Ms since 1970. mostFrequent: when the unit of the window began, 0 without one. */
  timeMs: number
  /** How often; 0 where only the last time matters. */
  count: number
}

/** The values of different events (V1). */
export function joinValues(a: readonly SeenValue[], b: readonly SeenValue[]): SeenValue[] {
  if (b.length === 0) return a as SeenValue[]
  if (a.length === 0) return b as SeenValue[]
  const joined = mergeSorted(
    a,
    b,
    (x, y) => compareText(x.json, y.json) || x.timeMs - y.timeMs,
    (x, y) => ({ ...x, count: x.count + y.count }),
  )
  return joined.filter(({ json, count }, i) => count > 0 || joined[i + 1]?.json !== json)
}

/** The latest, then the smallest, still sorted by value (V2). */
export function latestValues(values: readonly SeenValue[], atMost: number): readonly SeenValue[] {
  if (values.length <= atMost) return values
  const kept = new Set(values.toSorted(compareLatest).slice(0, atMost))
  return values.filter((value) => kept.has(value))
}

function compareLatest(a: SeenValue, b: SeenValue): number {
  return b.timeMs - a.timeMs || compareText(a.json, b.json)
}
