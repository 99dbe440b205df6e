/**
 * Deliveries that go to a destination together, as one file.
 *
 *      queue of a lane:  first ── … ── last ── …
 *                        └── sealed ──┘ once it is full, or its first has waited long enough ──commit──▶ sent, as often as it takes
 *
 * Invariants:
 *  F1. What is in a file is settled, and committed, before it is sent for the first time; it is sent again as it was, under
 *      the same name, by whoever sends it. So a repetition overwrites itself, also one of a process that was killed.
 *      Only what must not be sent any more is left out of it then.
 *  F2. Every delivery of a lane is in exactly one file; files of a lane follow each other in its order.
 *  F3. A file holds at most MAX_FILE_ITEMS and about MAX_FILE_BYTES: that is what a process keeps in memory of one.
 */
import type { Delivery } from '@tributary/contracts/generated/tributary/delivery/v1/delivery'
import type { StateView } from '@tributary/stream-runtime'
import type { Sealing } from './command.ts'
import { orderIn, pendingTable, queueOf, queueTable, rowsBetween } from './queueRows.ts'

/** Lines of a file: a few megabytes compressed, which is what readers of such files like. */
export const MAX_FILE_ITEMS = 10_000
/** Bodies of a file, characters, before compression (F3). */
export const MAX_FILE_BYTES = 8 * 1024 * 1024

export interface DeliveryFile {
  /** Of the deliveries' topic. */
  readonly partition: number
  /** Numbers of its first and last delivery in the queue of the partition: no other file has either. */
  readonly first: number
  readonly last: number
  /** When its first delivery was made, ms since 1970. */
  readonly sinceMs: number
  readonly deliveries: readonly Delivery[]
  /** Ids of those that were settled to be in it and are not sent any more (withdrawEarlier.ts). */
  readonly leftOut: readonly string[]
}

interface Head {
  readonly view: StateView
  readonly key: string
  readonly delivery: Delivery
}

/** Whether a file begins with this head now, and where it ends; undefined: more may come. */
export function sealOf({ view, key, delivery }: Head, nowMs: number, longestMs: number): Sealing | undefined {
  const isOld = nowMs - delivery.createdTimeMs >= longestMs
  // Counts are cheap, looking through the queue is not.
  if (!isOld && (view.table(pendingTable).get(delivery.destinationId) ?? 0) < MAX_FILE_ITEMS) return undefined
  let last = key
  let bytes = 0
  let items = 0
  let isFull = false
  for (const [each, row] of view.table(queueTable).range(key, queueOf(delivery).to, MAX_FILE_ITEMS)) {
    bytes += row.delivery?.body.length ?? 0
    isFull = items > 0 && bytes > MAX_FILE_BYTES
    if (isFull) break
    last = each
    items++
  }
  if (!isOld && !isFull && items < MAX_FILE_ITEMS) return undefined
  return { command: 'seal', row: key, deliveryId: delivery.id, last }
}

/** What was sealed. */
export function fileOf({ view, key, delivery: head }: Head, fileEnd: string): DeliveryFile {
  const { from, to } = rowsBetween(key, fileEnd)
  const deliveries: Delivery[] = []
  const leftOut: string[] = []
  for (const [, { delivery, withdrawn }] of view.table(queueTable).range(from, to))
    if (delivery && withdrawn === '') deliveries.push(delivery)
    else if (delivery) leftOut.push(delivery.id)
  const [first, last] = [orderIn(key), orderIn(fileEnd)]
  return { partition: view.partition, first, last, sinceMs: head.createdTimeMs, deliveries, leftOut }
}
