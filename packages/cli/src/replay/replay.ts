/**
 * Sends events of the log through the pipeline again, as they were.
 *
 *  P1. Same source, message id, anchor, times, bytes and origin: to everything behind the collector it is the very event. What
 *      was folded is recognised and skipped as a duplicate; what was never folded is folded now.
 *  P2. Only what deduplication still remembers is sent: an older event might be counted twice. A rebuild is what counts those.
 *  P3. Once is enough: an event that stands there twice, in the log or in the topic beyond it, is not sent a third time. So
 *      who is killed and starts anew sends what is not there yet.
 *  P4. A lot is durable before the next is read; memory does not grow with the number of events.
 *  P5. Newer state stays: folds go by event time, deliveries by the version of the profile. What changes no profile makes no
 *      change, and what makes no change is delivered nowhere.
 */
import type { EventFilter, RedriveLog, StoredEvent, StoredEvents } from '@tributary/clickhouse-log'
import { partitionOf, topics } from '@tributary/contracts'
import { EventRecord } from '@tributary/contracts/generated/tributary/event/v1/event'
import { CommandError } from '../context.ts'
import type { KafkaDoor } from '../kafkaDoor.ts'
import { originsBeyondLog } from '../rejects/originsBeyondLog.ts'

export interface ReplayOptions {
  readonly door: KafkaDoor
  readonly stored: Pick<StoredEvents, 'partitions' | 'read'>
  readonly log: Pick<RedriveLog, 'reached' | 'repeated'>
  readonly filter: EventFilter
  /** Only these partitions of the events topic; all when not given. */
  readonly partitions?: readonly number[] | undefined
  /** False: only says what would be sent. */
  readonly send: boolean
  readonly nowMs: number
  readonly pace: (events: number) => Promise<void>
  /** Ends after the lot that is being sent. */
  readonly interrupted: AbortSignal
}

/** before: stands there twice already; old: deduplication may have forgotten it. */
export type ReplayOutcome = 'send' | 'before' | 'old'

export interface Replayed {
  readonly partition: number
  readonly stored: StoredEvent
  readonly outcome: ReplayOutcome
}

/** Events of one lot: one question to the log, one produce request of some hundred KB. */
const LOT = 500
/**
 * What was appended in the last six days is remembered, ms: deduplication keeps at least seven, and a day is left for the
 * replay itself, for what waits in the topic and for clocks.
 */
export const REMEMBERED_MS = 6 * 86_400_000
/** Origins of this run that are remembered, so that an event that a producer repeated is sent once. */
const OWN_ORIGINS = 100_000

/** One lot at a time; with `send`, those that say so are durable when it is given. */
export async function* replay(options: ReplayOptions): AsyncGenerator<readonly Replayed[]> {
  const { door, stored, log, filter, send, nowMs, pace, interrupted } = options
  const count = (await door.bounds(topics.events))?.length
  if (count === undefined)
    throw new CommandError(
      `the topic ${door.topicName(topics.events)} does not exist: nothing can be sent there`,
    )
  const beyond = await originsBeyondLog(door, log, (origin) => origin)
  const ours = new Set<string>()
  for (const { partition } of await stored.partitions()) {
    if (options.partitions && !options.partitions.includes(partition)) continue
    for (let from = 0; ;) {
      if (interrupted.aborted) return
      const lot = await stored.read({ partition, from, limit: LOT, filter })
      if (lot.length === 0) break
      from = lot.at(-1)!.offset + 1
      const repeated = await log.repeated(
        lot.map(({ event }) => event.origin),
        Math.min(...lot.map(({ appendedMs }) => appendedMs)),
      )
      const judged = lot.map((each): Replayed => {
        const { origin } = each.event
        const outcome =
          repeated.has(origin) || beyond.has(origin) || ours.has(origin)
            ? 'before'
            : each.appendedMs < nowMs - REMEMBERED_MS
              ? 'old'
              : 'send'
        if (outcome === 'send') ours.add(origin)
        return { partition, stored: each, outcome }
      })
      const events = judged.flatMap(({ outcome, stored: { event } }) => (outcome === 'send' ? [event] : []))
      if (send && events.length > 0) {
        await door.appendAll(
          topics.events,
          events.map((event) => ({
            partition: partitionOf(event.anchor, count),
            key: event.anchor,
            value: EventRecord.encode({ record: { $case: 'event', value: event } }).finish(),
          })),
        )
        await pace(events.length)
      }
      if (ours.size > OWN_ORIGINS) ours.clear()
      yield judged
    }
  }
}
