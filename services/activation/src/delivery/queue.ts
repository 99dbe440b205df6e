import type { Delivery } from '@tributary/contracts/generated/tributary/delivery/v1/delivery'
import type { StepContext, Table } from '@tributary/stream-runtime'
import { dueKey, dueTable, orderTable, pendingTable, queueKey, queueOf, queueTable } from './queueRows.ts'

/** Behind everything that waits for the same destination and lane; due at once when nothing does. */
export function enqueue(context: StepContext, delivery: Delivery, attempts: number, nowMs: number): void {
  const { destinationId } = delivery
  const orders = context.table(orderTable)
  const order = orders.get('next') ?? 1
  orders.put('next', order + 1)
  const queue = context.table(queueTable)
  const { from, to } = queueOf(delivery)
  const isHead = [...queue.range(from, to, 1)].length === 0
  const key = queueKey(delivery, order)
  const nextTryMs = isHead ? nowMs : 0
  queue.put(key, { delivery, attempts, failures: 0, nextTryMs, lastCode: '', fileEnd: '', withdrawn: '' })
  if (isHead) context.table(dueTable).put(dueKey(delivery, nowMs), key)
  addTo(context.table(pendingTable), destinationId, 1)
}

/** A count of rows, without a row for none. */
export function addTo(counts: Table<number>, destination: string, change: 1 | -1): void {
  const count = (counts.get(destination) ?? 0) + change
  if (count > 0) counts.put(destination, count)
  else counts.delete(destination)
}
