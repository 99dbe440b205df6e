/** How much waits for each destination, asked when Prometheus asks. */
import type { Metrics } from '@tributary/service-kit'
import type { DeliveryTasks } from './dispatcher.ts'
import { everythingOf, pendingTable } from './queueRows.ts'

export function registerPendingMetric(metrics: Metrics, tasks: DeliveryTasks): void {
  const gauge = metrics.gauge(
    'deliveries_pending_records',
    'Deliveries that wait, on the partitions of this instance',
    ['destination'],
  )
  const { from, to } = everythingOf('')
  Object.assign(gauge, {
    collect() {
      gauge.reset()
      for (const { partition } of tasks.tasks()) {
        for (const [destination, count] of tasks.view(partition)?.table(pendingTable).range(from, to) ?? []) {
          gauge.inc({ destination }, count)
        }
      }
    },
  })
}
