/**
 * What was given up, until somebody decides.
 *
 *      given up ──▶ dead letter ──redrive──▶ queue (pending again)
 *                        │  ▲                    │
 *                        │  └── given up again ──┘
 *                        ├──redrive, but something newer was or will be sent──▶ filtered, SUPERSEDED
 *                        └──discard──▶ dead for good
 *
 * Invariants:
 *  L1. A dead letter is one row, with the whole item and why it was given up, for as long as nobody has decided.
 *  L2. A decision counts once: the row is gone after it, and a command without its row does nothing.
 *  L3. An older version of a sync and profile is never sent after a newer one: not when the newer was delivered since,
 *      and not when it waits in the queue.
 *  L4. The number of dead letters of a destination is the number of its rows.
 */
import { KEY_SEPARATOR, topics } from '@tributary/contracts'
import {
  type DeadDelivery,
  DeadLetter,
  type Delivery,
  OutcomeKind,
} from '@tributary/contracts/generated/tributary/delivery/v1/delivery'
import type { StepContext } from '@tributary/stream-runtime'
import type { Decision } from './command.ts'
import { outcomeOf, sendOutcome } from './outcome.ts'
import { addTo, enqueue } from './queue.ts'
import { deadCountTable, deadTable, queueOf, queueTable } from './queueRows.ts'

/** L1: also told in the topic of the dead letters. */
export function bury(context: StepContext, row: string, letter: Omit<DeadDelivery, 'superseded'>): void {
  const { delivery, last, attempts } = letter
  context.table(deadTable).put(row, { ...letter, superseded: false })
  addTo(context.table(deadCountTable), delivery?.destinationId ?? '', 1)
  context.send({
    topic: topics.deadLetters,
    partition: context.partition,
    key: `${delivery?.destinationId}${KEY_SEPARATOR}${delivery?.profileId}`,
    value: DeadLetter.encode({ delivery, last, attempts, stamp: undefined }).finish(),
  })
}

/** L3: what a delivery makes useless of the dead letters of its profile. */
export function supersedeOlder(context: StepContext, delivered: Delivery): void {
  const { destinationId, lane } = delivered
  // Files hold every change, and each says which version it is: nothing there is useless.
  if (lane !== '') return
  if (context.table(deadCountTable).get(destinationId) === undefined) return
  const dead = context.table(deadTable)
  const { from, to } = queueOf(delivered)
  for (const [key, letter] of Array.from(dead.range(from, to)))
    if (!letter.superseded && isNewer(delivered, letter.delivery))
      dead.put(key, { ...letter, superseded: true })
}

export function decide(context: StepContext, command: Decision): void {
  const dead = context.table(deadTable)
  const letter = dead.get(command.row)
  const delivery = letter?.delivery
  if (!letter || !delivery || delivery.id !== command.deliveryId) return // L2
  dead.delete(command.row)
  addTo(context.table(deadCountTable), delivery.destinationId, -1)
  const tell = (kind: OutcomeKind, code: string, message: string) =>
    sendOutcome(
      context,
      outcomeOf(delivery, { kind, attempt: letter.attempts, status: 0, code, message, timeMs: command.atMs }),
    )
  const who = `by ${command.actor}: ${command.reason}`
  if (command.command === 'discard') tell(OutcomeKind.OUTCOME_KIND_DISCARDED, 'DISCARDED', `discarded ${who}`)
  else if (letter.superseded || hasNewer(context, delivery))
    tell(
      OutcomeKind.OUTCOME_KIND_FILTERED,
      'SUPERSEDED',
      `a newer version was sent or waits; redriven ${who}`,
    )
  else {
    tell(OutcomeKind.OUTCOME_KIND_REDRIVEN, 'REDRIVEN', `redriven ${who}`)
    enqueue(context, delivery, letter.attempts, command.atMs)
  }
}

/** L3. */
function hasNewer(context: StepContext, delivery: Delivery): boolean {
  const { from, to } = queueOf(delivery)
  for (const [, row] of context.table(queueTable).range(from, to))
    if (row.delivery && isNewer(row.delivery, delivery)) return true
  return false
}

function isNewer(one: Delivery, than: Delivery | undefined): boolean {
  return one.lane === '' && one.syncId === than?.syncId && one.version > than.version
}
