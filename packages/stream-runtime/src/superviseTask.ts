/**
 * Keeps one owned partition running: a life of a task after the other, until the partition is taken away.
 *
 * | a life ended by        | what follows                                                              |
 * |------------------------|---------------------------------------------------------------------------|
 * | draining               | nothing: the partition is given back                                      |
 * | a fault to reopen      | the next life, after a pause that doubles up to a bound, with jitter       |
 * | being fenced           | nothing, unless the group confirms this owner once more; the process lives |
 * | a fault that stops     | the process is told to stop, with the reason                              |
 */
import type { Clock } from './ports/clock.ts'
import { actionFor } from './runtimeFault.ts'
import { Task } from './task.ts'
import type { TaskOptions } from './taskOptions.ts'

export interface SupervisorOptions<C, X> extends TaskOptions<C, X> {
  /** Between 0 and 1, for jitter. */
  readonly random: () => number
  /** When the group last confirmed that this process owns its partitions. */
  readonly confirmedAtMs: () => number
  readonly onFatal: (error: Error) => void
}

/** Pauses before a task is opened again, ms: first and longest. A life that committed something starts them anew. */
const FIRST_PAUSE_MS = 100
const LONGEST_PAUSE_MS = 10_000
/** How often a fenced task asks whether it is the owner after all, ms. */
const FENCED_POLL_MS = 500

export class TaskSupervisor<C, X> {
  readonly #options: SupervisorOptions<C, X>
  readonly #draining = new AbortController()
  #task: Task<C, X>
  #openings = 0
  readonly done: Promise<void>

  constructor(options: SupervisorOptions<C, X>, after: Promise<unknown> = Promise.resolve()) {
    this.#options = options
    this.#task = new Task(options)
    this.done = after.then(() => this.#run())
  }

  get task(): Task<C, X> {
    return this.#task
  }

  get openings(): number {
    return this.#openings
  }

  get draining(): boolean {
    return this.#draining.signal.aborted
  }

  drain(): Promise<void> {
    this.#draining.abort()
    this.#task.drain()
    return this.done
  }

  async #run(): Promise<void> {
    const { partition, topology, logger, clock } = this.#options
    let pauseMs = FIRST_PAUSE_MS
    while (!this.draining) {
      if (this.#openings > 0) this.#task = new Task(this.#options)
      this.#openings++
      try {
        await this.#task.run()
        return
      } catch (error) {
        if (this.draining) return
        const action = actionFor(error)
        const reason = error instanceof Error ? error.message : String(error)
        if (action === 'stop') {
          this.#options.onFatal(asError(error))
          return
        }
        if (action === 'close') {
          logger.warn(
            { topology: topology.name, partition },
            'another owner has this partition: the task is closed',
          )
          if (!(await this.#ownerAfterAll(clock))) return
          continue
        }
        if (this.#task.committed > 0) pauseMs = FIRST_PAUSE_MS
        const jittered = pauseMs * (0.5 + this.#options.random() / 2)
        logger.warn(
          {
            topology: topology.name,
            partition,
            reason,
            pauseMs: Math.round(jittered),
            openings: this.#openings,
          },
          'the task failed and is opened again',
        )
        await clock.sleep(jittered, this.#draining.signal)
        pauseMs = Math.min(pauseMs * 2, LONGEST_PAUSE_MS)
      }
    }
  }

  /**
   * A transaction that took too long is ended by the broker, which looks the same as another owner. The group knows:
   * if it confirms this member after the fencing, nobody else has the partition.
   */
  async #ownerAfterAll(clock: Clock): Promise<boolean> {
    const fencedAt = clock.now()
    while (!this.draining) {
      await clock.sleep(FENCED_POLL_MS, this.#draining.signal)
      if (this.#options.confirmedAtMs() > fencedAt) return !this.draining
    }
    return false
  }
}

function asError(error: unknown): Error {
  return error instanceof Error ? error : new Error(String(error))
}
