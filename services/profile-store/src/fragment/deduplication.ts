/**
 * Which messages were seen: (source, message id, anchor), for at least seven days.
 *
 *  S1. The lowest offset wins: whatever comes later with the same key is a duplicate, or a conflict when it says
 *      something else.
 *  S2. What is remembered is a function of the log: days are counted by the broker's append time, and a day ends its
 *      life by the highest append time seen, never by a clock.
 *  S3. Bounded: 28 bytes of key and 8 of content per message, 115 in the store (measured; its pages are two thirds
 *      full, as keys come in no order), for eight days.
 *  S4. An event that is filed again is remembered with where it came from: another filing of it is no duplicate, anything
 *      else is.
 *
 * Rows are sorted by day, so a day that is over goes from the front, and one floor record says so in the change log.
 */
import { createHash } from 'node:crypto'
import { topics } from '@tributary/contracts'
import { type StepContext, type TableSpec } from '@tributary/stream-runtime'
import { bytesCodec, jsonCodec } from '../codecs.ts'

const DAY_MS = 86_400_000
/** Today and seven days before: an exact repeat is found for at least seven days. */
const DAYS_KEPT = 8
/** Rows that go at the end of a batch, so that no batch pays for a whole day. */
const MAX_EXPIRED_PER_BATCH = 2_000

/** 64 bits of where an event that is filed again was accepted. */
const PLACE_BYTES = 8

/** "<day, 5 digits>|<message key>" → content, and of an event that was filed again where it came from. */
export const seenTable: TableSpec<Uint8Array> = { name: 'seen', changeLog: topics.seen, codec: bytesCodec }

/** "day" → the highest day seen. */
export const seenDayTable: TableSpec<number> = {
  name: 'seen-day',
  changeLog: topics.fragments,
  codec: jsonCodec<number>(),
}

const rowKey = (day: number, key: string) => `${String(day).padStart(5, '0')}|${key}`

export type Verdict = 'new' | 'duplicate' | 'conflict'

export interface SeenMessage {
  readonly key: string
  readonly content: Uint8Array
  readonly appendedMs: number
}

/** Says whether a message was seen, and remembers it. */
export function see(context: StepContext, message: SeenMessage): Verdict {
  const found = lookUp(context, message)
  if (typeof found === 'number') {
    context.table(seenTable).put(rowKey(found, message.key), message.content)
    return 'new'
  }
  const said = found.subarray(0, message.content.length)
  return Buffer.compare(said, message.content) === 0 ? 'duplicate' : 'conflict'
}

/** Whether a message that is filed again counts (S4). `place`: where it was accepted. */
export function seeRefiled(context: StepContext, message: SeenMessage, place: string): boolean {
  const found = lookUp(context, message)
  const from = createHash('sha256').update(place).digest().subarray(0, PLACE_BYTES)
  if (typeof found !== 'number') return Buffer.compare(found.subarray(message.content.length), from) === 0
  context.table(seenTable).put(rowKey(found, message.key), Buffer.concat([message.content, from]))
  return true
}

/** What is remembered of a message; else the day to remember it under. */
function lookUp(context: StepContext, message: SeenMessage): Uint8Array | number {
  const seen = context.table(seenTable)
  const day = reachDay(context, Math.floor(message.appendedMs / DAY_MS))
  for (let age = 0; age < DAYS_KEPT; age++) {
    const content = seen.get(rowKey(day - age, message.key))
    if (content) return content
  }
  return day
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
