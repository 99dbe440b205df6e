/**
 * The delivery task: what is to be sent, in which order, and what came of it. It never sends: the dispatcher reads
 * what is due from the committed state, sends, and injects the answer.
 *
 *      deliveries ──▶ queue per (destination, lane) ────head──▶ due ┄┄▶ dispatcher ┄┄▶ destination
 *                          ▲                                                   ┊
 *                          └───────────────── answer (injected) ◀┄┄┄┄┄┄┄┄┄┄┄┄┄┄┘
 *                                     ├──▶ delivery-outcomes (every answer, every decision)
 *                                     └──▶ dead letters (what is given up) ◀┄┄ decisions of people (injected)
 *
 * Invariants:
 *  Q1. Per destination and lane, which is the profile unless the delivery says otherwise, only the oldest delivery is
 *      due; the next one follows when it is delivered or dead. What goes in a file ends with the one that begins it.
 *  Q2. An answer counts once: one that is not about the present try of the present head is ignored.
 *  Q3. Every delivery ends in exactly one of the outcomes delivered, dead and filtered; a dead one that is redriven is
 *      pending again (deadLetters.ts).
 *  Q4. The number of pending deliveries of a destination is the number of its rows in the queue.
 *  Q5. Nothing here has a clock or randomness: both come with the answer.
 */
import type { WorkspaceConfiguration } from '@tributary/configuration'
import { topics } from '@tributary/contracts'
import {
  type Delivery,
  type DeliveryOutcome,
  DeliveryRecord,
  OutcomeKind,
  type PendingDelivery,
} from '@tributary/contracts/generated/tributary/delivery/v1/delivery'
import type { Input, Processor, StepContext, TableSpec, Topology } from '@tributary/stream-runtime'
import { backOff } from './backOff.ts'
import { type Answer, type Classified, classify } from './classify.ts'
import type { Command, Sealing, Withdrawing } from './command.ts'
import { bury, decide, supersedeOlder } from './deadLetters.ts'
import { afterAnswer, stopped } from './destinationState.ts'
import { outcomeOf, sendOutcome } from './outcome.ts'
import { addTo, enqueue } from './queue.ts'
import {
  deadCountTable,
  deadTable,
  destinationTable,
  dueKey,
  dueTable,
  orderTable,
  pendingTable,
  queueOf,
  queueTable,
  rowsBetween,
} from './queueRows.ts'
import { withdrawEarlier, withdrawnOutcome } from './withdrawEarlier.ts'

/** What the dispatcher says about one try. */
export interface Answered {
  /** Key of the row it sent. */
  readonly row: string
  readonly deliveryId: string
  /** Number of the try, 1 at first. */
  readonly attempt: number
  /** Key of the last row that was sent with it; empty: it went alone. */
  readonly fileEnd: string
  /** Of the file: deliveries that were not in it any more when it was sent. */
  readonly leftOut: readonly string[]
  readonly answer: Answer
  readonly atMs: number
  /** In [0, 1), for the jitter of the back-off. */
  readonly random: number
  /** Hash of the Destination document it was sent under. */
  readonly document: string
}

/** What the edge injects. */
export type Injected = Answered | Command

export function createDeliveryTopology(): Topology<WorkspaceConfiguration, Injected> {
  return {
    name: 'delivery',
    inputs: [topics.deliveries],
    tables: [
      queueTable,
      dueTable,
      destinationTable,
      orderTable,
      pendingTable,
      deadTable,
      deadCountTable,
    ] as TableSpec<unknown>[],
    metaLog: topics.deliveryState,
    create: () => new DeliveryProcessor(),
  }
}

class DeliveryProcessor implements Processor<WorkspaceConfiguration, Injected> {
  step(context: StepContext, input: Input<WorkspaceConfiguration, Injected>): void {
    if (input.kind === 'injected') {
      if ('command' in input.value) this.#commanded(context, input.value)
      else this.#answered(context, input.value)
    }
    if (input.kind !== 'record' || input.record.value === null) return
    const { delivery } = DeliveryRecord.decode(input.record.value)
    if (!delivery) return
    const { timestampMs } = input.record
    if (delivery.withdraws !== '') withdrawEarlier(context, delivery, timestampMs)
    if (delivery.filtered === '') enqueue(context, delivery, 0, timestampMs)
    else {
      const kind = OutcomeKind.OUTCOME_KIND_FILTERED
      const why = { code: 'FILTERED', message: delivery.filtered }
      sendOutcome(context, outcomeOf(delivery, { kind, attempt: 0, status: 0, ...why, timeMs: timestampMs }))
    }
  }

  #commanded(context: StepContext, command: Command): void {
    const destinations = context.table(destinationTable)
    switch (command.command) {
      case 'redrive':
      case 'discard':
        decide(context, command)
        return
      case 'stop': {
        const { destination, actor, reason, atMs } = command
        destinations.put(
          destination,
          stopped(destinations.get(destination), { actor, reason, sinceMs: atMs }),
        )
        return
      }
      case 'withdraw':
        this.#withdrawn(context, command)
        return
      case 'seal':
        this.#sealed(context, command)
        return
      case 'resume':
        destinations.delete(command.destination)
    }
  }

  /** It is its turn, and nothing is under way: withdrawEarlier.ts. */
  #withdrawn(context: StepContext, { row: key, deliveryId, atMs }: Withdrawing): void {
    const row = context.table(queueTable).get(key)
    const delivery = row?.delivery
    if (!delivery || delivery.id !== deliveryId || row.withdrawn === '') return
    this.#settle(context, { row: key, fileEnd: '', atMs }, row, delivery, (_key, one) =>
      sendOutcome(context, withdrawnOutcome(one, row.withdrawn, atMs)),
    )
  }

  /** Files.ts, F1: the first word counts, so that a file is what it was however often it is sent. */
  #sealed(context: StepContext, { row: key, deliveryId, last }: Sealing): void {
    const queue = context.table(queueTable)
    const row = queue.get(key)
    if (row?.delivery?.id === deliveryId && row.fileEnd === '') queue.put(key, { ...row, fileEnd: last })
  }

  #answered(context: StepContext, answered: Answered): void {
    const row = context.table(queueTable).get(answered.row)
    const delivery = row?.delivery
    // Q2: the task may have restarted, or its partition come back, between the try and its answer.
    if (!row || !delivery || delivery.id !== answered.deliveryId || row.attempts + 1 !== answered.attempt)
      return
    const classified = classify(answered.answer)
    this.#noteDestination(context, delivery.destinationId, classified, answered)
    const wait =
      classified.verdict === 'retry'
        ? backOff(row.failures + 1, answered.random, classified.retryAfterMs)
        : undefined
    const told = (one: Delivery, kind: OutcomeKind): DeliveryOutcome => {
      const status = answered.answer.kind === 'status' ? answered.answer.status : 0
      const { code, message } = classified
      return outcomeOf(one, { kind, attempt: answered.attempt, status, code, message, timeMs: answered.atMs })
    }
    switch (classified.verdict) {
      case 'delivered':
        this.#settle(context, answered, row, delivery, (_key, one, withdrawn) => {
          if (answered.leftOut.includes(one.id))
            sendOutcome(context, withdrawnOutcome(one, withdrawn, answered.atMs))
          else {
            sendOutcome(context, told(one, OutcomeKind.OUTCOME_KIND_DELIVERED))
            supersedeOlder(context, one)
          }
        })
        return
      case 'retry':
      case 'item':
        if (wait === undefined)
          this.#settle(context, answered, row, delivery, (key, one, withdrawn) => {
            // What must not be sent any more is not kept to be sent again.
            if (withdrawn !== '') {
              sendOutcome(context, withdrawnOutcome(one, withdrawn, answered.atMs))
              return
            }
            const last = told(one, OutcomeKind.OUTCOME_KIND_DEAD)
            sendOutcome(context, last)
            bury(context, key, { delivery: one, last, attempts: answered.attempt })
          })
        else {
          sendOutcome(context, told(delivery, OutcomeKind.OUTCOME_KIND_RETRY))
          this.#again(context, row, delivery, answered, classified, answered.atMs + wait, row.failures + 1)
        }
        return
      case 'wait':
      case 'pause':
      case 'disable':
        // The destination's state holds everything back; the item has done nothing wrong and stays due.
        sendOutcome(context, told(delivery, OutcomeKind.OUTCOME_KIND_RETRY))
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
    due.delete(dueKey(delivery, row.nextTryMs))
    due.put(dueKey(delivery, nextTryMs), answered.row)
    context.table(queueTable).put(answered.row, {
      ...row,
      attempts: answered.attempt,
      failures,
      nextTryMs,
      lastCode: classified.code,
    })
  }

  /** Takes the head away, with the whole of its file where it begins one, and makes the next one due (Q1, Q4). */
  #settle(
    context: StepContext,
    { row: key, fileEnd, atMs }: Pick<Answered, 'row' | 'fileEnd' | 'atMs'>,
    row: PendingDelivery,
    head: Delivery,
    tell: (key: string, delivery: Delivery, withdrawn: string) => void,
  ): void {
    const queue = context.table(queueTable)
    const due = context.table(dueTable)
    const { from, to } = rowsBetween(key, fileEnd === '' ? key : fileEnd)
    for (const [each, { delivery, withdrawn }] of Array.from(queue.range(from, to))) {
      if (delivery) tell(each, delivery, withdrawn)
      queue.delete(each)
      addTo(context.table(pendingTable), head.destinationId, -1)
    }
    due.delete(dueKey(head, row.nextTryMs))
    const waiting = queueOf(head)
    const next = [...queue.range(waiting.from, waiting.to, 1)][0]
    if (!next) return
    queue.put(next[0], { ...next[1], nextTryMs: atMs })
    due.put(dueKey(head, atMs), next[0])
  }
}
