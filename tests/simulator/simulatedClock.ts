/**
 * Time of a simulated world. It stands still while anything can still happen at this moment, and then jumps to the
 * next sleeper; so hours take milliseconds, and the same world always runs in the same order.
 *
 *  C1. A sleeper wakes when every promise that could go on has gone on: never in the middle of a chain of them.
 *  C2. Sleepers of one moment wake in the order in which they went to sleep.
 */
import type { Clock } from '@tributary/stream-runtime'

interface Sleeper {
  readonly atMs: number
  readonly order: number
  /** Undefined when it was woken otherwise. */
  wake: (() => void) | undefined
}

/** So many wakings, and timers and messages of the real machine get their turn. */
const TURN = 2_000

export class SimulatedClock implements Clock {
  #nowMs: number
  #order = 0
  #heap: Sleeper[] = []
  #scheduled = false
  #stopped = false
  #turn = 0

  constructor(startMs: number) {
    this.#nowMs = startMs
  }

  now(): number {
    return this.#nowMs
  }

  sleep(ms: number, signal?: AbortSignal): Promise<void> {
    return new Promise((resolve) => {
      if (signal?.aborted) {
        resolve()
        return
      }
      const cancel = this.at(ms, () => {
        signal?.removeEventListener('abort', aborted)
        resolve()
      })
      const aborted = () => {
        cancel()
        resolve()
      }
      signal?.addEventListener('abort', aborted, { once: true })
    })
  }

  /** Calls after `ms`; gives the way to call it off. */
  at(ms: number, wake: () => void): () => void {
    const sleeper: Sleeper = { atMs: this.#nowMs + Math.max(0, Math.ceil(ms)), order: this.#order++, wake }
    push(this.#heap, sleeper)
    this.#schedule()
    return () => (sleeper.wake = undefined)
  }

  /** Time goes on without anything happening, as when everything is switched off. */
  jump(ms: number): void {
    this.#nowMs += ms
  }

  /** Nobody wakes any more. */
  stop(): void {
    this.#stopped = true
    this.#heap = []
  }

  #schedule(): void {
    if (this.#scheduled || this.#stopped) return
    this.#scheduled = true
    // C1: ticks come when the queue of promises is empty.
    queueMicrotask(() => {
      if (++this.#turn % TURN === 0) setImmediate(this.#pump)
      else process.nextTick(this.#pump)
    })
  }

  readonly #pump = (): void => {
    this.#scheduled = false
    if (this.#stopped) return
    let next = pop(this.#heap)
    while (next && !next.wake) next = pop(this.#heap)
    if (!next) return
    this.#nowMs = Math.max(this.#nowMs, next.atMs)
    next.wake!()
    this.#schedule()
  }
}

function before(a: Sleeper, b: Sleeper): boolean {
  return a.atMs < b.atMs || (a.atMs === b.atMs && a.order < b.order)
}

function push(heap: Sleeper[], sleeper: Sleeper): void {
  let at = heap.length
  heap.push(sleeper)
  while (at > 0) {
    const parent = (at - 1) >> 1
    if (!before(sleeper, heap[parent]!)) break
    heap[at] = heap[parent]!
    at = parent
  }
  heap[at] = sleeper
}

function pop(heap: Sleeper[]): Sleeper | undefined {
  const top = heap[0]
  const last = heap.pop()
  if (!last || heap.length === 0) return top
  let at = 0
  for (;;) {
    let child = 2 * at + 1
    if (child >= heap.length) break
    if (child + 1 < heap.length && before(heap[child + 1]!, heap[child]!)) child++
    if (!before(heap[child]!, last)) break
    heap[at] = heap[child]!
    at = child
  }
  heap[at] = last
  return top
}
