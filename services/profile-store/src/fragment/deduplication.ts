/**
 * Which messages were seen: (source, message id, anchor), for at least seven days.
 *
 *  S1. The lowest offset wins: whatever comes later with the same key is a duplicate, or a conflict when it says
 *      something else.
 *  S2. What is remembered is a function of the log: days are counted by the broker's append time, and a day ends its
 *      life by the highest append time seen, never by a clock.
 *  S3. Bounded: 28 bytes of key and 8 of content per message, 115 in the store (measured; its pages are two thirds
 *      full, as keys come in no order), for eight days.
 *
 * Rows are sorted by day, so a day that is over goes from the front, and one floor record says so in the change log.
 */
import { topics } from '@tributary/contracts'
import { type StepContext, type TableSpec } from '@tributary/stream-runtime'
import { bytesCodec, jsonCodec } from '../codecs.ts'

const DAY_MS = 86_400_000
/** Today and seven days before: an exact repeat is found for at least seven days. */
const DAYS_KEPT = 8
/** Rows that go at the end of a batch, so that no batch pays for a whole day. */
const MAX_EXPIRED_PER_BATCH = 2_000

/** "<day, 5 digits>|<message key>" → content. */
export const seenTable: TableSpec<Uint8Array> = { name: 'seen', changeLog: topics.seen, codec: bytesCodec }

/** "day" → the highest day seen. */
export const seenDayTable: TableSpec<number> = {
  name: 'seen-day',
  changeLog: topics.fragments,
  codec: jsonCodec<number>(),
}

const rowKey = (day: number, key: string) => `${String(day).padStart(5, '0')}|${key}`

export type Verdict = 'new' | 'duplicate' | 'conflict'

/** Says whether a message was seen, and remembers it. */
export function see(
  context: StepContext,
  message: { readonly key: string; readonly content: Uint8Array; readonly appendedMs: number },
): Verdict {
  const seen = context.table(seenTable)
  const day = reachDay(context, Math.floor(message.appendedMs / DAY_MS))
  for (let age = 0; age < DAYS_KEPT; age++) {
    const content = seen.get(rowKey(day - age, message.key))
    if (content) return Buffer.compare(content, message.content) === 0 ? 'duplicate' : 'conflict'
  }
  seen.put(rowKey(day, message.key), message.content)
  return 'new'
}

/** The highest day so far: never goes back. */
function reachDay(context: StepContext, day: number): number {
  const days = context.table(seenDayTable)
  const highest = days.get('day')
  if (highest !== undefined && highest >= day) return highest
  days.put('day', day)
  return day
}

/** Forgets some of what is over. */
export function expireSeen(context: StepContext): void {
  const highest = context.table(seenDayTable).get('day')
  if (highest === undefined) return
  const seen = context.table(seenTable)
  const end = rowKey(highest - DAYS_KEPT + 1, '')
  const expired = [...seen.range('', end, MAX_EXPIRED_PER_BATCH)]
  for (const [key] of expired) seen.delete(key)
}
