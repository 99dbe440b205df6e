/**
 * What waits and must not be sent any more: its person was erased, took the consent back, or is somebody else by now
 * (Delivery.withdraws, sync/withdrawal.ts). A delivery that says so is made by the same task as those before it, for the
 * same destination and profile, so it comes behind all of them.
 *
 * Invariants:
 *  E1. What has not begun to be sent when the withdrawal is committed is never sent. It ends as filtered, with the reason.
 *  E2. A call under way is not hurried past: the head stays until it is answered, and what came of it is the truth.
 *  E3. Of an erased person, and of one whose consent ended, the content goes at once, from the queue and from the dead
 *      letters, whatever waits in front of it.
 */
import {
  type Delivery,
  type DeliveryOutcome,
  OutcomeKind,
  type PendingDelivery,
} from '@tributary/contracts/generated/tributary/delivery/v1/delivery'
import type { StepContext } from '@tributary/stream-runtime'
import { type Withdrawal, withdrawals } from '../sync/withdrawal.ts'
import { outcomeOf, sendOutcome } from './outcome.ts'
import { addTo } from './queue.ts'
import {
  deadCountTable,
  deadTable,
  dueKey,
  dueTable,
  pendingTable,
  queueOf,
  queueTable,
} from './queueRows.ts'

export function withdrawEarlier(context: StepContext, by: Delivery, nowMs: number): void {
  const losesContent = by.withdraws === 'ERASED' || by.withdraws === 'NO_CONSENT'
  // Files hold every change, also of somebody who is somebody else by now.
  if (by.lane !== '' && !losesContent) return
  buryNoMore(context, by, nowMs)
  if (context.table(pendingTable).get(by.destinationId) === undefined) return
  const queue = context.table(queueTable)
  const { from, to } = queueOf(by)
  const head = [...queue.range(from, to, 1)][0]?.[0]
  for (const [key, row] of withdrawnRows(queue.range(from, to), by)) {
    // What may be under way, alone or in a file, keeps its row (E2).
    if (key === head || by.lane !== '') {
      const isWaiting = key === head && row.fileEnd === ''
      if (isWaiting) becomeDue(context, key, row, nowMs)
      queue.put(key, {
        ...row,
        delivery: losesContent ? { ...row.delivery, body: '' } : row.delivery, // E3
        withdrawn: by.withdraws,
        ...(isWaiting && { nextTryMs: nowMs }),
      })
    } else {
      queue.delete(key)
      addTo(context.table(pendingTable), by.destinationId, -1)
      sendOutcome(context, withdrawnOutcome(row.delivery, by.withdraws, nowMs))
    }
  }
}

export function withdrawnOutcome(delivery: Delivery, why: string, timeMs: number): DeliveryOutcome {
  const message = withdrawals[why as Withdrawal] ?? 'it is not sent any more'
  return outcomeOf(delivery, {
    kind: OutcomeKind.OUTCOME_KIND_FILTERED,
    attempt: 0,
    status: 0,
    code: why,
    message,
    timeMs,
  })
}

type Withdrawn = PendingDelivery & { readonly delivery: Delivery }

function withdrawnRows(
  rows: Iterable<readonly [string, PendingDelivery]>,
  by: Delivery,
): [string, Withdrawn][] {
  const found: [string, Withdrawn][] = []
  for (const [key, row] of rows) {
    const { delivery } = row
    if (delivery && row.withdrawn === '' && isOfSame(delivery, by)) found.push([key, { ...row, delivery }])
  }
  return found
}

/** Dead letters that nobody may send any more. */
function buryNoMore(context: StepContext, by: Delivery, nowMs: number): void {
  const counts = context.table(deadCountTable)
  if (counts.get(by.destinationId) === undefined) return
  const dead = context.table(deadTable)
  const { from, to } = queueOf(by)
  for (const [key, { delivery }] of Array.from(dead.range(from, to))) {
    if (!delivery || !isOfSame(delivery, by)) continue
    dead.delete(key)
    addTo(counts, by.destinationId, -1)
    sendOutcome(context, withdrawnOutcome(delivery, by.withdraws, nowMs))
  }
}

function isOfSame(one: Delivery, by: Delivery): boolean {
  return one.syncId === by.syncId && one.profileId === by.profileId
}

/** It goes at once, rather than when it would be tried again: there is nothing to be tried. */
function becomeDue(
  context: StepContext,
  key: string,
  { delivery, nextTryMs }: Withdrawn,
  nowMs: number,
): void {
  const due = context.table(dueTable)
  due.delete(dueKey(delivery, nextTryMs))
  due.put(dueKey(delivery, nowMs), key)
}
