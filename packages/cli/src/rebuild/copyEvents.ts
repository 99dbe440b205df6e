/**
 * Copies the events of the epoch that is left into the topic of the new one, out of the event log.
 *
 *  C1. A copy keeps what identifies the event (source, message id, anchor, origin, received time, bytes) and names the
 *      place it was made of; the new epoch's tasks take out what comes twice, over the whole log.
 *      Where the identity rules of the new epoch are others, it has the identifiers it has under them (otherRules.ts).
 *  C2. Events of one partition are sent in their order, a lot at a time, and the next lot when all in-sync replicas
 *      have the one before.
 *  C3. Where it stands is read from the log itself: it goes on a lot before the highest place that has a copy, below
 *      which everything was acknowledged (C2). So there is no position of its own to lose.
 *  C4. It is level when the log has every record of the old topic and every event has been sent.
 *  C5. Erasures were told before (tellErasures.ts). What stood before a deleted row in its partition and was received no
 *      earlier (two changes of one transaction) was erased with it: its copy says so by its time of receipt.
 */
import { setTimeout as sleep } from 'node:timers/promises'
import { partitionOf, placeTopic, topics } from '@tributary/contracts'
import { EventRecord } from '@tributary/contracts/generated/tributary/event/v1/event'
import type { StoredEvent } from '@tributary/clickhouse-log'
import { KafkaFault, readTopic } from '@tributary/kafka'
import { CommandError } from '../context.ts'
import { paced } from '../paced.ts'
import { type RebuildWorld, goOn, nameIn } from './rebuildWorld.ts'

/** Events of one lot: some megabytes at most, and what a restart sends again. */
const LOT = 1_000
/** How often the log is asked for more when there is none, ms: its writers close a range each second. */
const LOOK_EVERY_MS = 500
/** Progress is said so often, ms. */
const SAY_EVERY_MS = 2_000
/** Without a new copy in the log for so long, ms, those that are missing are named. */
const ARRIVAL_MS = 60_000
/** Records of the old topic that are read to see whether they are more than markers. */
const READ_TO_COUNT = 10_000

export interface Copied {
  /** Sent by this run. */
  readonly sent: number
  /** In the log, all runs together. */
  readonly events: number
  readonly seconds: number
  /** Partition → where to go on. */
  readonly next: ReadonlyMap<number, number>
}

/** `from`: where an earlier call of this run ended; without it, where the log says (C3). */
export async function copyEvents(
  world: RebuildWorld,
  rate: number,
  from?: ReadonlyMap<number, number>,
): Promise<Copied> {
  const { stored, now, say } = world
  const next = new Map(from ?? (await standing(world)))
  const startMs = now()
  const pace = paced(now, rate)
  let [sent, saidMs, waitingFor] = [0, startMs, '']
  const erased = await readErasures(world)
  const had = (await stored.copiedTo(world.to)).reduce((sum, { events }) => sum + events, 0)
  // Counting a large log takes a while: it is asked again only when all that was counted has been sent.
  let partitions = await stored.partitions()
  for (;;) {
    const before = sent
    for (const { partition, end } of partitions) {
      goOn(world)
      const first = next.get(partition) ?? 0
      if (first >= end) continue
      const lot = await stored.read({ partition, from: first, limit: LOT })
      await send(world, partition, lot, erased)
      const sentTo = (lot.at(-1)?.offset ?? -1) + 1
      // A lot that is not full has all there was; records after its last are no events.
      next.set(partition, lot.length < LOT ? Math.max(end, sentTo) : sentTo)
      sent += lot.length
      await pace(lot.length)
      if (now() - saidMs >= SAY_EVERY_MS) {
        saidMs = now()
        const total = partitions.reduce((sum, { events }) => sum + events, 0)
        say(progressText({ done: had + sent, total, sent, ms: saidMs - startMs }))
      }
    }
    if (sent > before) continue
    partitions = await stored.partitions()
    if (partitions.some(({ partition, end }) => end > (next.get(partition) ?? 0))) continue
    const missing = await notInLog(world)
    if (missing === undefined) break
    if (missing !== waitingFor) say((waitingFor = missing))
    await sleep(LOOK_EVERY_MS)
    goOn(world)
  }
  const events = await untilArrived(world)
  return { sent, events, seconds: (now() - startMs) / 1000, next }
}

/** `copied 12,400 of 50,000 events · 4,900/s · 8 s left` */
export function progressText(of: { done: number; total: number; sent: number; ms: number }): string {
  const perSecond = of.ms === 0 ? 0 : (of.sent * 1000) / of.ms
  const left = perSecond === 0 ? '?' : Math.ceil(Math.max(of.total - of.done, 0) / perSecond)
  const number = (value: number) => Math.round(value).toLocaleString('en-US')
  return `copied ${number(Math.min(of.done, of.total))} of ${number(of.total)} events · ${number(perSecond)}/s · ${left} s left`
}

/** C3. */
async function standing({ stored, to }: RebuildWorld): Promise<Map<number, number>> {
  const next = new Map<number, number>()
  for (const { partition, highest } of await stored.copiedTo(to))
    next.set(partition, await stored.placeBefore({ partition, offset: highest + 1, count: LOT }))
  return next
}

/** C1, C2. */
async function send(
  world: RebuildWorld,
  partition: number,
  lot: readonly StoredEvent[],
  erased: Erasures,
): Promise<void> {
  if (lot.length === 0) return
  const { producer, from, to, target } = world
  const topic = nameIn(world, to, topics.events)
  const place = placeTopic(from, topics.events)
  await producer.send(
    lot.map(({ offset, event }) => {
      const identified = world.rules.identified?.(event) ?? event
      const value = {
        ...identified,
        receivedTimeMs: receivedAsErased(erased, event, { partition, offset }),
        epoch: to,
        copyOf: { topic: place, partition, offset },
      }
      return {
        topic,
        partition: partitionOf(value.anchor, target.counts.identifier),
        key: value.anchor,
        value: EventRecord.encode({ record: { $case: 'event', value } }).finish(),
      }
    }),
  )
}

/** "partition|anchor" → deleted rows of that anchor, in order. */
type Erasures = ReadonlyMap<string, readonly { readonly offset: number; readonly untilMs: number }[]>

/** C5. Of one row each: some 100 bytes for each deletion. */
async function readErasures({ stored }: RebuildWorld): Promise<Erasures> {
  const all = new Map<string, { offset: number; untilMs: number }[]>()
  for await (const lot of stored.erasures())
    for (const { partition, offset, appendedMs, event } of lot) {
      const key = `${partition}|${event.anchor}`
      // As erasureOf says it.
      const row = { offset, untilMs: Math.min(event.receivedTimeMs, appendedMs) - 1 }
      all.set(key, [...(all.get(key) ?? []), row])
    }
  return all
}

/** C5. */
export function receivedAsErased(
  erased: Erasures,
  { anchor, receivedTimeMs }: { readonly anchor: string; readonly receivedTimeMs: number },
  { partition, offset }: { readonly partition: number; readonly offset: number },
): number {
  if (erased.size === 0) return receivedTimeMs
  const after = (erased.get(`${partition}|${anchor}`) ?? []).filter((row) => row.offset > offset)
  return after.length === 0
    ? receivedTimeMs
    : Math.min(receivedTimeMs, Math.max(...after.map(({ untilMs }) => untilMs)))
}

/** C4: undefined when the log has all of the old topic; otherwise a sentence that says what is missing. */
async function notInLog(world: RebuildWorld): Promise<string | undefined> {
  const topic = nameIn(world, world.from, topics.events)
  const stored = new Map((await world.stored.partitions()).map((each) => [each.partition, each.end]))
  let bounds
  try {
    bounds = await world.admin.offsets(topic)
  } catch (error) {
    // Gone with the rest of the epoch: the log is all there is.
    if (error instanceof KafkaFault && error.code === 'topic-missing') return undefined
    throw error
  }
  for (const { partition, start, committedEnd } of bounds) {
    const from = Math.max(stored.get(partition) ?? 0, start)
    if (from >= committedEnd) continue
    let records = committedEnd - from
    if (records <= READ_TO_COUNT) {
      records = 0
      for await (const chunk of readTopic(world.kafka, { topic, partition, from, until: committedEnd }))
        records += chunk.records.length
    }
    if (records > 0)
      return (
        `waiting for the event log: ${records} records of ${topic}/${partition} are not in it yet; a collector ` +
        `with LAYOUT_EPOCH=${world.from} (ROLE=event-log is enough) writes them`
      )
  }
  return undefined
}

/** Every event has its copy in the log: how many there are. */
async function untilArrived(world: RebuildWorld): Promise<number> {
  const { stored, to, now, say } = world
  let [seen, seenMs] = [-1, now()]
  for (;;) {
    const events = (await stored.partitions()).reduce((sum, each) => sum + each.events, 0)
    const copies = (await stored.copiedTo(to)).reduce((sum, each) => sum + each.events, 0)
    if (copies >= events) return events
    if (copies > seen) {
      say(`${copies} of ${events} copies are in the event log`)
      seen = copies
      seenMs = now()
    }
    if (now() - seenMs > ARRIVAL_MS) {
      const missing = await stored.withoutCopyIn(to)
      const places = missing.map(({ partition, offset }) => `${partition}:${offset}`).join(', ')
      throw new CommandError(
        `${events - copies} copies have not arrived in the event log: is a collector with LAYOUT_EPOCH=${to} running? ` +
          `Events without one: ${places}`,
      )
    }
    await sleep(LOOK_EVERY_MS)
    goOn(world)
  }
}
