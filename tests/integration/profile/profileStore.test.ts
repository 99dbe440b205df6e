import { afterAll, beforeAll, expect, test } from '@jest/globals'
import {
  type ProfileChangeRecord,
  type ProfileRecord,
  profileIdOf,
  topics,
  versionOf,
} from '@tributary/contracts'
import { type Event, EventType } from '@tributary/contracts/generated/tributary/event/v1/event'
import { type Assignment, ChangeKind } from '@tributary/contracts/generated/tributary/identity/v1/assignment'
import {
  type GetTotalsResponse,
  WatchRequest,
  type WatchResponse,
} from '@tributary/contracts/generated/tributary/profile/v1/profile_service'
import { callUnary } from '@tributary/service-kit'
import { type ServiceProcess } from '../../../deploy/local/src/serviceProcess.ts'
import { waitForValue, waitUntil } from '../../support/waitUntil.ts'
import { type ProfileInstallation, counts, openProfileInstallation } from './profileInstallation.ts'

let installation: ProfileInstallation
let store: ServiceProcess

beforeAll(async () => {
  installation = await openProfileInstallation()
  await installation.apply([
    { kind: 'Trait', id: 'orders', count: { event: 'Order Completed' } } as never,
    { kind: 'Trait', id: 'spend', sum: { event: 'Order Completed', path: 'properties.total' } } as never,
    { kind: 'Audience', id: 'loyal', where: { trait: 'orders', gte: 2 } } as never,
  ])
  store = await installation.start()
  await waitUntil('the documents are adopted', async () =>
    (await installation.read(topics.jobs)).some(({ value }) =>
      value?.includes('every partition has followed'),
    ),
  )
}, 90_000)
afterAll(() => installation.close())

function event(
  messageId: string,
  people: readonly (readonly [string, string])[],
  given: Partial<Event> = {},
): Event {
  const now = Date.now()
  const identifiers = people.map(([type, value]) => ({ type, value, id: installation.hash(type, 1, value) }))
  return {
    messageId,
    messageIdGenerated: false,
    sourceId: 'web',
    type: EventType.EVENT_TYPE_TRACK,
    name: 'Order Completed',
    anchor: identifiers[0]!.id,
    identifiers,
    timeMs: now,
    receivedTimeMs: now,
    timeFlags: [],
    raw: Buffer.from(JSON.stringify({ properties: { total: 12.3 } })),
    origin: `test:${messageId}`,
    identityRules: 'r',
    trusted: true,
    epoch: 1,
    ...given,
  }
}

function assignment(
  identifier: readonly [string, string],
  to: readonly [string, string],
  kind: ChangeKind = ChangeKind.CHANGE_KIND_MERGE,
  from: readonly [string, string] = identifier,
): Assignment {
  const idOf = ([type, value]: readonly [string, string]) => installation.hash(type, 1, value)
  const profileId = profileIdOf(idOf(to), 0)
  return {
    identifierId: idOf(identifier),
    type: identifier[0],
    profileId,
    generation: 0,
    change: { id: 'c1', kind, from: profileIdOf(idOf(from), 0), into: profileId, cause: 'e1' },
  }
}

const changes = async (): Promise<(ProfileChangeRecord & { partition: number })[]> =>
  (await installation.read(topics.profileChanges)).map(({ partition, value }) => ({
    ...(JSON.parse(value!.toString()) as ProfileChangeRecord),
    partition,
  }))

async function partitionTotals(process: ServiceProcess): Promise<GetTotalsResponse['partitions']> {
  const client = installation.client(process)
  const options = { deadlineMs: 2_000, metadata: installation.metadata }
  return (await callUnary(client.getTotals.bind(client), {}, options)).partitions
}

async function totals(): Promise<{ events: number; profiles: number }> {
  const partitions = await partitionTotals(store)
  return {
    events: partitions.reduce((sum, each) => sum + each.events, 0),
    profiles: partitions.reduce((sum, each) => sum + each.profiles, 0),
  }
}

test('an order becomes a profile, a computed trait, a membership, and a change for one who watches', async () => {
  const call = installation.client(store).watch(WatchRequest.create(), installation.metadata)
  const watched: WatchResponse[] = []
  call.on('data', (change: WatchResponse) => watched.push(change))
  call.on('error', () => undefined)
  await new Promise((resolve) => call.on('metadata', resolve))
  const ada = ['user_id', 'ada'] as const
  await installation.send([event('ada-1', [ada]), event('ada-2', [ada]), event('ada-2', [ada])])

  const profile = await waitForValue(
    'both orders in the profile',
    () => installation.get(store, 'user_id', 'ada'),
    (found) => found?.events === 2,
  )
  expect(profile).toMatchObject({
    computed: { orders: 2, spend: 24.6 },
    audiences: { loyal: {} },
    identifiers: [{ type: 'user_id', value: 'ada' }],
  })
  await waitUntil('the change is seen', () => watched.some(({ version }) => version === profile!.version))
  call.cancel()
  const skipped = await waitUntil('the repeated order in the log of skipped events', async () => {
    const { clickhouse } = installation
    const rows = await clickhouse.query<{ reason: string }>(
      `SELECT reason FROM ${clickhouse.table('skipped')} WHERE message_id = 'ada-2'`,
    )
    return rows.length > 0 && rows
  })
  expect(skipped).toHaveLength(1)
})

test('a merge and its undoing reach the public topics and every id', async () => {
  const [bob, visitor] = [['user_id', 'bob'] as const, ['anonymous_id', 'v-bob'] as const]
  await installation.send([event('bob-1', [visitor], { name: 'Viewed' })])
  await waitUntil('the visitor', () => installation.get(store, 'anonymous_id', 'v-bob'))
  await installation.send([event('bob-2', [bob, visitor])])
  await installation.assign([
    assignment(bob, bob, ChangeKind.CHANGE_KIND_MERGE, visitor),
    assignment(visitor, bob),
  ])
  const merged = await waitForValue(
    'both events in one profile',
    () => installation.get(store, 'anonymous_id', 'v-bob'),
    (found) => found?.events === 2,
  )
  expect(merged!.identifiers).toHaveLength(2)

  await installation.assign([assignment(visitor, visitor, ChangeKind.CHANGE_KIND_SPLIT, bob)])
  await waitForValue(
    'the visitor apart again',
    () => installation.get(store, 'anonymous_id', 'v-bob'),
    (found) => found?.events === 1,
  )
  const visitorId = profileIdOf(installation.hash('anonymous_id', 1, 'v-bob'), 0)
  const told = await waitForValue(
    'the changes of the visitor',
    async () => (await changes()).filter(({ profileId }) => profileId === visitorId),
    (found) => found.length === 3,
  )
  expect(told.map(({ op, mergedInto }) => [op, mergedInto])).toEqual([
    ['c', undefined],
    ['d', merged!.profileId],
    ['c', undefined],
  ])
})

test('killed again and again under load: every event counts once, versions have no gap, nothing is seen twice', async () => {
  const before = await totals()
  const people = Array.from({ length: 40 }, (_, i) => ['user_id', `load-${i}`] as const)
  const rounds = 5
  const perRound = 300
  for (let round = 0; round < rounds; round++) {
    const batch = Array.from({ length: perRound }, (_, i) =>
      event(`load-${round}-${i}`, [people[(i * 7 + round) % people.length]!], {
        raw: Buffer.from(`{"properties":{"total":0.1},"context":{"traits":{"round":${round}}}}`),
      }),
    )
    await installation.send([...batch, ...batch.slice(0, 20)])
    if (round < rounds - 1) {
      await new Promise((resolve) => setTimeout(resolve, 300))
      await store.kill()
      await store.start()
    }
  }
  await waitForValue(
    'all events in the profiles',
    totals,
    ({ events }) => events === before.events + rounds * perRound,
    {
      timeoutMs: 60_000,
    },
  )

  const all = await changes()
  for (let partition = 0; partition < counts.profile; partition++) {
    const versions = all.filter((each) => each.partition === partition).map(({ version }) => version)
    expect(versions).toEqual(versions.map((_, i) => versionOf(1, i + 1)))
  }
  const ids = (await installation.read(topics.profileChanges)).map(({ headers }) => String(headers['ce_id']))
  expect(new Set(ids).size).toBe(ids.length)

  const state = new Map<string, ProfileRecord>()
  for (const { key, value } of await installation.read(topics.profiles))
    if (value) state.set(key!, JSON.parse(value.toString()) as ProfileRecord)
  const orders = people.map(([type, value]) => {
    const record = state.get(profileIdOf(installation.hash(type, 1, value), 0))!
    return [record.computed['orders'], record.computed['spend']] as const
  })
  expect(orders.reduce((sum, [count]) => sum + Number(count), 0)).toBe(rounds * perRound)
  for (const [count, spend] of orders) expect(spend).toBe(Number((Number(count) * 0.1).toFixed(1)))
}, 120_000)
