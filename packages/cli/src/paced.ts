import { setTimeout as sleep } from 'node:timers/promises'

/** Live traffic keeps its latency: no more than `rate` events a second; 0 = as many as it can. */
export function paced(now: () => number, rate: number): (events: number) => Promise<void> {
  let dueMs = now()
  return async (events) => {
    if (rate === 0) return
    dueMs = Math.max(dueMs, now()) + (events * 1000) / rate
    const waitMs = dueMs - now()
    if (waitMs > 0) await sleep(waitMs)
  }
}
