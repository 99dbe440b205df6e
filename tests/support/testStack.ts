/** Where the Kafka and the ClickHouse of this test run are. Started by jestStackSetup for every project that uses them. */
export interface TestStack {
  kind: 'given' | 'docker' | 'java'
  brokers: string
  clickhouseUrl: string
}

export function testStack(): TestStack {
  const text = process.env['TRIBUTARY_TEST_STACK']
  if (text === undefined) {
    throw new Error(
      'No Kafka and ClickHouse for this test: it must be in tests/integration or tests/e2e, whose projects start them',
    )
  }
  return JSON.parse(text) as TestStack
}
