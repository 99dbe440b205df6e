/** Runs worlds for simulate.ts: one seed after the other, as they are handed out. */
import { parentPort } from 'node:worker_threads'
import { guards } from './guards.ts'
import { type WorldOutcome, runWorld } from './runWorld.ts'

export interface Task {
  readonly seeds: readonly number[]
  /** Name of a guard that is off. */
  readonly without?: string
}

export type Done = readonly WorldOutcome[]

parentPort!.on('message', (task: Task) => void answer(task))

async function answer({ seeds, without }: Task): Promise<void> {
  const done = await run(seeds, without)
  // oxlint-disable-next-line unicorn/require-post-message-target-origin -- a worker thread has no origin
  parentPort!.postMessage(done)
}

async function run(seeds: readonly number[], without: string | undefined): Promise<Done> {
  const switches = without === undefined ? {} : guards.find(({ name }) => name === without)!.off
  const outcomes: WorldOutcome[] = []
  for (const seed of seeds) {
    // oxlint-disable-next-line no-await-in-loop -- one world at a time: they share this thread
    const outcome = await runWorld({ seed, switches })
    outcomes.push(outcome)
    if (outcome.failure) break
  }
  return outcomes
}
