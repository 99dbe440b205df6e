/** One Kafka and ClickHouse for all bars of a run that need them; bench.ts stops it at the end. */
import { existsSync } from 'node:fs'
import { readdir, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { startTimeOf } from '../../deploy/local/src/startTime.ts'
import { startLocalStack, type LocalStack } from '../../deploy/local/src/localStack.ts'

const RUNS = fileURLToPath(new URL('../../.data/bench', import.meta.url))
/** Each process has its own: two runs side by side disturb each other's numbers, but not their data. */
const FOLDER = join(RUNS, String(process.pid))

let stack: Promise<LocalStack> | undefined

export function benchStack(): Promise<LocalStack> {
  stack ??= removeLeftovers().then(() =>
    startLocalStack({
      dataDir: `${FOLDER}/stack`,
      fresh: true,
      log: (line) => void process.stderr.write(`${line}\n`),
    }),
  )
  return stack
}

const closers: (() => Promise<unknown>)[] = []

/** Closes what several bars share; called once, when all are measured. */
export function closeAtEnd(close: () => Promise<unknown>): void {
  closers.push(close)
}

export async function stopBenchStack(): Promise<void> {
  await Promise.all(closers.map((close) => close()))
  await (await stack)?.stop()
  await rm(FOLDER, { recursive: true, force: true })
}

/** Folders of runs that were killed. */
async function removeLeftovers(): Promise<void> {
  const names = existsSync(RUNS) ? await readdir(RUNS) : []
  const dead = names.filter((name) => startTimeOf(Number.parseInt(name, 10)) === undefined)
  await Promise.all(dead.map((name) => rm(join(RUNS, name), { recursive: true, force: true })))
}

/** For what a bar starts on it. */
export const BENCH_FOLDER = FOLDER
