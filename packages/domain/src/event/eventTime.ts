/**
 * When an event happened, by the sender's clock set right: received − (sent − original). All four times are kept,
 * and why the result is what it is.
 */
import { type ReadTime, readTime } from './readTime.ts'

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
  readonly originalMs?: number | undefined
  readonly sentMs?: number | undefined
  readonly receivedMs: number
  readonly flags: readonly TimeFlag[]
}

/** A time as it was said, once it has been read: not said (null counts as that), not readable, or read. */
export type StatedTime = ReadTime | 'unreadable' | undefined

export function statedTime(value: unknown, zone: string | undefined): StatedTime {
  return value === undefined || value === null ? undefined : (readTime(value, zone) ?? 'unreadable')
}

/** What was said about time, as it stands in the JSON. */
export interface StatedTimes {
  readonly original?: unknown
  readonly sent?: unknown
}

/** Clocks of honest senders are off by less; what is further ahead is clamped. */
export const MAX_FUTURE_MS = 5 * 60_000

export function eventTimes(stated: StatedTimes, receivedMs: number, zone?: string): EventTimes {
  return correctedTimes(statedTime(stated.original, zone), statedTime(stated.sent, zone), receivedMs)
}

const NO_FLAGS: readonly TimeFlag[] = []

/** The same for times that have been read: the time of sending is one for a whole batch. */
export function correctedTimes(original: StatedTime, sent: StatedTime, receivedMs: number): EventTimes {
  const originalMs = typeof original === 'object' ? original.ms : undefined
  const sentMs = typeof sent === 'object' ? sent.ms : undefined
  const flags: TimeFlag[] = []
  let timeMs = receivedMs
  if (originalMs === undefined) flags.push('missing')
  else if (sentMs === undefined) {
    timeMs = originalMs
    flags.push('uncorrected')
  } else timeMs = receivedMs - (sentMs - originalMs)

  if (original === 'unreadable' || sent === 'unreadable') flags.push('unreadable')
  if (timeMs > receivedMs + MAX_FUTURE_MS) {
    timeMs = receivedMs
    flags.push('future')
  }
  if (zoneAssumed(original) || zoneAssumed(sent)) flags.push('zone-assumed')
  return { timeMs, originalMs, sentMs, receivedMs, flags: flags.length === 0 ? NO_FLAGS : flags }
}

function zoneAssumed(time: StatedTime): boolean {
  return typeof time === 'object' && time.zoneAssumed
}
