/** Worker threads that run worlds, one per core. */
import { availableParallelism } from 'node:os'
import { Worker } from 'node:worker_threads'
import type { WorldOutcome } from './runWorld.ts'
import type { Done, Task } from './simulateWorker.ts'

/** Seeds handed out at once: few messages, and both cores are busy to the end. */
const SEEDS_AT_ONCE = 10

export class WorkerPool {
  readonly #workers = Array.from(
    { length: availableParallelism() },
    () =>
      new Worker(new URL('simulateWorker.ts', import.meta.url), {
        // Worlds are short-lived garbage: less of it is copied.
        resourceLimits: { maxYoungGenerationSizeMb: 64 },
      }),
  )

  /** Hands out the seeds from..to-1 until `enough` says so; each outcome is told once. */
  async run(options: {
    readonly from: number
    readonly to: number
    readonly without?: string
    readonly onOutcome: (outcome: WorldOutcome) => void
    readonly enough: () => boolean
  }): Promise<void> {
    let next = options.from
    const work = async (worker: Worker) => {
      while (next < options.to && !options.enough()) {
        const from = next
        const seeds = Array.from({ length: Math.min(SEEDS_AT_ONCE, options.to - from) }, (_, i) => from + i)
        next += seeds.length
        const task: Task = { seeds, ...(options.without !== undefined && { without: options.without }) }
        // oxlint-disable-next-line no-await-in-loop -- one task at a time
        for (const outcome of await ask(worker, task)) options.onOutcome(outcome)
      }
    }
    await Promise.all(this.#workers.map(work))
  }

  async close(): Promise<void> {
    await Promise.all(this.#workers.map((worker) => worker.terminate()))
  }
}

function ask(worker: Worker, task: Task): Promise<Done> {
  return new Promise((resolve, reject) => {
    const failed = (error: unknown) => reject(error instanceof Error ? error : new Error(String(error)))
    worker.once('error', failed)
    worker.once('message', (done: Done) => {
      worker.off('error', failed)
      resolve(done)
    })
    // oxlint-disable-next-line unicorn/require-post-message-target-origin -- a worker thread has no origin
    worker.postMessage(task)
  })
}
