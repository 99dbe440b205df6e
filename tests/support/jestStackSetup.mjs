/** Starts the one Kafka and ClickHouse that all integration and end-to-end tests of a run share. */
import { fileURLToPath } from 'node:url'
import { startLocalStack } from '../../deploy/local/src/localStack.ts'

export default async function setup() {
  if (globalThis.tributaryStack) return
  const dataDir = fileURLToPath(new URL(`../../.data/test/${process.pid}`, import.meta.url))
  const log = (line) => process.stderr.write(`stack: ${line}\n`)
  const started = performance.now()
  const stack = await startLocalStack({ dataDir, fresh: true, log })
  globalThis.tributaryStack = { stack, dataDir }
  log(
    `${stack.kind}, Kafka ${stack.kafka.brokers}, ClickHouse ${stack.clickhouse.url}, ${Math.round(performance.now() - started)} ms`,
  )
  // Workers are started after this and inherit it.
  process.env.TRIBUTARY_TEST_STACK = JSON.stringify({
    kind: stack.kind,
    brokers: stack.kafka.brokers,
    clickhouseUrl: stack.clickhouse.url,
  })
}
