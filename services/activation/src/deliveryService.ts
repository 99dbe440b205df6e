/**
 * DeliveryService: what is not delivered yet, from the committed state of this instance's partitions. The answer names
 * them: with several instances, ask each (a headless service gives their addresses) until every partition is named.
 */
import {
  type DeliveryServiceServer,
  ListDeliveriesResponse,
  type PendingDelivery,
} from '@tributary/contracts/generated/tributary/delivery/v1/delivery'
import { grpcStatus } from '@tributary/service-kit'
import type { DeliveryTasks } from './delivery/dispatcher.ts'
import { everythingOf, queueTable } from './delivery/queueRows.ts'

const DEFAULT_LIMIT = 100
/** With bodies of up to some kilobytes an answer stays under gRPC's message size. */
const MAX_LIMIT = 1_000
/** An answer stops early rather than grow past this, bytes: half of what a message may have. */
const MAX_ANSWER_BYTES = 4 * 1024 * 1024

export function createDeliveryService(tasks: Pick<DeliveryTasks, 'tasks' | 'view'>): DeliveryServiceServer {
  return {
    listDeliveries: (call, done) => {
      const { destinationId, limit } = call.request
      if (limit > MAX_LIMIT) {
        done({ code: grpcStatus.INVALID_ARGUMENT, details: `limit is at most ${MAX_LIMIT}; ask for less` })
        return
      }
      // A destination's id has none of the characters that keys are made of; anything else would read other rows.
      if (!/^[a-z0-9_-]*$/.test(destinationId)) {
        done({ code: grpcStatus.INVALID_ARGUMENT, details: 'destination_id is no id of a destination' })
        return
      }
      done(null, listPending(tasks, destinationId, limit === 0 ? DEFAULT_LIMIT : limit))
    },
  }
}

function listPending(
  tasks: Pick<DeliveryTasks, 'tasks' | 'view'>,
  destination: string,
  limit: number,
): ListDeliveriesResponse {
  const views = tasks
    .tasks()
    .map(({ partition }) => tasks.view(partition))
    .filter((view) => view !== undefined)
  const { from, to } = everythingOf(destination)
  const rows: (readonly [string, PendingDelivery])[] = views.flatMap((view) => [
    ...view.table(queueTable).range(from, to, limit),
  ])
  const deliveries: PendingDelivery[] = []
  let bytes = 0
  for (const [, row] of rows.sort(([a], [b]) => (a < b ? -1 : 1)).slice(0, limit)) {
    bytes += (row.delivery?.body.length ?? 0) + 500
    if (bytes > MAX_ANSWER_BYTES && deliveries.length > 0) break
    deliveries.push(row)
  }
  return ListDeliveriesResponse.create({ deliveries, partitions: views.map((view) => view.partition) })
}
