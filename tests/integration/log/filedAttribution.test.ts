/** Blocked identifiers: the ledger's sum, the attribution of events and a person's list of events agree with the fold. */
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals'
import { audit, createAnchoredEvents, createPeople } from '@tributary/clickhouse-log'
import {
  START_MS,
  createClickHouseLogStore,
  eventRecord,
  logTableOf,
  recordOf,
} from '@tributary/clickhouse-log/testing'
import { type TopicSpec, appendStamp, topics } from '@tributary/contracts'
import { EventRecord } from '@tributary/contracts/generated/tributary/event/v1/event'
import { SkipReason, Skipped } from '@tributary/contracts/generated/tributary/event/v1/skipped'
import { ControlStep } from '@tributary/contracts/generated/tributary/job/v1/control'
import { type LogDatabase, createLogDatabase } from './logDatabase.ts'

const HOUR = 3_600_000
const id = (name: string) => Buffer.from(name).toString('hex').padStart(32, '0')
const home = (name: string) => `${id(name)}-0`
let log: LogDatabase

async function put(topic: TopicSpec, records: ReturnType<typeof recordOf>[]): Promise<void> {
  const store = createClickHouseLogStore(log.clickhouse, () => logTableOf(topic))
  const range = { epoch: 1, first: records[0]!.offset, last: records.at(-1)!.offset, records }
  expect(await store.store({ topic: topic.name, partition: 0 }, range)).toMatchObject({ kind: 'stored' })
}

function event(offset: number, hour: number, messageId: string, names: readonly string[]) {
  const record = eventRecord(offset, {
    messageId,
    origin: `http:r${offset}:0`,
    anchor: id(names[0]!),
    identifiers: names.map((name) => ({ type: 'user_id', value: name, id: id(name) })),
    timeMs: START_MS + offset,
  })
  return { ...record, timestampMs: START_MS + hour * HOUR }
}

/** As the job sends it: names that are blocked from here on, or open again. */
function filing(offset: number, hour: number, number: number, anchors: Record<string, boolean>) {
  const definition = Object.entries(anchors).map(([name, blocked]) => ({
    id: id(name),
    type: 'user_id',
    partition: 0,
    blocked,
  }))
  const control = EventRecord.fromPartial({
    record: {
      $case: 'control',
      value: {
        job: number,
        document: 'anchors',
        hash: String(number),
        step: ControlStep.CONTROL_STEP_REFILE,
        partitions: 1,
        definition: JSON.stringify({ anchors: definition }),
      },
    },
  })
  return { ...recordOf(offset, EventRecord.encode(control).finish()), timestampMs: START_MS + hour * HOUR }
}

const skip = (n: number, offset: number, reason: SkipReason) =>
  recordOf(
    n,
    appendStamp(
      Skipped.encode(
        Skipped.fromPartial({ topic: topics.events.name, partition: 0, offset, reason }),
      ).finish(),
      { epoch: 1, writer: 'fragment-0', seq: n + 1 },
    ),
  )

beforeAll(async () => {
  log = await createLogDatabase()
  await put(topics.events, [
    event(0, 0, 'm0', ['x', 'e1', 'a1']),
    event(1, 0, 'm1', ['x', 'e2']),
    event(2, 0, 'm2', ['x']),
    event(3, 0, 'm3', ['e1', 'a1']),
    // The same message without x: it came by itself.
    event(4, 0, 'm1', ['e2']),
    event(5, 0, 'm5', ['y', 'x', 'e2']),
    event(6, 0, 'm5', ['x', 'e2']),
    filing(7, 1, 1, { x: true }),
    // Skipped as blocked, and filed.
    event(8, 2, 'm8', ['x', 'e1']),
    filing(9, 3, 2, { y: true, x: true }),
    event(10, 4, 'm10', ['y', 'a1']),
    // Filed by then, so this copy is a duplicate.
    event(11, 4, 'm8', ['e1']),
    filing(12, 5, 3, { y: false }),
    event(13, 6, 'm13', ['y', 'a1']),
  ])
  await put(topics.skipped, [
    skip(0, 8, SkipReason.SKIP_REASON_BLOCKED),
    skip(1, 10, SkipReason.SKIP_REASON_BLOCKED),
    skip(2, 11, SkipReason.SKIP_REASON_DUPLICATE),
  ])
})
afterAll(() => log.drop())

/** "message anchor → owner", sorted. */
async function whose(view: string): Promise<string[]> {
  const rows = await log.clickhouse.query<{ message_id: string; at: string; profile_id: string }>(
    `SELECT message_id, \`offset\` AS at, profile_id FROM ${log.clickhouse.database}.attributed_events${view}
    ORDER BY \`offset\``,
  )
  const names = ['x', 'y', 'e1', 'e2', 'a1']
  return rows.map(
    (row) => `${row.at} ${row.message_id} ${names.find((name) => home(name) === row.profile_id)!}`,
  )
}

const now = ['0 m0 e1', '3 m3 e1', '4 m1 e2', '5 m5 y', '6 m5 e2', '8 m8 e1', '10 m10 y', '13 m13 y']

describe('attribution', () => {
  test('each event has the profile of the first of its identifiers that is not blocked, each message once', async () => {
    expect(await whose('')).toEqual(now)
  })

  test.each([
    // Nothing was blocked.
    [0.5, ['0 m0 x', '1 m1 x', '2 m2 x', '3 m3 e1', '4 m1 e2', '5 m5 y', '6 m5 x']],
    [2.5, ['0 m0 e1', '3 m3 e1', '4 m1 e2', '5 m5 y', '6 m5 e2', '8 m8 e1']],
    // y as well: m5 is the same message twice under e2.
    [4.5, ['0 m0 e1', '3 m3 e1', '4 m1 e2', '5 m5 e2', '8 m8 e1', '10 m10 a1']],
  ])('as it was known after %d hours', async (hour, expected) => {
    const at = new Date(START_MS + hour * HOUR).toISOString().replace('T', ' ').replace('Z', '')
    expect(await whose(`_at(at = '${at}')`)).toEqual(expected)
  })
})

describe('the ledger', () => {
  const folded = now.length

  test('holds: what counts nowhere, or under another identifier already, is in the books', async () => {
    const report = await audit({
      clickhouse: log.clickhouse,
      prefix: '',
      totals: { profiles: 3, events: folded },
    })
    expect(report.findings).toEqual([])
    expect(report.folding).toMatchObject({ events: 11, folded, inFlight: 0 })
    expect(report.folding.reasons).toEqual({ blocked: 1, duplicate: 1, filed_twice: 1 })
  })

  test('and says so by the log alone', async () => {
    const report = await audit({ clickhouse: log.clickhouse, prefix: '' })
    expect(report).toMatchObject({ balanced: true, folding: { folded, foldedBy: 'log' } })
  })

  test.each([folded - 1, folded + 1])('is broken by a fold of %d events', async (events) => {
    const report = await audit({ clickhouse: log.clickhouse, prefix: '', totals: { profiles: 3, events } })
    expect(report.findings.map(({ rule }) => rule)).toEqual(['L5'])
  })
})

describe('the list of a person’s events', () => {
  test.each([
    [['e1'], ['m8', 'm3', 'm0']],
    [['e2'], ['m5', 'm1']],
    [['y'], ['m13', 'm10', 'm5']],
    [['x'], []],
    [
      ['e1', 'e2', 'a1'],
      ['m8', 'm5', 'm1', 'm3', 'm0'],
    ],
  ])('of %j is what attribution says, in pages of any size', async (names, expected) => {
    const events = createAnchoredEvents(log.clickhouse, 1)
    for (const limit of [1, 2, 10]) {
      const found: string[] = []
      let after: Parameters<typeof events.read>[0]['after']
      for (;;) {
        // oxlint-disable-next-line no-await-in-loop -- page after page
        const page = await events.read({ anchors: names.map(id), limit, after })
        found.push(...page.map(({ messageId }) => messageId))
        if (page.length < limit) break
        after = page.at(-1)
      }
      expect(found).toHaveLength(expected.length)
      expect([...found].sort()).toEqual([...expected].sort())
    }
  })
})

test('what a fold of one person begins with: its events, under what they are filed, without what is blocked before that', async () => {
  const people = createPeople(log.clickhouse)
  expect(await people.expired()).toBe(0)
  const found: string[] = []
  for await (const lot of people.read({ ids: [home('e2')] }))
    for (const row of lot)
      if (row.kind === 'event')
        found.push(`${row.event.messageId} ${row.event.identifiers.map(({ value }) => value).join()}`)
  expect(found.sort()).toEqual(['m1 e2', 'm5 e2'])
})
