/** Whose each event is, at query time: over a merge, a split, an erasure and a skip, now and as it was known then. */
import { afterAll, beforeAll, expect, test } from '@jest/globals'
import {
  START_MS,
  createClickHouseLogStore,
  eventRecord,
  logTableOf,
  recordOf,
} from '@tributary/clickhouse-log/testing'
import { type TopicSpec, cloudEventId, topics } from '@tributary/contracts'
import { SkipReason, Skipped } from '@tributary/contracts/generated/tributary/event/v1/skipped'
import { type LogDatabase, createLogDatabase } from './logDatabase.ts'

const HOUR = 3_600_000
const id = (name: string) => Buffer.from(name).toString('hex').padStart(32, '0')
const home = (name: string, generation = 0) => `${id(name)}-${generation}`
let log: LogDatabase

async function put(topic: TopicSpec, records: ReturnType<typeof recordOf>[]): Promise<void> {
  const store = createClickHouseLogStore(log.clickhouse, () => logTableOf(topic))
  const range = { epoch: 1, first: 0, last: records.length - 1, records }
  expect(await store.store({ topic: topic.name, partition: 0 }, range)).toMatchObject({ kind: 'stored' })
}

/** A change of one identifier some hours after the start. */
function moves(offset: number, hour: number, kind: string, name: string, from: string, to: string) {
  const value = JSON.stringify({
    changeId: `c${offset}`,
    kind,
    chunk: 0,
    chunks: 1,
    time: new Date(START_MS + hour * HOUR).toISOString(),
    moves: [{ identifierId: id(name), type: 'user_id', from, to }],
    cause: { evidenceId: 'e', messageId: 'm', source: 'web' },
  })
  const ceId = cloudEventId(1, topics.identityChanges.name, 0, offset + 1)
  return { ...recordOf(offset, value), headers: { ce_id: ceId } }
}

beforeAll(async () => {
  log = await createLogDatabase()
  const event = (offset: number, name: string, hour: number) => ({
    ...eventRecord(offset, {
      messageId: `m${offset}`,
      anchor: id(name),
      identifiers: [{ type: 'user_id', value: name, id: id(name) }],
    }),
    timestampMs: START_MS + hour * HOUR,
  })
  await put(topics.events, [
    event(0, 'a', 0),
    event(1, 'b', 0),
    event(2, 'c', 0),
    event(3, 'a', 2),
    event(4, 'c', 7),
    event(5, 'a', 8),
  ])
  await put(topics.identityChanges, [
    moves(0, 1, 'merge', 'b', home('b'), home('a')),
    moves(1, 3, 'merge', 'c', home('c'), home('a')),
    moves(2, 4, 'split', 'b', home('a'), home('b')),
    moves(3, 6, 'erase', 'c', home('a'), home('c', 1)),
  ])
  const skipped = Skipped.encode(
    Skipped.fromPartial({
      topic: topics.events.name,
      partition: 0,
      offset: 5,
      reason: SkipReason.SKIP_REASON_DUPLICATE,
    }),
  )
  await put(topics.skipped, [recordOf(0, skipped.finish())])
})
afterAll(() => log.drop())

/** Message id → profile id. */
async function whose(view: string): Promise<Record<string, string>> {
  const rows = await log.clickhouse.query<{ message_id: string; profile_id: string }>(
    `SELECT message_id, profile_id FROM ${log.clickhouse.database}.attributed_events${view} ORDER BY message_id`,
  )
  return Object.fromEntries(rows.map((row) => [row.message_id, row.profile_id]))
}

test('each event that was folded has the profile it belongs to now, and what was erased has none', async () => {
  expect(await whose('')).toEqual({
    m0: home('a'),
    m1: home('b'),
    m2: '',
    m3: home('a'),
    m4: home('c', 1),
  })
})

test.each([
  [0.5, { m0: home('a'), m1: home('b'), m2: home('c') }],
  [2.5, { m0: home('a'), m1: home('a'), m2: home('c'), m3: home('a') }],
  [3.5, { m0: home('a'), m1: home('a'), m2: home('a'), m3: home('a') }],
  [5, { m0: home('a'), m1: home('b'), m2: home('a'), m3: home('a') }],
  [6.5, { m0: home('a'), m1: home('b'), m2: '', m3: home('a') }],
])('as it was known after %d hours', async (hour, expected) => {
  const at = new Date(START_MS + hour * HOUR).toISOString().replace('T', ' ').replace('Z', '')
  expect(await whose(`_at(at = '${at}')`)).toEqual(expected)
})
