import { expect, test } from '@jest/globals'
import type { StoredEvent } from '@tributary/clickhouse-log'
import { topics } from '@tributary/contracts'
import { Event, EventRecord } from '@tributary/contracts/generated/tributary/event/v1/event'
import { MemoryDoor } from '../testing/memoryDoor.ts'
import { REMEMBERED_MS, replay, type Replayed } from './replay.ts'

const NOW = Date.UTC(2026, 5, 30)

function event(n: number): Event {
  return Event.fromPartial({
    messageId: `m${n}`,
    sourceId: 'web',
    anchor: 'a'.repeat(32),
    identifiers: [{ type: 'user_id', value: 'u1', id: 'a'.repeat(32) }],
    receivedTimeMs: NOW - 1000 + n,
    raw: Buffer.from(`{"n":${n}}`),
    origin: `http:r${n}:0`,
  })
}

const stored = (n: number, appendedMs = NOW - 1000): StoredEvent => ({
  offset: n,
  appendedMs,
  event: event(n),
})

/** A log of one partition that hands out so many at a time. */
function world(all: readonly StoredEvent[]) {
  const door = new MemoryDoor()
  const repeated = new Set<string>()
  const paced: number[] = []
  const interruption = new AbortController()
  const run = async (send: boolean): Promise<Replayed[]> => {
    const found: Replayed[] = []
    const lots = replay({
      door,
      stored: {
        partitions: () => Promise.resolve([{ partition: 0, events: all.length, end: 100_000 }]),
        read: ({ from, limit }) =>
          Promise.resolve(all.filter(({ offset }) => offset >= from).slice(0, limit)),
      },
      log: {
        reached: () => Promise.resolve(new Map<number, number>()),
        repeated: (origins) => Promise.resolve(new Set(origins.filter((each) => repeated.has(each)))),
      },
      filter: {},
      send,
      nowMs: NOW,
      pace: (events) => {
        paced.push(events)
        return Promise.resolve()
      },
      interrupted: interruption.signal,
    })
    for await (const lot of lots) found.push(...lot)
    return found
  }
  const sent = async (): Promise<Event[]> => {
    const events: Event[] = []
    for (let partition = 0; partition < 2; partition++)
      for await (const { value } of door.read(topics.events, partition, 0, 1e9)) {
        const { record } = EventRecord.decode(value!)
        if (record?.$case === 'event') events.push(record.value)
      }
    return events
  }
  return { run, sent, repeated, paced, interruption }
}

const outcomes = (found: readonly Replayed[]) => found.map(({ outcome }) => outcome)

test('P1: what is sent is the very event, in its order', async () => {
  const { run, sent } = world([stored(0), stored(1)])
  expect(outcomes(await run(true))).toEqual(['send', 'send'])
  expect(await sent()).toEqual([event(0), event(1)])
})

test('a dry run says the same and sends nothing', async () => {
  const { run, sent } = world([stored(0), stored(1, NOW - REMEMBERED_MS - 1)])
  expect(outcomes(await run(false))).toEqual(['send', 'old'])
  expect(await sent()).toEqual([])
})

test('P2: what deduplication may have forgotten is never sent', async () => {
  const { run, sent } = world([stored(0, NOW - REMEMBERED_MS - 1), stored(1, NOW - REMEMBERED_MS)])
  expect(outcomes(await run(true))).toEqual(['old', 'send'])
  expect(await sent()).toEqual([event(1)])
})

test('P3: what the log has twice, the topic has beyond the log, or this run has sent, is not sent again', async () => {
  const again = { ...stored(1), offset: 3 }
  const { run, sent, repeated } = world([stored(0), stored(1), stored(2), again])
  repeated.add('http:r0:0')
  expect(outcomes(await run(true))).toEqual(['before', 'send', 'send', 'before'])
  // Killed here, and started anew: the log holds none of it yet.
  expect(outcomes(await run(true))).toEqual(['before', 'before', 'before', 'before'])
  expect(await sent()).toHaveLength(2)
})

test('P4: lot by lot, each at the pace that was given, and an interruption ends it in between', async () => {
  const { run, sent, paced, interruption } = world(Array.from({ length: 1_200 }, (_, n) => stored(n)))
  expect(await run(true)).toHaveLength(1_200)
  expect(paced).toEqual([500, 500, 200])
  interruption.abort()
  expect(await run(true)).toEqual([])
  expect(await sent()).toHaveLength(1_200)
})
