/** Events read back out of the log are the ones that were stored, byte for byte; copies are found by their place. */
import { afterAll, beforeAll, expect, test } from '@jest/globals'
import { createStoredEvents } from '@tributary/clickhouse-log'
import {
  createClickHouseLogStore,
  eventOf,
  eventRecord,
  logTableOf,
  recordOf,
} from '@tributary/clickhouse-log/testing'
import { placeTopic, topics } from '@tributary/contracts'
import {
  Event,
  EventRecord,
  EventType,
  TimeFlag,
} from '@tributary/contracts/generated/tributary/event/v1/event'
import { type LogDatabase, createLogDatabase } from './logDatabase.ts'

let log: LogDatabase
beforeAll(async () => {
  log = await createLogDatabase()
})
afterAll(() => log.drop())

const events: Partial<Event>[] = [
  {},
  { type: EventType.EVENT_TYPE_ALIAS, previous: { type: 'anonymous_id', value: 'a1', id: 'c'.repeat(32) } },
  {
    raw: Buffer.from([0xff, 0x00, 0x7b]),
    payload: Buffer.from('{"type":"track"}'),
    messageIdGenerated: true,
  },
  { timeFlags: [TimeFlag.TIME_FLAG_FUTURE, TimeFlag.TIME_FLAG_ZONE_ASSUMED], sentTimeMs: 1_700_000_000_123 },
  { identifiers: [], trusted: false, originalTimeMs: undefined, erases: true },
]

async function put(epoch: number, partition: number, first: number, all: Partial<Event>[]): Promise<void> {
  const store = createClickHouseLogStore(log.clickhouse, () => logTableOf(topics.events))
  const records = all.map((more, i) => eventRecord(first + i, { messageId: `m${i}`, ...more, epoch }))
  const range = { epoch, first, last: first + all.length - 1, records }
  const place = { topic: placeTopic(epoch, topics.events), partition }
  expect(await store.store(place, range)).toEqual({ kind: 'stored', unreadable: 0 })
}

test('an event read back encodes to the bytes it was stored from', async () => {
  await put(1, 0, 0, events)
  const stored = createStoredEvents(log.clickhouse, 1)
  const read = await stored.read({ partition: 0, from: 0, limit: 10 })
  expect(read.map(({ offset }) => offset)).toEqual([0, 1, 2, 3, 4])
  for (const [i, { event }] of read.entries())
    expect(Buffer.from(Event.encode(event).finish())).toEqual(
      Buffer.from(Event.encode(eventOf({ messageId: `m${i}`, ...events[i], epoch: 1 })).finish()),
    )
})

test('which events have a copy in a later epoch, and which have none', async () => {
  const control = EventRecord.encode(
    EventRecord.fromPartial({ record: { $case: 'control', value: { job: 1 } } }),
  )
  const store = createClickHouseLogStore(log.clickhouse, () => logTableOf(topics.events))
  const records = [recordOf(5, control.finish())]
  await store.store({ topic: topics.events.name, partition: 0 }, { epoch: 1, first: 5, last: 5, records })
  const copyOf = (offset: number) => ({ copyOf: { topic: topics.events.name, partition: 0, offset } })
  // The third one came twice.
  await put(2, 3, 0, [copyOf(0), copyOf(2), copyOf(2), copyOf(3)])

  const stored = createStoredEvents(log.clickhouse, 1)
  expect(await stored.partitions()).toEqual([{ partition: 0, events: 5, end: 6 }])
  expect(await stored.copiedTo(2)).toEqual([{ partition: 0, events: 3, highest: 3 }])
  expect(await stored.withoutCopyIn(2)).toEqual([
    { partition: 0, offset: 1 },
    { partition: 0, offset: 4 },
  ])
  expect(await stored.placeBefore({ partition: 0, offset: 4, count: 2 })).toBe(2)
  expect(await stored.placeBefore({ partition: 0, offset: 4, count: 9 })).toBe(0)
  expect(await createStoredEvents(log.clickhouse, 2).read({ partition: 3, from: 3, limit: 1 })).toMatchObject(
    [{ offset: 3, event: { messageId: 'm3', epoch: 2 } }],
  )
})

test('deleted rows that erase are found in order, and the value of an identifier by its id', async () => {
  const stored = createStoredEvents(log.clickhouse, 1)
  const found: unknown[] = []
  for await (const lot of stored.erasures())
    found.push(...lot.map(({ partition, offset, event }) => [partition, offset, event.messageId]))
  expect(found).toEqual([[0, 4, 'm4']])
  const [user, email] = eventOf().identifiers
  const values = await stored.valuesOf([user!.id, email!.id, 'f'.repeat(32)])
  expect(Object.fromEntries(values)).toEqual({
    [user!.id]: 'u1',
    [email!.id]: 'ada@example.com',
  })
})
