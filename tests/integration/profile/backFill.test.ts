/** Traits and audiences that come after the events, on the real Kafka and ClickHouse: as if they had always been there. */
import { execFile } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from '@jest/globals'
import {
  type AudienceChangeRecord,
  type ProfileChangeRecord,
  type ProfileRecord,
  profileIdOf,
  topics,
} from '@tributary/contracts'
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

/** Meant the same under both names, and kept apart: equal conditions would share what was counted. */
const audiences = (prefix: string, filter: object) =>
  Object.entries({
    buyers: { event: 'Order Completed', filter, count: { gte: 1 } },
    lately: { event: 'Order Completed', filter, sum: { path: 'properties.total', gt: 0.5 }, within: '36h' },
    again: {
      sequence: {
        steps: [
          { event: 'Order Completed', filter },
          { event: 'Order Completed', filter },
        ],
      },
    },
    never_looked: { all: [{ audience: `${prefix}_buyers` }, { not: { event: 'Viewed', filter } }] },
  }).map(([name, where]) => ({ kind: 'Audience', id: `${prefix}_${name}`, where }))

const always = [...traits('always'), ...audiences('always', {})]
const late = [...traits('late'), ...audiences('late', { 'properties.total': { exists: true } })]

beforeAll(async () => {
  installation = await openProfileInstallation()
  await installation.apply([
    ...always,
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

/** Of each audience and profile, in order. */
async function audiencesTold(): Promise<Map<string, AudienceChangeRecord[]>> {
  const told = new Map<string, AudienceChangeRecord[]>()
  for (const { value } of await installation.read(topics.audienceChanges)) {
    const change = JSON.parse(value!.toString()) as AudienceChangeRecord
    const key = `${change.audience} ${change.profileId}`
    told.set(key, [...(told.get(key) ?? []), change])
  }
  return told
}

interface Planned {
  readonly audience: string
  readonly members?: number
  readonly enter?: { readonly count: number; readonly samples: readonly string[] }
}

const command = join(import.meta.dirname, '../../../packages/cli/src/main.ts')

/** Who would enter and leave by these documents, as `tributary plan` says. */
async function planned(documents: readonly object[]): Promise<Planned[]> {
  const folder = mkdtempSync(join(tmpdir(), 'plan-'))
  const workspace = { kind: 'Workspace', id: 'shop', schema: 'tributary/v1', timeZone: 'UTC' }
  // JSON is YAML.
  writeFileSync(
    join(folder, 'shop.yaml'),
    [workspace, ...documents].map((each) => JSON.stringify(each)).join('\n---\n'),
  )
  const { settings } = installation
  const out = await new Promise<string>((resolve, reject) => {
    execFile(
      process.execPath,
      ['--conditions=tributary-source', command, 'plan', folder, '--json'],
      { env: { PATH: process.env['PATH'], ...settings }, maxBuffer: 16_000_000 },
      (error, stdout, stderr) =>
        // 2: something would change.
        error && error.code !== 2 ? reject(new Error(stderr, { cause: error })) : resolve(stdout),
    )
  }).finally(() => rmSync(folder, { recursive: true }))
  return (JSON.parse(out) as { audiences: Planned[] }).audiences
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
  await waitForValue('the first orders', folded, (events) => events === next, { timeoutMs: 60_000 })

  const changing = {
    kind: 'Trait',
    id: 'changing',
    sum: { event: 'Order Completed', path: 'properties.total' },
  }
  const buyers = people.filter((_, i) => i % 5 > 0).length
  await waitForValue(
    'the plan to have seen everybody in the log',
    async () =>
      (await planned([...always, ...late, changing])).find(({ audience }) => audience === 'late_buyers'),
    (plan) => plan?.enter?.count === buyers && plan.members === buyers && plan.enter.samples.length === 20,
    { timeoutMs: 60_000 },
  )
  await installation.assign([merge('p1', 'p2')])
  await installation.apply([...always, ...late, changing])
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
  const told = await audiencesTold()
  const idle = new Set(
    people.slice(20).map((person) => profileIdOf(installation.hash('user_id', 1, person), 0)),
  )
  const sizes = new Map<string, number>()
  for (const [profileId, { audiences: shown }] of profiles)
    for (const { id } of audiences('late', {})) {
      const changes = told.get(`${id} ${profileId}`) ?? []
      const wanted = shown[id.replace('late', 'always')] !== undefined
      expect([profileId, id, shown[id] !== undefined]).toEqual([profileId, id, wanted])
      // Entered and left by turns: nobody is announced twice, and whoever is a member was announced.
      expect(changes.map(({ change }) => change)).toEqual(
        changes.map((_, i) => (i % 2 === 0 ? 'entered' : 'left')),
      )
      expect(changes.length % 2).toBe(wanted ? 1 : 0)
      // To whom nothing happened since enters because of the definition.
      const reasons = idle.has(profileId) ? changes.map(({ reason }) => reason) : []
      expect(reasons.filter((reason) => reason !== 'definition')).toEqual([])
      if (wanted) sizes.set(id, (sizes.get(id) ?? 0) + 1)
    }
  expect(sizes.get('late_buyers')).toBeGreaterThan(1_600)
  expect(Math.min(...sizes.values())).toBeGreaterThan(10)
  expect(sizes.size).toBe(4)
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
