import type {
  DeadDelivery,
  DeadLetterSelection,
} from '@tributary/contracts/generated/tributary/delivery/v1/delivery'

/** Whether a dead letter is one of those that are meant: all that is given must hold. */
export function isSelected(
  { delivery, last }: DeadDelivery,
  { destinationId, code, fromMs, untilMs, deliveryIds }: DeadLetterSelection,
): boolean {
  const deadMs = last?.timeMs ?? 0
  return (
    (destinationId === '' || delivery?.destinationId === destinationId) &&
    (code === '' || last?.code === code) &&
    deadMs >= fromMs &&
    (untilMs === 0 || deadMs < untilMs) &&
    (deliveryIds.length === 0 || deliveryIds.includes(delivery?.id ?? ''))
  )
}
