/** How the Kafka sources of this instance stand, asked when Prometheus asks. */
import { type Metrics } from '@tributary/service-kit'
import { type SourceConsumers } from './sourceConsumers.ts'

export function registerSourceMetrics(metrics: Metrics, consumers: Pick<SourceConsumers, 'states'>): void {
  const lag = metrics.gauge(
    'source_lag_records',
    'Records that wait in the topic of a Kafka source, on the partitions of this instance',
    ['source', 'partition'],
  )
  const unreadable = metrics.gauge(
    'source_unreadable_state',
    '1 while a Kafka source cannot be read by this instance; its log says why',
    ['source'],
  )
  Object.assign(lag, {
    collect() {
      lag.reset()
      for (const { source, lags } of consumers.states())
        for (const [partition, records] of lags) lag.set({ source, partition: String(partition) }, records)
    },
  })
  Object.assign(unreadable, {
    collect() {
      unreadable.reset()
      for (const { source, problem } of consumers.states())
        unreadable.set({ source }, problem === undefined ? 0 : 1)
    },
  })
}
