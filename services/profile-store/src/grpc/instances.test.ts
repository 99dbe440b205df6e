/** Three instances over one state: what each owns is a parameter, what each answers must not be. */
import { afterAll, beforeAll, beforeEach, expect, test } from '@jest/globals'
import { type ServiceError, credentials, status } from '@grpc/grpc-js'
import { ProfilePeerServiceClient } from '@tributary/contracts/generated/tributary/profile/v1/profile_peers'
import {
  ProfileServiceClient,
  type ProfileRef,
} from '@tributary/contracts/generated/tributary/profile/v1/profile_service'
import {
  type GrpcServer,
  bearerCredentials,
  callUnary,
  createHealth,
  createPeerClients,
  startGrpcServer,
} from '@tributary/service-kit'
import { createRecordingLogger } from '@tributary/service-kit/testing'
import { type Pipeline, createPipeline } from '../testing/pipeline.ts'
import { assignmentOf, eventOf, home } from '../testing/shopPeople.ts'
import { shopReading } from '../testing/shopReading.ts'
import { createProfilePeerService } from './profilePeerService.ts'
import { createProfileReads } from './profileReads.ts'
import { unwatched } from '../testing/unwatched.ts'
import { createProfileService } from './profileService.ts'

const counts = { identifier: 3, profile: 2, delivery: 1 }
const INSTANCES = 3
const { logger } = createRecordingLogger()
const peers = createPeerClients(ProfilePeerServiceClient)
const servers: GrpcServer[] = []
const addresses: string[] = []
const clients: ProfileServiceClient[] = []
let pipeline: Pipeline
/** Instance that has a partition; undefined: it is moving. What the map says may lag behind. */
let identifierOwner: (number | undefined)[]
let profileOwner: (number | undefined)[]
let mapped: { identifier: (number | undefined)[]; profile: (number | undefined)[] }

function ownersOf(kind: 'identifier' | 'profile') {
  return {
    async ownerOf(partition: number) {
      const index = mapped[kind][partition]
      return index === undefined ? undefined : { nodeId: `n${index}`, address: addresses[index] }
    },
    async refresh() {
      mapped = { identifier: identifierOwner, profile: profileOwner }
    },
  }
}

async function startInstance(index: number): Promise<void> {
  const views = {
    counts,
    fragment: (partition: number) =>
      identifierOwner[partition] === index ? pipeline.fragments[partition]!.view() : undefined,
    profile: (partition: number) =>
      profileOwner[partition] === index ? pipeline.profiles[partition]!.view() : undefined,
  }
  const instances = {
    nodeId: `n${index}`,
    peers,
    identifierOwners: ownersOf('identifier'),
    profileOwners: ownersOf('profile'),
  }
  const reading = () => shopReading
  const reads = createProfileReads({
    views,
    instances,
    reading,
    epoch: 1,
    nowMs: Date.now,
    writes: () => ({ reach: async (goal) => goal.offset, end: async () => 0 }),
    log: { read: async () => [] },
  })
  const service = createProfileService({
    views,
    instances,
    reading,
    ...unwatched(),
    reads,
    logger,
  })
  const server = await startGrpcServer({
    host: '127.0.0.1',
    port: 0,
    services: [service, createProfilePeerService(views, logger)],
    tokens: ['t0ken'],
    health: createHealth(),
    logger,
  })
  servers.push(server)
  addresses.push(`127.0.0.1:${server.port}`)
  clients.push(new ProfileServiceClient(`127.0.0.1:${server.port}`, credentials.createInsecure()))
}

beforeAll(async () => {
  for (let index = 0; index < INSTANCES; index++) await startInstance(index)
})
afterAll(async () => {
  for (const each of [...clients, peers]) each.close()
  await Promise.all(servers.map((server) => server.stop(100)))
})

const people = Array.from({ length: 12 }, (_, i) => `u${i}`)

beforeEach(() => {
  identifierOwner = [0, 1, 2]
  profileOwner = [1, 2]
  mapped = { identifier: identifierOwner, profile: profileOwner }
  pipeline = createPipeline()
  for (const [i, person] of people.entries())
    pipeline.event(eventOf({ messageId: `m${i}`, identifiers: [person], timeMs: 1_000 + i }))
  pipeline.settle()
  // u1 is found to be u0, whose partitions are others'.
  pipeline.assign(assignmentOf('u0', home('u0')))
  pipeline.assign(assignmentOf('u1', home('u0')))
  pipeline.settle()
})

const options = { deadlineMs: 5_000, metadata: bearerCredentials('t0ken') }

function get(client: ProfileServiceClient, ref: ProfileRef['ref']) {
  return callUnary(client.getProfile.bind(client), { ref: { ref } }, options)
}

const questions: ProfileRef['ref'][] = [
  ...people.map((value) => ({ $case: 'identifier' as const, value: { type: 'user_id', value } })),
  ...people.map((person) => ({ $case: 'profileId' as const, value: home(person) })),
]

const codeOf = (error: ServiceError): string => status[error.code]

test('every instance gives the same answer to every question', async () => {
  for (const question of questions) {
    const [first, ...others] = await Promise.all(clients.map((client) => get(client, question)))
    expect(first!.profile?.profileId).toMatch(/^[0-9a-f]{32}-0$/)
    for (const other of others) expect(other).toEqual(first)
  }
  const merged = await get(clients[2]!, { $case: 'profileId', value: home('u1') })
  expect(merged.profile).toMatchObject({ profileId: home('u0'), events: 2 })
})

test('every instance counts every partition, each once', async () => {
  const answers = await Promise.all(
    clients.map((client) => callUnary(client.getTotals.bind(client), {}, options)),
  )
  for (const answer of answers) expect(answer).toEqual(answers[0])
  expect(answers[0]!.partitions.map(({ partition }) => partition)).toEqual([0, 1])
  expect(answers[0]!.partitions.reduce((sum, { events }) => sum + events, 0)).toBe(people.length)
})

test('an old map costs one more call, and no answer', async () => {
  identifierOwner = [2, 0, 1]
  profileOwner = [0, 1]
  for (const question of questions) {
    mapped = { identifier: [0, 1, 2], profile: [1, 2] }
    for (const client of clients) expect((await get(client, question)).profile).toBeDefined()
  }
})

test('while a partition moves its questions are UNAVAILABLE and the others are answered', async () => {
  const before = await Promise.all(questions.map((question) => get(clients[0]!, question)))
  profileOwner = [1, undefined]
  let refused = 0
  for (const [i, question] of questions.entries())
    for (const client of clients) {
      const answer = await get(client, question).catch(codeOf)
      refused += Number(answer === 'UNAVAILABLE')
      expect(['UNAVAILABLE', before[i]]).toContainEqual(answer)
    }
  expect(refused).toBeGreaterThan(0)
  expect(refused).toBeLessThan(questions.length * INSTANCES)
  const totals = callUnary(clients[0]!.getTotals.bind(clients[0]), {}, options)
  await expect(totals).rejects.toMatchObject({ code: status.UNAVAILABLE })
})

test('a stranger is refused by the other instances too', async () => {
  const client = new ProfilePeerServiceClient(addresses[0]!, credentials.createInsecure())
  const asked = callUnary(
    client.lookUpProfile.bind(client),
    { profileId: home('u0') },
    { deadlineMs: 2_000, metadata: bearerCredentials('other') },
  )
  await expect(asked).rejects.toMatchObject({ code: status.UNAUTHENTICATED })
  client.close()
})
