/**
 * Starts the one Kafka and ClickHouse that all integration and end-to-end tests of a run share.
 *
 * When they cannot be started, the run goes on: every test that asks for them fails with the reason and is counted,
 * instead of a run that ends without a count.
 */
import { existsSync } from 'node:fs'
import { readdir, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { startLocalStack } from '../../deploy/local/src/localStack.ts'
import { startTimeOf } from '../../deploy/local/src/startTime.ts'

export default async function setup() {
  // Both projects name this file; the stack is one.
  if (process.env.TRIBUTARY_TEST_STACK !== undefined) return
  const folder = fileURLToPath(new URL('../../.data/test/', import.meta.url))
  await removeLeftovers(folder)
  const dataDir = join(folder, String(process.pid))
  const log = (line) => process.stderr.write(`stack: ${line}\n`)
  const started = performance.now()
  try {
    const stack = await startLocalStack({ dataDir, fresh: true, log })
    globalThis.tributaryStack = { stack, dataDir }
    const { kind, kafka, clickhouse } = stack
    log(
      `${kind}, Kafka ${kafka.brokers}, ClickHouse ${clickhouse.url}, ${Math.round(performance.now() - started)} ms`,
    )
    // Workers are started after this and inherit it.
    process.env.TRIBUTARY_TEST_STACK = JSON.stringify({
      kind,
      brokers: kafka.brokers,
      clickhouseUrl: clickhouse.url,
    })
  } catch (error) {
    process.env.TRIBUTARY_TEST_STACK = JSON.stringify({ problem: error.message })
    log(error.message)
  }
}

/** Data of runs that were killed: their folders are named after their processes. */
async function removeLeftovers(folder) {
  const names = existsSync(folder) ? await readdir(folder) : []
  const dead = names.filter((name) => startTimeOf(Number.parseInt(name, 10)) === undefined)
  await Promise.all(dead.map((name) => rm(join(folder, name), { recursive: true, force: true })))
}
