/**
 * How many events a second each source may send, by this instance.
 *
 *  L1. A batch is taken whole or not at all: it is taken while nothing is owed, and what it is too large for is owed. So no
 *      batch is too large for any limit, and over time the limit holds.
 *  L2. What a source may send at once after a pause is a second's worth.
 */
export interface RateLimits {
  /** Seconds until the source may send again, 0 when it may now. */
  wait(source: string, perSecond: number | undefined): number
  /** Counts events that are taken. */
  take(source: string, perSecond: number | undefined, events: number): void
}

/** SDKs wait so long at most; longer, they count it as a failure. */
const MAX_WAIT_SECONDS = 300

interface Account {
  /** Events that may be sent now; negative: owed. */
  credit: number
  atMs: number
}

export function createRateLimits(now: () => number): RateLimits {
  const accounts = new Map<string, Account>()

  /** The source's account as it stands now. */
  function current(source: string, perSecond: number): Account {
    const nowMs = now()
    const known = accounts.get(source)
    if (!known) {
      const opened = { credit: perSecond, atMs: nowMs }
      accounts.set(source, opened)
      return opened
    }
    // A clock that was set back earns nothing, and costs nothing.
    const earned = (Math.max(0, nowMs - known.atMs) / 1000) * perSecond
    known.credit = Math.min(perSecond, known.credit + earned)
    known.atMs = nowMs
    return known
  }

  return {
    wait(source, perSecond) {
      if (perSecond === undefined) return 0
      const { credit } = current(source, perSecond)
      return credit > 0 ? 0 : Math.min(MAX_WAIT_SECONDS, Math.max(1, Math.ceil((1 - credit) / perSecond)))
    },
    take(source, perSecond, events) {
      if (perSecond !== undefined) current(source, perSecond).credit -= events
    },
  }
}
