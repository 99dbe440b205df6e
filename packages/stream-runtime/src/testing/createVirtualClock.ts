import type { Clock } from '../ports/clock.ts'

/**
 * Time that jumps to the next sleeper as soon as everything else has come to rest, so that a test of hours takes
 * milliseconds and always runs in the same order.
 */
export function createVirtualClock(startMs = 1_000_000): Clock & { stop(): void } {
  interface Sleeper {
    readonly atMs: number
    readonly order: number
    readonly wake: () => void
  }
  let nowMs = startMs
  let order = 0
  let sleepers: Sleeper[] = []
  let pumping = false
  let stopped = false

  function pump(): void {
    pumping = false
    if (stopped) return
    sleepers.sort((a, b) => a.atMs - b.atMs || a.order - b.order)
    const next = sleepers.shift()
    if (!next) return
    nowMs = Math.max(nowMs, next.atMs)
    next.wake()
    schedule()
  }

  function schedule(): void {
    if (pumping || stopped || sleepers.length === 0) return
    pumping = true
    setImmediate(pump)
  }

  return {
    now: () => nowMs,
    sleep: (ms, signal) =>
      new Promise((resolve) => {
        if (signal?.aborted) return resolve()
        const sleeper: Sleeper = { atMs: nowMs + ms, order: order++, wake: resolve }
        sleepers.push(sleeper)
        signal?.addEventListener('abort', () => {
          sleepers = sleepers.filter((each) => each !== sleeper)
          resolve()
        })
        schedule()
      }),
    stop: () => void (stopped = true),
  }
}
