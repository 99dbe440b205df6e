/** Several profile-stores on one installation: each answers for all, while partitions move between them. */
import { afterAll, beforeAll, expect, test } from '@jest/globals'
import { setTimeout as sleep } from 'node:timers/promises'
import { profileIdOf } from '@tributary/contracts'
import { ChangeKind } from '@tributary/contracts/generated/tributary/identity/v1/assignment'
import {
  WatchRequest,
  type WatchResponse,
} from '@tributary/contracts/generated/tributary/profile/v1/profile_service'
import { type KafkaAdmin, createAdmin } from '@tributary/kafka'
import { callUnary } from '@tributary/service-kit'
import { groupName } from '@tributary/stream-runtime'
import { type ServiceProcess } from '../../../deploy/local/src/serviceProcess.ts'
import { waitForValue, waitUntil } from '../../support/waitUntil.ts'
import { type ProfileInstallation, openProfileInstallation } from '../profile/profileInstallation.ts'
import { Shoppers } from './shoppers.ts'

const counts = { identifier: 6, profile: 6, delivery: 1 }
let installation: ProfileInstallation
let admin: KafkaAdmin
/** Those that are expected to answer. */
let live: ServiceProcess[] = []
let sentInAll = 0

beforeAll(async () => {
  installation = await openProfileInstallation(counts)
  await installation.apply([])
  admin = await createAdmin(installation.kafka)
  live = [await installation.start()]
}, 90_000)
afterAll(async () => {
  await admin?.close()
  await installation?.close()
}, 60_000)

/** Partitions that each instance owns, by the group of one kind of task. */
async function owned(topology: 'fragment' | 'profile'): Promise<Map<string, number>> {
  const { state, members } = await admin.describeGroup(groupName(installation.prefix, topology, 1))
  if (state !== 'Stable') return new Map()
  return new Map(
    members.map(({ nodeId, assignment }) => [nodeId!, [...assignment.values()][0]?.length ?? 0] as const),
  )
}

/** Every live instance owns its share, and nobody else anything. */
async function untilShared(): Promise<void> {
  const names = live.map(({ instance }) => instance).sort()
  for (const topology of ['fragment', 'profile'] as const)
    await waitForValue(
      `${names.join(', ')} share the ${topology} tasks`,
      async () => [...(await owned(topology))],
      (shares) =>
        JSON.stringify(shares.map(([name]) => name).sort()) === JSON.stringify(names) &&
        shares.every(([, share]) => share === 6 / names.length),
    )
}

async function scaleOut(): Promise<void> {
  const started = await installation.start()
  live = [...live, started]
  await untilShared()
}

async function totals(instance: ServiceProcess) {
  const client = installation.client(instance)
  const options = { deadlineMs: 5_000, metadata: installation.metadata }
  return callUnary(client.getTotals.bind(client), {}, options)
}

async function eventsFolded(instance: ServiceProcess): Promise<number> {
  return (await totals(instance)).partitions.reduce((sum, { events }) => sum + events, 0)
}

/** Everything that was ever sent is in the profiles, by every instance's account, and each person has what was sent. */
async function expectNothingLost(shoppers: Shoppers): Promise<void> {
  sentInAll += shoppers.total
  for (const instance of live)
    await waitForValue(
      'all events in the profiles',
      () => eventsFolded(instance),
      (sum) => sum === sentInAll,
    )
  for (const [i, name] of shoppers.names.entries()) {
    // "Unavailable, ask again" is an answer while partitions move; anything else than all is wrong at once.
    const told = await waitForValue(
      `an answer about ${name}`,
      () => shoppers.ask(live[i % live.length]!, name),
      (events) => events !== undefined,
    )
    expect([name, told]).toEqual([name, shoppers.sent.get(name)])
  }
  expect(shoppers.answers.wrong).toEqual([])
}

async function ready(instance: ServiceProcess): Promise<Record<string, { ready: boolean; detail?: string }>> {
  const answer = await fetch(`http://127.0.0.1:${instance.ports().admin}/readyz`)
  return ((await answer.json()) as { components: never }).components
}

test('two, then three instances share the partitions, and each gives the same answer to every question', async () => {
  const shoppers = new Shoppers(installation, 'same', 30)
  await shoppers.send(120)
  await scaleOut()
  await scaleOut()
  await expectNothingLost(shoppers)

  const [winner, loser] = shoppers.names.map((name) => installation.hash('user_id', 1, name))
  const into = profileIdOf(winner!, 0)
  const change = {
    id: 'c1',
    kind: ChangeKind.CHANGE_KIND_MERGE,
    from: profileIdOf(loser!, 0),
    into,
    cause: 'e1',
  }
  await installation.assign(
    [winner!, loser!].map((identifierId) => ({
      identifierId,
      type: 'user_id',
      profileId: into,
      generation: 0,
      change,
    })),
  )
  await waitForValue(
    'the merge',
    () => installation.get(live[0]!, 'user_id', shoppers.names[1]!),
    (found) => found?.profileId === into && found.identifiers.length === 2,
  )
  for (const name of shoppers.names) {
    const [first, ...others] = await Promise.all(
      live.map((instance) => installation.get(instance, 'user_id', name)),
    )
    expect(first?.identifiers.some(({ value }) => value === name)).toBe(true)
    for (const other of others) expect(other).toEqual(first)
  }
  const old = await Promise.all(
    live.map((instance) => {
      const client = installation.client(instance)
      const ref = { ref: { $case: 'profileId' as const, value: profileIdOf(loser!, 0) } }
      return callUnary(
        client.getProfile.bind(client),
        { ref },
        { deadlineMs: 5_000, metadata: installation.metadata },
      )
    }),
  )
  expect(old.map(({ profile }) => profile?.profileId)).toEqual([into, into, into])
  const [all, ...same] = await Promise.all(live.map(totals))
  expect(all!.partitions.map(({ partition }) => partition)).toEqual([0, 1, 2, 3, 4, 5])
  for (const other of same) expect(other).toEqual(all)

  const { 'profile tasks': tasks } = await ready(live[0]!)
  expect(tasks).toEqual({ ready: true, detail: '2 tasks of profile run' })
}, 120_000)

/** Ids of whom a watch has told, and the token to go on with. */
function collect(instance: ServiceProcess, request: Partial<WatchRequest> = {}) {
  const call = installation
    .client(instance)
    .watch(WatchRequest.create(request as WatchRequest), installation.metadata)
  const seen = { call, ids: new Set<string>(), token: Buffer.alloc(0) }
  call.on('data', ({ profileId, resumeToken }: WatchResponse) => {
    seen.ids.add(profileId)
    seen.token = Buffer.from(resumeToken)
  })
  call.on('error', () => undefined)
  return seen
}

test('whoever is asked to watch sends the changes of all partitions, also those one missed at another instance', async () => {
  const idsOf = ({ names }: Shoppers) =>
    names.map((name) => profileIdOf(installation.hash('user_id', 1, name), 0))
  const shoppers = new Shoppers(installation, 'watched', 12)
  const watches = live.map((instance) => collect(instance))
  await Promise.all(watches.map(({ call }) => new Promise((resolve) => call.once('metadata', resolve))))
  await shoppers.send(24)
  await waitUntil('everybody by everyone', () =>
    watches.every(({ ids }) => idsOf(shoppers).every((id) => ids.has(id))),
  )
  for (const { call } of watches) call.cancel()
  await expectNothingLost(shoppers)

  const missed = new Shoppers(installation, 'missed', 12)
  await missed.send(24)
  await expectNothingLost(missed)
  const again = collect(live[1]!, { resumeToken: watches[0]!.token })
  await waitUntil('those that were missed', () => idsOf(missed).every((id) => again.ids.has(id)))
  expect(idsOf(shoppers).filter((id) => again.ids.has(id))).toEqual([])
  again.call.cancel()
}, 60_000)

test('in and out again while events flow: nothing is lost, and no answer is wrong', async () => {
  while (live.length < 3) await scaleOut()
  const shoppers = new Shoppers(installation, 'moving', 40)
  await shoppers.load(
    () => live,
    async () => {
      for (const left of [2, 1]) {
        const leaving = live[0]!
        live = live.slice(1)
        await leaving.stop()
        expect(await leaving.ended()).toEqual({ code: 0, signal: null })
        await untilShared()
        expect(live).toHaveLength(left)
      }
      await scaleOut()
      await scaleOut()
      await sleep(1_000)
    },
  )
  expect(shoppers.answers.wrong).toEqual([])
  expect(shoppers.answers.answered).toBeGreaterThan(0)
  await expectNothingLost(shoppers)
}, 180_000)

test('a killed instance: its partitions move, and everything is answered again by those that stay', async () => {
  while (live.length < 2) await scaleOut()
  const shoppers = new Shoppers(installation, 'killed', 40)
  await shoppers.load(
    () => live,
    async () => {
      await sleep(500)
      const killed = live[0]!
      live = live.slice(1)
      await killed.kill()
      await untilShared()
      await sleep(1_000)
    },
  )
  expect(shoppers.answers.wrong).toEqual([])
  expect(shoppers.answers.answered).toBeGreaterThan(0)
  await expectNothingLost(shoppers)
}, 120_000)

test('an instance that was frozen until others had its partitions tells nobody what it knew before', async () => {
  while (live.length < 2) await scaleOut()
  const shoppers = new Shoppers(installation, 'frozen', 40)
  await shoppers.send(200)
  const [frozen, ...others] = live
  await waitUntil('all of them told', async () => {
    const asked = shoppers.names.map((name) => shoppers.ask(frozen!, name))
    return (await Promise.all(asked)).every((events, i) => events === shoppers.sent.get(shoppers.names[i]!))
  })
  frozen!.signal('SIGSTOP')
  live = others
  await untilShared()
  await shoppers.send(200)
  const one = others[0]!
  await waitUntil('the others have all', async () => {
    const asked = shoppers.names.map((name) => shoppers.ask(one, name))
    return (await Promise.all(asked)).every((events, i) => events === shoppers.sent.get(shoppers.names[i]!))
  })
  // From now on less than everything would be wrong: asked before it has heard a word from the group.
  const questions = shoppers.names.map((name) => shoppers.ask(frozen!, name))
  frozen!.signal('SIGCONT')
  await Promise.all(questions)
  expect(shoppers.answers.wrong).toEqual([])
  live = [...others, frozen!]
  await untilShared()
  await expectNothingLost(shoppers)
}, 120_000)
