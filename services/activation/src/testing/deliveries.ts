import type { Delivery } from '@tributary/contracts/generated/tributary/delivery/v1/delivery'

/** A delivery that is one of many: everything but the given follows from its id. */
export function delivery(id: string, over: Partial<Delivery> = {}): Delivery {
  return {
    id,
    destinationId: 'crm',
    syncId: 'vips-to-crm',
    profileId: 'p1',
    version: '0001-000000000000000001',
    type: 'dev.tributary.audience.entered.v1',
    changeId: `change-${id}`,
    body: JSON.stringify({ type: 'dev.tributary.audience.entered.v1', data: { id } }),
    createdTimeMs: 0,
    mapping: 'm',
    filtered: '',
    receivedTimeMs: 0,
    traceparent: '',
    lane: '',
    withdraws: '',
    ...over,
  }
}
