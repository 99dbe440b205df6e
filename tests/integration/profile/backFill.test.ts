/** A trait that comes after the events, on the real Kafka and ClickHouse: as if it had always been there. */
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from '@jest/globals'
import { type ProfileChangeRecord, type ProfileRecord, profileIdOf, topics } from '@tributary/contracts'
import { type Event, EventType } from '@tributary/contracts/generated/tributary/event/v1/event'
import { type Assignment, ChangeKind } from '@tributary/contracts/generated/tributary/identity/v1/assignment'
import { JobRecord, JobState } from '@tributary/contracts/generated/tributary/job/v1/control'
import { callUnary } from '@tributary/service-kit'
import { type ServiceProcess } from '../../../deploy/local/src/serviceProcess.ts'
import { waitForValue, waitUntil } from '../../support/waitUntil.ts'
import { type ProfileInstallation, openProfileInstallation } from './profileInstallation.ts'

let installation: ProfileInstallation
let store: ServiceProcess

const kinds = [
  'count',
  'sum',
  'min',
  'max',
  'average',
  'first',
  'last',
  'mostFrequent',
  'uniqueList',
  'distinct',
]

/** Every kind, over all events and over a window, under names that begin so. */
const traits = (prefix: string) =>
  kinds.flatMap((kind) =>
    [{}, { within: '36h' }].map((window, i) => ({
      kind: 'Trait',
      id: `${prefix}_${kind.toLowerCase()}_${i}`,
      [kind]: {
        event: 'Order Completed',
        ...(kind !== 'count' && { path: 'properties.total' }),
        ...window,
      },
    })),
  )

beforeAll(async () => {
  installation = await openProfileInstallation()
  await installation.apply([
    ...traits('always'),
    { kind: 'Trait', id: 'changing', count: { event: 'Viewed' } } as never,
  ])
  store = await installation.start()
  await anotherJobDone(0)
}, 90_000)
afterAll(() => installation.close())

const jobsDone = async () =>
  (await progress()).filter(({ state }) => state === JobState.JOB_STATE_DONE).length

async function anotherJobDone(before: number): Promise<void> {
  await waitForValue('the job done', jobsDone, (done) => done > before, { timeoutMs: 60_000 })
}

async function progress() {
  return (await installation.read(topics.jobs)).flatMap(({ value }) => {
    const { record } = JobRecord.decode(value!)
    return record?.$case === 'progress' ? [record.value] : []
  })
}

const HOUR = 3_600_000
const start = Date.now()

function order(i: number, person: string): Event {
  const [type, value] = ['user_id', person]
  const identifiers = [{ type, value, id: installation.hash(type, 1, value) }]
  // Some are late, by more than the window too.
  const timeMs = start - (i % 7) * 11 * HOUR
  return {
    messageId: `m${i}`,
    messageIdGenerated: false,
    sourceId: 'web',
    type: EventType.EVENT_TYPE_TRACK,
    name: i % 5 === 0 ? 'Viewed' : 'Order Completed',
    anchor: identifiers[0]!.id,
    identifiers,
    timeMs,
    originalTimeMs: timeMs,
    receivedTimeMs: timeMs,
    timeFlags: [],
    raw: Buffer.from(JSON.stringify({ properties: { total: (i % 13) / 10 } })),
    origin: `test:m${i}`,
    identityRules: 'r',
    trusted: true,
    epoch: 1,
  }
}

function merge(from: string, into: string): Assignment {
  const id = (name: string) => installation.hash('user_id', 1, name)
  const profileId = profileIdOf(id(into), 0)
  return {
    identifierId: id(from),
    type: 'user_id',
    profileId,
    generation: 0,
    change: {
      id: `c-${from}`,
      kind: ChangeKind.CHANGE_KIND_MERGE,
      from: profileIdOf(id(from), 0),
      into: profileId,
      cause: 'e1',
    },
  }
}

async function folded(): Promise<number> {
  const client = installation.client(store)
  const { metadata } = installation
  const { partitions } = await callUnary(client.getTotals.bind(client), {}, { deadlineMs: 2_000, metadata })
  return partitions.reduce((sum, { events }) => sum + events, 0)
}

/** What compaction leaves of the profiles topic; without those that were merged. */
async function stateOfTopic(): Promise<Map<string, ProfileRecord>> {
  const profiles = new Map<string, ProfileRecord>()
  for (const { key, value } of await installation.read(topics.profiles)) {
    const record = JSON.parse(value!.toString()) as ProfileRecord
    if ('mergedInto' in record) profiles.delete(key!)
    else profiles.set(key!, record)
  }
  return profiles
}

test('added and changed while events flow, killed again and again: equal to one that was always there', async () => {
  // 700 people to a partition: several lots of a back-fill each.
  const people = Array.from({ length: 2_100 }, (_, i) => `p${i}`)
  const busy = people.slice(0, 20)
  let next = 0
  const some = (count: number, of: readonly string[]) =>
    Array.from({ length: count }, () => order(next, of[next++ % of.length]!))
  const first = some(2_100, people)
  await installation.send([...first, ...first.slice(0, 50)])
  await installation.send(
    first.slice(0, 30).map((event) => ({ ...event, raw: Buffer.from('{"properties":{"total":1000}}') })),
  )
  await installation.send(some(600, busy))
  await installation.assign([merge('p1', 'p2')])
  await waitForValue('the first orders', folded, (events) => events === next, { timeoutMs: 60_000 })

  await installation.apply([
    ...traits('always'),
    ...traits('late'),
    { kind: 'Trait', id: 'changing', sum: { event: 'Order Completed', path: 'properties.total' } } as never,
  ])
  const enough = new AbortController()
  const flow = (async () => {
    while (!enough.signal.aborted) {
      // oxlint-disable-next-line no-await-in-loop -- a stream of events
      await installation.send(some(40, busy))
      // oxlint-disable-next-line no-await-in-loop -- a stream of events
      await new Promise((resolve) => setTimeout(resolve, 100))
    }
  })()
  for (const pauseMs of [0, 150, 400, 50]) {
    // oxlint-disable-next-line no-await-in-loop -- one kill after the other
    await waitUntil('it fills, or has filled', async () =>
      (await progress()).some(({ job, message }) => job === 1 && message.includes('counted from the log')),
    )
    // oxlint-disable-next-line no-await-in-loop -- one kill after the other
    await new Promise((resolve) => setTimeout(resolve, pauseMs))
    // oxlint-disable-next-line no-await-in-loop -- one kill after the other
    await store.kill()
    // oxlint-disable-next-line no-await-in-loop -- one kill after the other
    await store.start()
  }
  await installation.assign([merge('p3', 'p4')])
  await anotherJobDone(1)
  enough.abort()
  await flow
  await waitForValue('all orders', folded, (events) => events === next, { timeoutMs: 60_000 })

  const profiles = await stateOfTopic()
  expect(profiles.size).toBe(2_098)
  let compared = 0
  for (const { computed } of profiles.values()) {
    for (const kind of kinds)
      for (const window of [0, 1]) {
        const name = `${kind.toLowerCase()}_${window}`
        expect([name, computed[`late_${name}`]]).toEqual([name, computed[`always_${name}`]])
        if (computed[`always_${name}`] !== undefined) compared++
      }
    expect(computed['changing']).toEqual(computed['always_sum_0'])
  }
  expect(compared).toBeGreaterThan(20_000)
}, 170_000)

test('the query of the reference shows what is in conflict', async () => {
  const page = readFileSync(join(import.meta.dirname, '../../../docs/reference/profiles.md'), 'utf8')
  const sql = /```sql\n([^]*?)```/.exec(page)![1]!.replaceAll('cdp.', `${installation.clickhouse.database}.`)
  const rows = await waitForValue(
    'the conflicts',
    () => installation.clickhouse.query<{ raw: string }>(sql),
    (found) => found.length === 30,
  )
  expect(rows.every(({ raw }) => raw === '{"properties":{"total":1000}}')).toBe(true)
})

test('a window that ends with nothing arriving changes the profile on time, also after a restart', async () => {
  const before = await jobsDone()
  await installation.apply([
    { kind: 'Trait', id: 'lately', count: { event: 'Order Completed', within: '1m' } } as never,
  ])
  await anotherJobDone(before)
  // The minute before this one: it leaves the window when this one ends.
  if (Date.now() % 60_000 > 45_000) await new Promise((resolve) => setTimeout(resolve, 16_000))
  const endMs = Math.floor(Date.now() / 60_000) * 60_000 + 60_000
  await installation.send([{ ...order(1, 'tick'), messageId: 'tick', timeMs: endMs - 61_000 }])
  const lately = async () => (await installation.get(store, 'user_id', 'tick'))?.computed?.['lately']
  await waitForValue('it counts', lately, (value) => value === 1)
  await store.kill()
  await store.start()
  await waitForValue('it still counts', lately, (value) => value === 1)
  expect(Date.now()).toBeLessThan(endMs)
  await waitForValue('it counts no more', lately, (value) => value === undefined, { timeoutMs: 90_000 })
  expect(Date.now()).toBeGreaterThanOrEqual(endMs)
  const changes = (await installation.read(topics.profileChanges)).map(
    ({ value }) => JSON.parse(value!.toString()) as ProfileChangeRecord,
  )
  expect(
    changes.filter(
      ({ profileId, causedBy, changed }) =>
        profileId === profileIdOf(installation.hash('user_id', 1, 'tick'), 0) &&
        causedBy.reason === 'time' &&
        changed.includes('computed.lately'),
    ),
  ).toHaveLength(1)
}, 170_000)
