import { type Circumstances, type Verdict, admitEvent } from './admitEvent.ts'
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
  return items.map((item, index) => {
    if (index >= batch.maxEvents)
      return {
        rejected: {
          code: 'too_many_events',
          message: `a batch holds ${batch.maxEvents} events at most; this is number ${index + 1}`,
        },
      }
    const { receivedMs, newMessageId } = batch
    return admitEvent(item, circumstances, {
      origin: originOf(batch.requestId, index),
      receivedMs,
      newMessageId,
    })
  })
}

export function originOf(requestId: string, index: number): string {
  return `http:${requestId}:${index}`
}
