/**
 * Starts the one Kafka and ClickHouse that all integration and end-to-end tests of a run share.
 *
 * When they cannot be started, the run goes on: every test that asks for them fails with the reason and is counted,
 * instead of a run that ends without a count.
 */
import { fileURLToPath } from 'node:url'
import { startLocalStack } from '../../deploy/local/src/localStack.ts'

export default async function setup() {
  // Both projects name this file; the stack is one.
  if (process.env.TRIBUTARY_TEST_STACK !== undefined) return
  const dataDir = fileURLToPath(new URL(`../../.data/test/${process.pid}`, import.meta.url))
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
