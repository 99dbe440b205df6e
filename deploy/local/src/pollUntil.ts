/** Asks again and again until there is an answer; says what it waited for when the time is up. */
import { setTimeout as sleep } from 'node:timers/promises'

const POLL_MS = 50

export async function pollUntil<T>(
  what: string,
  ask: () => Promise<T | undefined>,
  timeoutMs: number,
): Promise<T> {
  const deadline = performance.now() + timeoutMs
  for (;;) {
    const found = await ask()
    if (found !== undefined) return found
    if (performance.now() > deadline) throw new Error(`${what} was not ready within ${timeoutMs / 1000} s`)
    await sleep(POLL_MS)
  }
}
