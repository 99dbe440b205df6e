/** The Kafka and ClickHouse whose addresses are in the environment: used as they are, never stopped from here. */
import type { LocalStack } from './localStack.ts'

export function givenStack(environment: Record<string, string | undefined>): LocalStack {
  const notOurs = () =>
    Promise.reject(new Error('Kafka and ClickHouse were given by address: they are not restarted from here'))
  return {
    kind: 'given',
    kafka: { brokers: environment['KAFKA_BROKERS'] ?? '' },
    clickhouse: {
      url: environment['CLICKHOUSE_URL'] ?? '',
      database: environment['CLICKHOUSE_DATABASE'] ?? 'tributary',
    },
    stop: () => Promise.resolve(),
    restartKafka: notOurs,
    killClickHouse: notOurs,
    startClickHouse: notOurs,
  }
}
