import { type Circumstances, type Verdict, admitEvent, sharedOf } from './admitEvent.ts'
import { type ReceivedItem } from './readBody.ts'

/** What is the same for all events of one request. */
export interface BatchArrival {
  /** Unique per request; an event's origin is "http:<request id>:<index>". */
  readonly requestId: string
  readonly receivedMs: number
  /** Events beyond these are rejected. */
  readonly maxEvents: number
  readonly newMessageId: () => string
}

/** One verdict per item, in order: every event is in exactly one of accepted and rejected. */
export function admitBatch(
  items: readonly ReceivedItem[],
  circumstances: Circumstances,
  batch: BatchArrival,
): Verdict[] {
  const shared = sharedOf(circumstances)
  const { receivedMs, newMessageId, requestId } = batch
  const verdicts: Verdict[] = []
  for (const [index, item] of items.entries()) {
    if (index >= batch.maxEvents)
      verdicts.push({
        rejected: {
          code: 'too_many_events',
          message: `a batch holds ${batch.maxEvents} events at most; this is number ${index + 1}`,
        },
      })
    else {
      const arrival = { origin: originOf(requestId, index), receivedMs, newMessageId }
      verdicts.push(admitEvent(item, circumstances, arrival, shared))
    }
  }
  return verdicts
}

export function originOf(requestId: string, index: number): string {
  return `http:${requestId}:${index}`
}
