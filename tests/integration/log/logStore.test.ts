/** One contract for the table in memory and the real one. */
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals'
import { connectClickHouse } from '@tributary/clickhouse-log'
import {
  FakeLogStore,
  type LogRecord,
  type LogStore,
  createClickHouseLogStore,
  eventRecord,
  logTableOf,
  recordOf,
} from '@tributary/clickhouse-log/testing'
import { topics } from '@tributary/contracts'
import { type LogDatabase, createLogDatabase } from './logDatabase.ts'

let log: LogDatabase
beforeAll(async () => {
  log = await createLogDatabase()
  // A rule of an operator's own is the one way to make a well-formed row be refused.
  await log.clickhouse.command(
    `ALTER TABLE ${log.clickhouse.table('events')} ADD CONSTRAINT no_poison CHECK name != 'poison'`,
  )
})
afterAll(() => log.drop())

interface Stored {
  offset: number
  reason?: string
}

interface Subject {
  store: LogStore
  /** All rows of the partition, doubles included, by offset. */
  rows(partition: number): Promise<Stored[]>
}

const topic = topics.events.name
const good = (offset: number): LogRecord => eventRecord(offset)
const poison = (offset: number): LogRecord => eventRecord(offset, { name: 'poison' })
const unreadable = (offset: number): LogRecord => recordOf(offset, 'no protobuf')
const range = (records: LogRecord[], epoch = 1) => ({
  epoch,
  first: records[0]!.offset,
  last: records.at(-1)!.offset,
  records,
})

const subjects: [string, () => Subject][] = [
  [
    'in memory',
    () => {
      const has = (record: LogRecord, text: string) => Buffer.from(record.value ?? []).includes(text)
      const store = new FakeLogStore(
        (record) => has(record, 'poison'),
        (record) => has(record, 'no protobuf'),
      )
      return {
        store,
        rows: (partition) =>
          Promise.resolve(
            store
              .rowsOf({ topic, partition })
              .map(({ offset, reason }) => (reason === undefined ? { offset } : { offset, reason })),
          ),
      }
    },
  ],
  [
    'in ClickHouse',
    () => ({
      store: createClickHouseLogStore(log.clickhouse, () => logTableOf(topics.events)),
      async rows(partition) {
        const { clickhouse } = log
        const where = `WHERE topic = {topic:String} AND partition = {partition:UInt32}`
        const found = await clickhouse.query<{ offset: string; reason: string }>(
          `SELECT \`offset\`, '' AS reason FROM ${clickhouse.table('events')} ${where} ` +
            `UNION ALL SELECT \`offset\`, reason FROM ${clickhouse.table('quarantine')} ${where}`,
          { topic, partition },
        )
        return found.map(({ offset, reason }) => ({
          offset: Number(offset),
          ...(reason === '' ? {} : { reason }),
        }))
      },
    }),
  ],
]

describe.each(subjects)('the log %s', (_name, create) => {
  const offsets = async (subject: Subject, partition: number) =>
    (await subject.rows(partition)).map((row) => row.offset).sort((a, b) => a - b)

  test('a range stored again and again counts once', async () => {
    const subject = create()
    const place = { topic, partition: 1 }
    for (let i = 0; i < 3; i++) {
      const outcome = await subject.store.store(place, range([good(0), good(1), good(5)]))
      expect(outcome).toMatchObject({ kind: 'stored' })
    }
    expect(await offsets(subject, 1)).toEqual([0, 1, 5])
  })

  test('the same range sent twice at the same moment counts once', async () => {
    const subject = create()
    const place = { topic, partition: 2 }
    const same = range(Array.from({ length: 500 }, (_, offset) => good(offset)))
    await Promise.all([subject.store.store(place, same), subject.store.store(place, same)])
    expect(await offsets(subject, 2)).toEqual(same.records.map(({ offset }) => offset))
  })

  test('other ranges, partitions and epochs do not get in each other’s way', async () => {
    const subject = create()
    await subject.store.store({ topic, partition: 3 }, range([good(0)]))
    await subject.store.store({ topic, partition: 4 }, range([good(0)]))
    await subject.store.store({ topic, partition: 3 }, range([good(1)]))
    await subject.store.store({ topic, partition: 3 }, range([good(0)], 2))
    expect(await offsets(subject, 3)).toEqual([0, 0, 1])
    expect(await offsets(subject, 4)).toEqual([0])
  })

  test('a refused range leaves nothing behind, and its halves can be stored', async () => {
    const subject = create()
    const place = { topic, partition: 5 }
    const refused = await subject.store.store(place, range([good(0), unreadable(1), poison(2)]))
    expect(refused).toMatchObject({ kind: 'refused', reason: expect.any(String) })
    expect(await subject.rows(5)).toEqual([])
    expect(await subject.store.store(place, range([good(0), unreadable(1)]))).toMatchObject({
      kind: 'stored',
    })
    expect(await subject.store.store(place, range([poison(2)]))).toMatchObject({ kind: 'refused' })
    await subject.store.quarantine(place, range([poison(2)]), 'bad')
    await subject.store.quarantine(place, range([poison(2)]), 'bad')
    expect(await offsets(subject, 5)).toEqual([0, 1, 2])
  })

  test('a range whose first reply was lost is stored, even if the table would refuse it by now', async () => {
    const subject = create()
    const place = { topic, partition: 8 }
    await subject.store.store(place, range([good(0), good(1)]))
    const again = await subject.store.store(place, range([good(0), poison(1)]))
    expect(again).toMatchObject({ kind: 'stored' })
    expect(await offsets(subject, 8)).toEqual([0, 1])
  })

  test('what cannot be read is set aside with a reason, once, and its offset stays accounted for', async () => {
    const subject = create()
    const place = { topic, partition: 6 }
    const mixed = range([unreadable(0), good(1), unreadable(2)])
    expect(await subject.store.store(place, mixed)).toEqual({ kind: 'stored', unreadable: 2 })
    await subject.store.store(place, mixed)
    const rows = (await subject.rows(6)).sort((a, b) => a.offset - b.offset)
    expect(rows).toMatchObject([
      { offset: 0, reason: expect.any(String) },
      { offset: 1 },
      { offset: 2, reason: expect.any(String) },
    ])
    expect(rows).toHaveLength(3)
  })

  test('the highest offset counts what was set aside, and is undefined where nothing is', async () => {
    const subject = create()
    const place = { topic, partition: 7 }
    expect(await subject.store.highestOffset(place)).toBeUndefined()
    await subject.store.store(place, range([good(0)]))
    expect(await subject.store.highestOffset(place)).toBe(0)
    await subject.store.store(place, range([good(7), unreadable(9)]))
    expect(await subject.store.highestOffset(place)).toBe(9)
  })
})

test('a server that is away is waited for, never taken for a bad row', async () => {
  const away = connectClickHouse({ url: 'http://127.0.0.1:9', database: 'x' })
  const store = createClickHouseLogStore(away, () => logTableOf(topics.events))
  const outcome = await store.store({ topic, partition: 0 }, range([good(0)]))
  expect(outcome).toMatchObject({ kind: 'unavailable', reason: expect.stringContaining('does not answer') })
  await away.close()
})

test('a missing table is waited for, with the remedy', async () => {
  const store = createClickHouseLogStore(log.clickhouse, () => ({
    ...logTableOf(topics.events),
    name: 'nowhere',
  }))
  const outcome = await store.store({ topic, partition: 0 }, range([good(0)]))
  expect(outcome).toMatchObject({ kind: 'unavailable', reason: expect.stringContaining('tributary migrate') })
})
