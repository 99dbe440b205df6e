/** One Kafka and ClickHouse for all bars of a run that need them; bench.ts stops it at the end. */
import { fileURLToPath } from 'node:url'
import { startLocalStack, type LocalStack } from '../../deploy/local/src/localStack.ts'

const FOLDER = fileURLToPath(new URL('../../.data/bench', import.meta.url))

let stack: Promise<LocalStack> | undefined

export function benchStack(): Promise<LocalStack> {
  stack ??= startLocalStack({
    dataDir: `${FOLDER}/stack`,
    fresh: true,
    log: (line) => void process.stderr.write(`${line}\n`),
  })
  return stack
}

export async function stopBenchStack(): Promise<void> {
  await (await stack)?.stop()
}

/** For what a bar starts on it. */
export const BENCH_FOLDER = FOLDER
