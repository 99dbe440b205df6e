/**
 * A moderate world of made-up people through the real collector and Kafka, with two identity-stitchers, each killed
 * without warning in the middle: who is who is what the oracle says, every profile has its identifiers, and every event is in one.
 */
import { afterAll, beforeAll, expect, test } from '@jest/globals'
import { credentials } from '@grpc/grpc-js'
import { mkdtemp, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { connectClickHouse } from '@tributary/clickhouse-log'
import { topicName, topics } from '@tributary/contracts'
import { Assignment } from '@tributary/contracts/generated/tributary/identity/v1/assignment'
import { FactKind } from '@tributary/contracts/generated/tributary/identity/v1/evidence'
import {
  IdentityServiceClient,
  SubmitFactRequest,
} from '@tributary/contracts/generated/tributary/identity/v1/identity_service'
import { ProfileServiceClient } from '@tributary/contracts/generated/tributary/profile/v1/profile_service'
import { resolveAll } from '@tributary/domain/testing'
import { type Kafka, createKafka, readTopic } from '@tributary/kafka'
import { bearerCredentials, callUnary, createIdentifierHasher } from '@tributary/service-kit'
import { startServices, type Installation } from '../../deploy/local/src/launcher.ts'
import { sharedStack, testStack } from '../support/testStack.ts'
import { uniquePrefix } from '../support/uniquePrefix.ts'
import { waitForValue, waitUntil } from '../support/waitUntil.ts'
import { type World, type WorldEvent, createWorld } from '../support/world/createWorld.ts'
import { type ReadWorld, readWorld, worldResolverRules } from '../support/world/readWorld.ts'
import { worldPresets } from '../support/world/worldPresets.ts'

const DOCUMENTS = fileURLToPath(new URL('../../examples/shop', import.meta.url))
/** Of examples/shop: the key of browsers, which may not join known users. */
const CLIENT_KEY = 'wk_web_1'
const ORIGIN = 'https://shop.example'
const PERSONS = 120
const EVENTS_PER_BATCH = 50
const PARTITIONS = 4
/** Two restarts, rebalances and restores on a busy machine. */
const CAUGHT_UP = { timeoutMs: 120_000, pollMs: 500 }

const prefix = uniquePrefix('world')
const world: World = createWorld({ ...worldPresets.moderate, seed: 11, persons: PERSONS })
let read: ReadWorld
let folder: string
let installation: Installation
let kafka: Kafka
let token: string

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'tributary-e2e-'))
  installation = await startServices(sharedStack(prefix), {
    dataDir: folder,
    settings: { TOPIC_PREFIX: prefix, GROUP_PREFIX: prefix, IDENTIFIER_PARTITIONS: String(PARTITIONS) },
    services: [
      { service: 'collector' },
      { service: 'identity-stitcher', instance: 'stitcher-a', settings: { NODE_ID: 'stitcher-a' } },
      { service: 'identity-stitcher', instance: 'stitcher-b', settings: { NODE_ID: 'stitcher-b' } },
      { service: 'profile-store' },
    ],
    documents: DOCUMENTS,
  })
  kafka = createKafka({ brokers: testStack().brokers.split(','), clientId: 'world-test' })
  token = (await readFile(installation.secrets.grpcToken, 'utf8')).trim()
  read = readWorld(
    world,
    createIdentifierHasher((await readFile(installation.secrets.workspaceKey, 'utf8')).trim()),
  )
}, 240_000)

afterAll(async () => {
  await installation?.stop()
  await rm(folder, { recursive: true, force: true })
}, 60_000)

async function send(events: readonly WorldEvent[], key: string): Promise<void> {
  if (events.length === 0) return
  await waitUntil('the collector to take a batch', async () => {
    const response = await fetch(`${installation.addresses().collector?.http}/v1/batch`, {
      method: 'POST',
      headers: {
        'content-type': 'application/json',
        authorization: `Basic ${btoa(`${key}:`)}`,
        origin: ORIGIN,
      },
      body: JSON.stringify({ batch: events.map((each) => each.body) }),
    })
    return response.status === 200
  })
}

/** By browsers and by the shop's server; facts by an operator at the end. */
async function sendAll(events: readonly WorldEvent[]): Promise<void> {
  for (let from = 0; from < events.length; from += EVENTS_PER_BATCH) {
    const batch = events.slice(from, from + EVENTS_PER_BATCH)
    // oxlint-disable no-await-in-loop -- in the order of arrival
    await send(
      batch.filter((each) => !each.trusted),
      CLIENT_KEY,
    )
    await send(
      batch.filter((each) => each.trusted),
      installation.writeKeys['web']!,
    )
    // oxlint-enable no-await-in-loop
  }
}

async function submitFacts(instance: string): Promise<void> {
  const client = new IdentityServiceClient(
    `127.0.0.1:${installation.service(instance).ports().grpc}`,
    credentials.createInsecure(),
  )
  const said = world.facts.map((fact) =>
    SubmitFactRequest.fromPartial({
      kind: FactKind.FACT_KIND_JOIN,
      refs: fact.users.map((value) => ({ ref: { $case: 'identifier', value: { type: 'user_id', value } } })),
      actor: 'operator',
      reason: 'one customer with two accounts',
      factId: fact.id,
    }),
  )
  await Promise.all(
    said.map((request) =>
      waitUntil(
        'a fact to be taken',
        () =>
          callUnary(client.submitFact.bind(client), request, {
            deadlineMs: 4_000,
            metadata: bearerCredentials(token),
          }),
        CAUGHT_UP,
      ),
    ),
  )
  client.close()
}

/** Identifier id → profile: the last assignment of each. */
async function assignments(): Promise<ReadonlyMap<string, string>> {
  const found = new Map<string, string>()
  for (let partition = 0; partition < PARTITIONS; partition++)
    for await (const { records } of readTopic(kafka, {
      topic: topicName(prefix, topics.assignments),
      partition,
    }))
      for (const { value } of records) {
        const { identifierId, profileId } = Assignment.decode(value!)
        found.set(identifierId, profileId)
      }
  return found
}

test('who is who is what the oracle says, with both stitchers killed in the middle', async () => {
  const third = Math.ceil(world.events.length / 3)
  await sendAll(world.events.slice(0, third))
  await installation.service('stitcher-a').kill()
  await sendAll(world.events.slice(third, 2 * third))
  await installation.service('stitcher-a').start()
  await installation.service('stitcher-b').kill()
  await sendAll(world.events.slice(2 * third))
  await installation.service('stitcher-b').start()
  // To the one that may not run the resolver, and to the other again: each counts once.
  await submitFacts('stitcher-b')
  await submitFacts('stitcher-a')

  const { profiles } = resolveAll([
    { kind: 'rules', rules: worldResolverRules('first'), configOffset: 0 },
    ...read.inputs,
  ])
  const differing = async (): Promise<readonly string[]> => {
    const found = await assignments()
    return [...profiles].flatMap(([id, profile]) =>
      (found.get(id) ?? `${id}-0`) === profile
        ? []
        : [`${read.names.get(id)}: ${found.get(id)}, not ${profile}`],
    )
  }
  const wrong = await waitForValue(
    'the assignments of the oracle',
    differing,
    (each) => each.length === 0,
    CAUGHT_UP,
  )
  expect(wrong).toEqual([])
  expect(profiles.size).toBeGreaterThan(2 * PERSONS)

  // A profile shows those of its identifiers that its own events carry. Its number of events is as of its last public
  // change, so events are counted over all profiles instead.
  const profileOf = (id: string): string => profiles.get(id) ?? `${id}-0`
  const expected = new Map<string, Set<string>>()
  for (const { identifiers } of read.events) {
    const [anchor] = identifiers
    if (anchor === undefined) continue
    const profileId = profileOf(anchor)
    const own = identifiers.filter((id) => profileOf(id) === profileId)
    const known = expected.get(profileId) ?? new Set()
    expected.set(profileId, known)
    for (const id of own) known.add(read.names.get(id)!)
  }
  const client = new ProfileServiceClient(
    installation.addresses().profileStore!.grpc,
    credentials.createInsecure(),
  )
  const asking = { deadlineMs: 4_000, metadata: bearerCredentials(token) }
  const differingProfiles = async (): Promise<readonly string[]> => {
    const found: string[] = []
    for (const [profileId, names] of expected) {
      const ref = { ref: { $case: 'profileId' as const, value: profileId } }
      // oxlint-disable-next-line no-await-in-loop -- one question after the other is gentle enough
      const { profile } = await callUnary(client.getProfile.bind(client), { ref }, asking)
      const { identifiers } = JSON.parse(profile!.json) as {
        identifiers: readonly { type: string; value: string }[]
      }
      const shown = identifiers.map(({ type, value }) => `${type}:${value}`).sort()
      const own = [...names].sort()
      if (shown.join() !== own.join()) found.push(`${profileId}: ${shown.join()}, not ${own.join()}`)
    }
    return found
  }
  const uneven = await waitForValue(
    'every profile to have its identifiers',
    differingProfiles,
    (each) => each.length === 0,
    CAUGHT_UP,
  )
  expect(uneven).toEqual([])

  const anchored = read.events.filter((each) => each.identifiers.length > 0).length
  const eventsInProfiles = async (): Promise<number> => {
    const { partitions } = await callUnary(client.getTotals.bind(client), {}, asking)
    return partitions.reduce((sum, each) => sum + each.events, 0)
  }
  const counted = await waitForValue(
    'every event in a profile, once',
    eventsInProfiles,
    (each) => each === anchored,
    CAUGHT_UP,
  )
  expect(counted).toBe(anchored)
  client.close()

  // The event log gives each event the same profile, without a row of it being rewritten.
  const clickhouse = connectClickHouse({
    url: testStack().clickhouseUrl,
    database: prefix,
  })
  const attributed = async () => {
    const rows = await clickhouse.query<{ anchor: string; profile_id: string; events: string }>(
      `SELECT anchor, profile_id, count() AS events FROM ${clickhouse.database}.attributed_events GROUP BY ALL`,
    )
    const wrongly = rows.filter((row) => row.profile_id !== profileOf(row.anchor))
    const events = rows.reduce((sum, row) => sum + Number(row.events), 0)
    return { wrongly: wrongly.map((row) => row.anchor), events }
  }
  const inLog = await waitForValue(
    'the log to have every event and every move',
    attributed,
    ({ wrongly, events }) => wrongly.length === 0 && events === anchored,
    CAUGHT_UP,
  )
  expect(inLog).toEqual({ wrongly: [], events: anchored })
  await clickhouse.close()
}, 600_000)
