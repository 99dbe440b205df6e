/**
 * When an event happened, by the sender's clock set right: received − (sent − original). All four times are kept,
 * and why the result is what it is.
 */
import { readTime } from './readTime.ts'

export type TimeFlag =
  /** There was no usable time of sending to correct the sender's clock with. */
  | 'uncorrected'
  /** No usable original time: the time of receipt stands in. */
  | 'missing'
  /** A time was there but could not be read. */
  | 'unreadable'
  /** More than five minutes after receipt: clamped to it. */
  | 'future'
  /** A time without a zone was taken as UTC. */
  | 'zone-assumed'

export interface EventTimes {
  readonly timeMs: number
  readonly originalMs?: number
  readonly sentMs?: number
  readonly receivedMs: number
  readonly flags: readonly TimeFlag[]
}

/** What was said about time, as it stands in the JSON; null counts as not said. */
export interface StatedTimes {
  readonly original?: unknown
  readonly sent?: unknown
}

/** Clocks of honest senders are off by less; what is further ahead is clamped. */
export const MAX_FUTURE_MS = 5 * 60_000

export function eventTimes(stated: StatedTimes, receivedMs: number, zone?: string): EventTimes {
  const flags: TimeFlag[] = []
  const original = stated.original == null ? undefined : readTime(stated.original, zone)
  const sent = stated.sent == null ? undefined : readTime(stated.sent, zone)

  let timeMs = receivedMs
  if (!original) flags.push('missing')
  else if (!sent) {
    timeMs = original.ms
    flags.push('uncorrected')
  } else timeMs = receivedMs - (sent.ms - original.ms)

  if ((stated.original != null && !original) || (stated.sent != null && !sent)) flags.push('unreadable')
  if (timeMs > receivedMs + MAX_FUTURE_MS) {
    timeMs = receivedMs
    flags.push('future')
  }
  if (original?.zoneAssumed || sent?.zoneAssumed) flags.push('zone-assumed')
  return {
    timeMs,
    ...(original && { originalMs: original.ms }),
    ...(sent && { sentMs: sent.ms }),
    receivedMs,
    flags,
  }
}
