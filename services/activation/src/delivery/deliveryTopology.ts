/**
 * The delivery task: what is to be sent, in which order, and what came of it. It never sends: the dispatcher reads
 * what is due from the committed state, sends, and injects the answer.
 *
 *      deliveries ──▶ queue per (destination, profile) ──head──▶ due ┄┄▶ dispatcher ┄┄▶ destination
 *                          ▲                                                   ┊
 *                          └───────────────── answer (injected) ◀┄┄┄┄┄┄┄┄┄┄┄┄┄┄┘
 *                                     ├──▶ delivery-outcomes (every answer)
 *                                     └──▶ dead-letters (what is given up)
 *
 * Invariants:
 *  Q1. Per destination and profile only the oldest delivery is due; the next one follows when it is delivered or dead.
 *  Q2. An answer counts once: one that is not about the present try of the present head is ignored.
 *  Q3. Every delivery ends in exactly one of the outcomes delivered, dead and filtered.
 *  Q4. The number of pending deliveries of a destination is the number of its rows in the queue.
 *  Q5. Nothing here has a clock or randomness: both come with the answer.
 */
import type { WorkspaceConfiguration } from '@tributary/configuration'
import { KEY_SEPARATOR, topics } from '@tributary/contracts'
import {
  DeadLetter,
  type Delivery,
  DeliveryOutcome,
  DeliveryRecord,
  OutcomeKind,
  type PendingDelivery,
} from '@tributary/contracts/generated/tributary/delivery/v1/delivery'
import type { Input, Processor, StepContext, Topology } from '@tributary/stream-runtime'
import { backOff } from './backOff.ts'
import { type Answer, type Classified, classify } from './classify.ts'
import { afterAnswer } from './destinationState.ts'
import {
  destinationTable,
  dueKey,
  dueTable,
  orderTable,
  pendingTable,
  queueKey,
  queueOf,
  queueTable,
} from './queueRows.ts'

/** What the dispatcher says about one try. */
export interface Answered {
  /** Key of the row it sent. */
  readonly row: string
  readonly deliveryId: string
  /** Number of the try, 1 at first. */
  readonly attempt: number
  readonly answer: Answer
  readonly atMs: number
  /** In [0, 1), for the jitter of the back-off. */
  readonly random: number
  /** Hash of the Destination document it was sent under. */
  readonly document: string
}

export function createDeliveryTopology(): Topology<WorkspaceConfiguration, Answered> {
  return {
    name: 'delivery',
    inputs: [topics.deliveries],
    tables: [queueTable, dueTable, destinationTable, orderTable, pendingTable],
    metaLog: topics.deliveryState,
    create: () => new DeliveryProcessor(),
  }
}

class DeliveryProcessor implements Processor<WorkspaceConfiguration, Answered> {
  step(context: StepContext, input: Input<WorkspaceConfiguration, Answered>): void {
    if (input.kind === 'injected') this.#answered(context, input.value)
    if (input.kind !== 'record' || input.record.value === null) return
    const { delivery } = DeliveryRecord.decode(input.record.value)
    if (!delivery) return
    if (delivery.filtered === '') this.#arrived(context, delivery, input.record.timestampMs)
    else {
      const kind = OutcomeKind.OUTCOME_KIND_FILTERED
      const reason = { code: 'FILTERED', message: delivery.filtered }
      send(context, outcome(delivery, kind, 0, 0, reason, input.record.timestampMs))
    }
  }

  #arrived(context: StepContext, delivery: Delivery, nowMs: number): void {
    const { destinationId, profileId } = delivery
    const orders = context.table(orderTable)
    const order = orders.get('next') ?? 1
    orders.put('next', order + 1)
    const queue = context.table(queueTable)
    const { from, to } = queueOf(destinationId, profileId)
    const isHead = [...queue.range(from, to, 1)].length === 0
    const key = queueKey(destinationId, profileId, order)
    const nextTryMs = isHead ? nowMs : 0
    queue.put(key, { delivery, attempts: 0, failures: 0, nextTryMs, lastCode: '' })
    if (isHead) context.table(dueTable).put(dueKey(destinationId, nowMs, profileId), key)
    addPending(context, destinationId, 1)
  }

  #answered(context: StepContext, answered: Answered): void {
    const row = context.table(queueTable).get(answered.row)
    const delivery = row?.delivery
    // Q2: the task may have restarted, or its partition come back, between the try and its answer.
    if (!row || !delivery || delivery.id !== answered.deliveryId || row.attempts + 1 !== answered.attempt)
      return
    const classified = classify(answered.answer)
    this.#noteDestination(context, delivery.destinationId, classified, answered)
    const status = answered.answer.kind === 'status' ? answered.answer.status : 0
    const result = (kind: OutcomeKind): DeliveryOutcome =>
      outcome(delivery, kind, answered.attempt, status, classified, answered.atMs)
    switch (classified.verdict) {
      case 'delivered':
        send(context, result(OutcomeKind.OUTCOME_KIND_DELIVERED))
        this.#next(context, answered.row, row, delivery, answered.atMs)
        return
      case 'item':
        this.#bury(context, row, delivery, answered, result(OutcomeKind.OUTCOME_KIND_DEAD))
        return
      case 'retry': {
        const wait = backOff(row.failures + 1, answered.random, classified.retryAfterMs)
        if (wait === undefined)
          this.#bury(context, row, delivery, answered, result(OutcomeKind.OUTCOME_KIND_DEAD))
        else {
          send(context, result(OutcomeKind.OUTCOME_KIND_RETRY))
          this.#again(context, row, delivery, answered, classified, answered.atMs + wait, row.failures + 1)
        }
        return
      }
      case 'wait':
      case 'pause':
      case 'disable':
        // The destination's state holds everything back; the item has done nothing wrong and stays due.
        send(context, result(OutcomeKind.OUTCOME_KIND_RETRY))
        this.#again(context, row, delivery, answered, classified, answered.atMs, row.failures)
    }
  }

  #noteDestination(context: StepContext, id: string, classified: Classified, answered: Answered): void {
    const table = context.table(destinationTable)
    const before = table.get(id)
    const after = afterAnswer(before, classified, answered.atMs, answered.document)
    if (after) table.put(id, after)
    else if (before) table.delete(id)
  }

  #again(
    context: StepContext,
    row: PendingDelivery,
    delivery: Delivery,
    answered: Answered,
    classified: Classified,
    nextTryMs: number,
    failures: number,
  ): void {
    const due = context.table(dueTable)
    due.delete(dueKey(delivery.destinationId, row.nextTryMs, delivery.profileId))
    due.put(dueKey(delivery.destinationId, nextTryMs, delivery.profileId), answered.row)
    context.table(queueTable).put(answered.row, {
      ...row,
      attempts: answered.attempt,
      failures,
      nextTryMs,
      lastCode: classified.code,
    })
  }

  #bury(
    context: StepContext,
    row: PendingDelivery,
    delivery: Delivery,
    answered: Answered,
    last: DeliveryOutcome,
  ): void {
    send(context, last)
    context.send({
      topic: topics.deadLetters,
      partition: context.partition,
      key: delivery.destinationId + KEY_SEPARATOR + delivery.profileId,
      value: DeadLetter.encode({ delivery, last, attempts: answered.attempt, stamp: undefined }).finish(),
    })
    this.#next(context, answered.row, row, delivery, answered.atMs)
  }

  /** Q1: takes the head away and makes the next one due. */
  #next(context: StepContext, key: string, row: PendingDelivery, delivery: Delivery, nowMs: number): void {
    const { destinationId, profileId } = delivery
    const queue = context.table(queueTable)
    const due = context.table(dueTable)
    queue.delete(key)
    addPending(context, destinationId, -1)
    due.delete(dueKey(destinationId, row.nextTryMs, profileId))
    const { from, to } = queueOf(destinationId, profileId)
    const head = [...queue.range(from, to, 1)][0]
    if (!head) return
    queue.put(head[0], { ...head[1], nextTryMs: nowMs })
    due.put(dueKey(destinationId, nowMs, profileId), head[0])
  }
}

/** Q4. */
function addPending(context: StepContext, destination: string, change: 1 | -1): void {
  const table = context.table(pendingTable)
  const count = (table.get(destination) ?? 0) + change
  if (count > 0) table.put(destination, count)
  else table.delete(destination)
}

function outcome(
  delivery: Delivery,
  kind: OutcomeKind,
  attempt: number,
  status: number,
  reason: { readonly code: string; readonly message: string },
  timeMs: number,
): DeliveryOutcome {
  return {
    deliveryId: delivery.id,
    destinationId: delivery.destinationId,
    syncId: delivery.syncId,
    profileId: delivery.profileId,
    changeId: delivery.changeId,
    kind,
    attempt,
    status,
    code: kind === OutcomeKind.OUTCOME_KIND_DELIVERED ? '' : reason.code,
    message: kind === OutcomeKind.OUTCOME_KIND_DELIVERED ? '' : reason.message,
    timeMs,
    stamp: undefined,
  }
}

function send(context: StepContext, value: DeliveryOutcome): void {
  context.send({
    topic: topics.deliveryOutcomes,
    partition: context.partition,
    key: value.deliveryId,
    value: DeliveryOutcome.encode(value).finish(),
  })
}
