import { topics } from '@tributary/contracts'
import {
  type Delivery,
  DeliveryOutcome,
  OutcomeKind,
} from '@tributary/contracts/generated/tributary/delivery/v1/delivery'
import type { StepContext } from '@tributary/stream-runtime'

export interface Happened {
  readonly kind: OutcomeKind
  /** Number of the try it is about; 0 when nothing was tried. */
  readonly attempt: number
  readonly status: number
  /** Left out of what was delivered. */
  readonly code: string
  readonly message: string
  readonly timeMs: number
}

export function outcomeOf(delivery: Delivery, happened: Happened): DeliveryOutcome {
  const delivered = happened.kind === OutcomeKind.OUTCOME_KIND_DELIVERED
  return {
    deliveryId: delivery.id,
    destinationId: delivery.destinationId,
    syncId: delivery.syncId,
    profileId: delivery.profileId,
    changeId: delivery.changeId,
    ...happened,
    ...(delivered && { code: '', message: '' }),
    stamp: undefined,
  }
}

export function sendOutcome(context: StepContext, value: DeliveryOutcome): void {
  context.send({
    topic: topics.deliveryOutcomes,
    partition: context.partition,
    key: value.deliveryId,
    value: DeliveryOutcome.encode(value).finish(),
  })
}
