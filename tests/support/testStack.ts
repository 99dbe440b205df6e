/** Where the Kafka and the ClickHouse of this test run are: started by jestStackSetup for the projects that use them. */
import type { StackAddresses } from '../../deploy/local/src/launcher.ts'

export interface TestStack {
  kind: 'given' | 'docker' | 'java'
  brokers: string
  clickhouseUrl: string
}

export function testStack(): TestStack {
  const text = process.env['TRIBUTARY_TEST_STACK']
  if (text === undefined) {
    throw new Error(
      'No Kafka and ClickHouse for this test: put it in tests/integration or tests/e2e, which start them',
    )
  }
  const found = JSON.parse(text) as TestStack | { problem: string }
  if ('problem' in found) throw new Error(`This test needs Kafka and ClickHouse: ${found.problem}`)
  return found
}

/** The shared stack as the launcher wants it: for tests that start services on it, with a database of their own. */
export function sharedStack(database: string): StackAddresses {
  const { brokers, clickhouseUrl } = testStack()
  return { kafka: { brokers }, clickhouse: { url: clickhouseUrl, database } }
}
