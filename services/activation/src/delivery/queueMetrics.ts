/** How much waits for each destination, and how much was given up, asked when Prometheus asks. */
import type { Metrics } from '@tributary/service-kit'
import type { TableSpec } from '@tributary/stream-runtime'
import type { DeliveryTasks } from './dispatcher.ts'
import { deadCountTable, everythingOf, pendingTable } from './queueRows.ts'

export function registerQueueMetrics(metrics: Metrics, tasks: DeliveryTasks): void {
  count(
    'deliveries_pending_records',
    'Deliveries that wait, on the partitions of this instance',
    pendingTable,
  )
  count(
    'dead_letters_records',
    'Deliveries that were given up and nobody has decided about, on the partitions of this instance',
    deadCountTable,
  )

  function count(name: string, help: string, table: TableSpec<number>): void {
    const gauge = metrics.gauge(name, help, ['destination'])
    const { from, to } = everythingOf('')
    Object.assign(gauge, {
      collect() {
        gauge.reset()
        for (const { partition } of tasks.tasks()) {
          for (const [destination, rows] of tasks.view(partition)?.table(table).range(from, to) ?? []) {
            gauge.inc({ destination }, rows)
          }
        }
      },
    })
  }
}
