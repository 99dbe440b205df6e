/**
 * Windows move though nothing happens: when a profile has to be judged again only because time has passed.
 *
 *  M1. Each profile is in the index of dues at most once: at the first moment after it was judged at which a unit of
 *      any window leaves. Judged at a moment it is never due at or before it.
 *  M2. The clock is the latest tick or input seen, and is in the state once anything was judged by it: it never goes
 *      back, also with another owner whose clock is behind.
 *  M3. A batch looks at MAX_DUE_PER_BATCH profiles at most; what is left is due in the next, which follows at once.
 */
import { type Profile, expiryOf, nextExpiry } from '@tributary/domain'
import { type StepContext } from '@tributary/stream-runtime'
import { type Definitions } from './definitions.ts'
import { clockRows, dueRows } from './profileRows.ts'

/** As many as a sweep judges: some 100 ms of work, so that events are not kept waiting at midnight. */
const MAX_DUE_PER_BATCH = 1_000

const NOTHING = new Uint8Array()

const dueKey = (dueMs: number, profileId: string) => `${String(dueMs).padStart(15, '0')}|${profileId}`

/** M2. */
export function readClock(context: StepContext, nowMs: number): number {
  return Math.max(nowMs, context.table(clockRows).get('clock') ?? 0)
}

/** M2: windows were judged at this moment. */
export function keepClock(context: StepContext, nowMs: number): void {
  const clock = context.table(clockRows)
  if ((clock.get('clock') ?? 0) < nowMs) clock.put('clock', nowMs)
}

/** M1: 0 when no window of it will move. */
export function nextDue(
  { aggregates, events, lastSeenMs }: Pick<Profile, 'aggregates' | 'events' | 'lastSeenMs'>,
  { windowed, activity }: Pick<Definitions, 'windowed' | 'activity'>,
  nowMs: number,
): number {
  const seen = events === 0 ? [] : activity.map((window) => expiryOf(window, lastSeenMs))
  // What the profile has is less than what there is.
  const moves = aggregates.flatMap((kept) => {
    const owned = windowed.size > 0 && windowed.get(`${kept.document}@${kept.hash}`)
    return owned && owned.job === kept.job ? (nextExpiry(owned.definition, kept, nowMs) ?? []) : []
  })
  const dues = [...seen.filter((dueMs) => dueMs > nowMs), ...moves]
  return dues.length === 0 ? 0 : Math.min(...dues)
}

/** M1. */
export function moveDue(context: StepContext, profileId: string, beforeMs: number, dueMs: number): void {
  if (beforeMs === dueMs) return
  const dues = context.table(dueRows)
  if (beforeMs > 0) dues.delete(dueKey(beforeMs, profileId))
  if (dueMs > 0) dues.put(dueKey(dueMs, profileId), NOTHING)
}

/** M3: ids of the profiles that are due, the longest due first. */
export function dueProfiles(context: StepContext, nowMs: number): string[] {
  const due = [...context.table(dueRows).range('', dueKey(nowMs + 1, ''), MAX_DUE_PER_BATCH)]
  if (due.length === MAX_DUE_PER_BATCH) context.moreToDo()
  return due.map(([key]) => key.slice(16))
}
