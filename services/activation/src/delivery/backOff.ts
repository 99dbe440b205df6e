/** When a failed item is tried again. Pure; the randomness is an argument. */

const SECOND = 1_000
const MINUTE = 60 * SECOND
const HOUR = 60 * MINUTE

/**
 * Waits between tries. Quick at first, because most failures last seconds; more than 24 hours in all, because an
 * outage over a night and a morning must lose nothing: 1+5+30 s, 2+10+30 min, 1+2+4+8+12 h = 27.7 h without jitter.
 */
export const BACK_OFF_MS: readonly number[] = [
  SECOND,
  5 * SECOND,
  30 * SECOND,
  2 * MINUTE,
  10 * MINUTE,
  30 * MINUTE,
  HOUR,
  2 * HOUR,
  4 * HOUR,
  8 * HOUR,
  12 * HOUR,
]

/** Up to so much longer, so that what failed together is not tried again together. Never shorter: 24 hours hold. */
const JITTER = 0.25

/**
 * Wait after the `failures`th failure (1 = the first), ms; undefined when it is given up. `random` in [0, 1).
 * A destination's Retry-After makes it longer, never shorter.
 */
export function backOff(failures: number, random: number, retryAfterMs = 0): number | undefined {
  const wait = BACK_OFF_MS[failures - 1]
  if (wait === undefined) return undefined
  return Math.max(retryAfterMs, Math.round(wait * (1 + JITTER * random)))
}
