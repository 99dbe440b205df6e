/** A token bucket: at most `perSecond` on average, at most one second's worth at once. The clock is an argument. */
export interface RateLimit {
  /** Takes one when there is one. */
  take(nowMs: number, perSecond: number): boolean
}

export function createRateLimit(): RateLimit {
  let tokens: number | undefined
  let asOfMs = 0
  function fill(nowMs: number, perSecond: number): number {
    // A burst of at least one, or a rate under one a second would never let anything through.
    const burst = Math.max(1, perSecond)
    const gained = Math.max(0, (nowMs - asOfMs) / 1_000) * perSecond
    tokens = Math.min(burst, (tokens ?? burst) + (tokens === undefined ? 0 : gained))
    asOfMs = Math.max(asOfMs, nowMs)
    return tokens
  }
  return {
    take(nowMs, perSecond) {
      if (fill(nowMs, perSecond) < 1) return false
      tokens = (tokens ?? 1) - 1
      return true
    },
  }
}
