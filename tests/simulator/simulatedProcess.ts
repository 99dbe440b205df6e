/**
 * A process that can be killed and stalled. Whatever it does next waits here first: killed, it never goes on; stalled,
 * it goes on with all that it had in mind when it wakes up.
 */
import type { Clock } from '@tributary/stream-runtime'

/** Never resolves: a dead process does not even fail. */
export const never = new Promise<never>(() => {})

export class ProcessDied extends Error {}

export class SimulatedProcess {
  readonly name: string
  readonly clock: Clock
  readonly #world: Clock
  #dead = false
  #stalled: (() => void)[] | undefined

  constructor(name: string, world: Clock) {
    this.name = name
    this.#world = world
    this.clock = {
      now: () => world.now(),
      sleep: (ms, signal) => this.#sleep(ms, signal),
    }
  }

  get isDead(): boolean {
    return this.#dead
  }

  get isStalled(): boolean {
    return this.#stalled !== undefined
  }

  kill(): void {
    this.#dead = true
    this.#stalled = undefined
  }

  stall(): void {
    this.#stalled ??= []
  }

  wake(): void {
    const waiting = this.#stalled ?? []
    this.#stalled = undefined
    for (const go of waiting) go()
  }

  /** Goes on when this process does. */
  running(): Promise<void> {
    if (this.#dead) return never
    const waiting = this.#stalled
    return waiting
      ? new Promise<void>((go) => waiting.push(go)).then(() => this.running())
      : Promise.resolve()
  }

  /** Runs when this process does: now, after a stall, or never. */
  when(run: () => void): void {
    if (this.#dead) return
    if (this.#stalled) this.#stalled.push(() => this.when(run))
    else run()
  }

  /** Runs `ms` later. */
  after(ms: number, run: () => void): void {
    void this.#world.sleep(ms).then(() => this.when(run))
  }

  #sleep(ms: number, signal?: AbortSignal): Promise<void> {
    if (this.#dead) return never
    return new Promise((resolve) => {
      void this.#world.sleep(ms, signal).then(() => this.when(resolve))
    })
  }
}
