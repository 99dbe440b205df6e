import { afterAll, beforeAll, beforeEach, describe, expect, test } from '@jest/globals'
import { type ServiceError, credentials, status } from '@grpc/grpc-js'
import {
  type GetProfileResponse,
  ProfileServiceClient,
  type ProfileRef,
} from '@tributary/contracts/generated/tributary/profile/v1/profile_service'
import { PositionToken } from '@tributary/contracts/generated/tributary/ingest/v1/position'
import { ProfilePeerServiceClient } from '@tributary/contracts/generated/tributary/profile/v1/profile_peers'
import { EventType } from '@tributary/contracts/generated/tributary/event/v1/event'
import {
  type GrpcServer,
  bearerCredentials,
  callUnary,
  createHealth,
  createPeerClients,
  startGrpcServer,
} from '@tributary/service-kit'
import { createRecordingLogger, noOwners } from '@tributary/service-kit/testing'
import { type AnchoredEvent, type AnchoredEvents } from '@tributary/clickhouse-log'
import { type Pipeline, createPipeline } from '../testing/pipeline.ts'
import { assignmentOf, eventOf, home, identifierId } from '../testing/shopPeople.ts'
import { shopReading } from '../testing/shopReading.ts'
import { type ProfileViews } from './profilePartitions.ts'
import { createProfileReads } from './profileReads.ts'
import { createProfileService } from './profileService.ts'
import { unwatched } from '../testing/unwatched.ts'

let pipeline: Pipeline
let ownsProfiles = true
let late = false
let logged: (asked: Parameters<AnchoredEvents['read']>[0]) => AnchoredEvent[] = () => []
const recording = createRecordingLogger()
let server: GrpcServer
let client: ProfileServiceClient

beforeAll(async () => {
  const views: ProfileViews = {
    counts: { identifier: 3, profile: 2, delivery: 1 },
    fragment: (partition) => pipeline.fragments[partition]!.view(),
    profile: (partition) => (ownsProfiles ? pipeline.profiles[partition]!.view() : undefined),
  }
  const instances = {
    nodeId: 'n1',
    peers: createPeerClients(ProfilePeerServiceClient),
    identifierOwners: noOwners,
    profileOwners: noOwners,
  }
  const reading = () => shopReading
  const reads = createProfileReads({
    views,
    instances,
    reading,
    epoch: 1,
    nowMs: Date.now,
    writes: () => ({
      reach: async (goal) => (late && goal.task === 'fragment' ? goal.offset - 2 : goal.offset),
      end: async () => 0,
    }),
    log: { read: async (asked) => logged(asked) },
  })
  const service = createProfileService({
    views,
    reading,
    instances,
    ...unwatched(),
    reads,
    logger: recording.logger,
  })
  server = await startGrpcServer({
    host: '127.0.0.1',
    port: 0,
    services: [service],
    tokens: ['t0ken'],
    health: createHealth(),
    logger: recording.logger,
  })
  client = new ProfileServiceClient(`127.0.0.1:${server.port}`, credentials.createInsecure())
})
afterAll(async () => {
  client.close()
  await server.stop(100)
})

beforeEach(() => {
  ownsProfiles = true
  late = false
  pipeline = createPipeline()
  pipeline.event(eventOf({ messageId: 'm1', identifiers: ['a1'], timeMs: 1_000 }))
  pipeline.settle()
  pipeline.event(
    eventOf({
      messageId: 'm2',
      identifiers: ['u1', 'a1'],
      type: EventType.EVENT_TYPE_IDENTIFY,
      timeMs: 2_000,
      payload: { traits: { plan: 'pro', card: 1 } },
    }),
  )
  pipeline.settle()
  pipeline.assign(assignmentOf('u1', home('u1')))
  pipeline.assign(assignmentOf('a1', home('u1')))
  pipeline.event(eventOf({ messageId: 'm3', identifiers: ['a1'], timeMs: 3_000 }))
  pipeline.settle()
})

const metadata = bearerCredentials('t0ken')
const get = (ref: ProfileRef['ref']): Promise<GetProfileResponse> =>
  callUnary(client.getProfile.bind(client), { ref: { ref } }, { deadlineMs: 2_000, metadata })
const byIdentifier = (type: string, value: string) => get({ $case: 'identifier', value: { type, value } })

async function codeOf(promise: Promise<unknown>): Promise<string> {
  const error = await promise.then(
    () => undefined,
    (failure: ServiceError) => failure,
  )
  return error ? `${status[error.code]}: ${error.details}` : 'answered'
}

const written = {
  minPosition: Buffer.from(
    PositionToken.encode({ epoch: 1, positions: [{ partition: 1, offset: 4 }] }).finish(),
  ).toString('base64url'),
  withIdentity: false,
  maxWaitMs: 0,
}
const user = (value: string): ProfileRef => ({
  ref: { $case: 'identifier', value: { type: 'user_id', value } },
})
const tooEarly = [{ task: 'fragment', partition: 1, topic: 'internal.events.v1', offsets: 2 }]

describe('read-your-write', () => {
  const ask = (value: string, freshness: typeof written) =>
    callUnary(
      client.getProfile.bind(client),
      { ref: user(value), freshness, fieldMask: ['events'] },
      { deadlineMs: 2_000, metadata },
    )

  test('an answer that is fresh enough says of nobody that it is behind', async () => {
    expect(await ask('u1', written)).toMatchObject({ profile: { events: 3, profileId: '' }, behind: [] })
  })

  test('an answer that came too early says how far behind it is, and is no NOT_FOUND', async () => {
    late = true
    expect(await ask('u1', written)).toMatchObject({ profile: { events: 3 }, behind: tooEarly })
    expect(await ask('nobody', written)).toEqual({ profile: undefined, behind: tooEarly })
    late = false
    expect(await codeOf(ask('nobody', written))).toMatch('NOT_FOUND')
  })

  test('a position of something else is refused', async () => {
    const asked = ask('u1', { ...written, minPosition: 'x' })
    expect(await codeOf(asked)).toMatch('INVALID_ARGUMENT: min_position is no position of this installation')
  })
})

describe('ListEvents', () => {
  const list = (pageToken: string, pageSize = 2) =>
    callUnary(
      client.listEvents.bind(client),
      { ref: user('u1'), pageSize, pageToken },
      { deadlineMs: 2_000, metadata },
    )

  test('the log is asked for all identifiers that are folded in now, page by page', async () => {
    const asked: Parameters<AnchoredEvents['read']>[0][] = []
    const event = {
      sourceId: 'web',
      type: 'track',
      name: 'Viewed',
      receivedMs: 9,
      identifiers: [],
      partition: 0,
    }
    logged = (question) => {
      asked.push(question)
      return [3, 2, 1]
        .map((n) => ({ ...event, messageId: `m${n}`, offset: n, timeMs: n, payload: Buffer.from('{}') }))
        .filter(({ timeMs }) => !question.after || timeMs < question.after.timeMs)
        .slice(0, question.limit)
    }
    const first = await list('')
    expect(first.events.map(({ messageId }) => messageId)).toEqual(['m3', 'm2'])
    const second = await list(first.nextPageToken)
    expect(second.events.map(({ messageId }) => messageId)).toEqual(['m1'])
    expect(second.nextPageToken).toBe('')
    expect(asked.map(({ anchors }) => [...anchors].sort())).toEqual(
      asked.map(() => [identifierId('a1'), identifierId('u1')].sort()),
    )
    expect(asked.map(({ after }) => after)).toEqual([undefined, { timeMs: 2, partition: 0, offset: 2 }])
  })

  test('a token of something else and a page too large are refused, and a log that is away says so', async () => {
    expect(await codeOf(list('x'))).toMatch('INVALID_ARGUMENT: page_token')
    expect(await codeOf(list('', 201))).toBe('INVALID_ARGUMENT: page_size is 201; at most 200')
    logged = () => {
      throw new Error('away')
    }
    expect(await codeOf(list(''))).toMatch('UNAVAILABLE: the event log')
  })
})

describe('BatchGetProfiles', () => {
  const batch = (refs: ProfileRef[], fieldMask?: string[]) =>
    callUnary(client.batchGetProfiles.bind(client), { refs, fieldMask }, { deadlineMs: 2_000, metadata })

  test('each reference has a status of its own, in the order asked', async () => {
    const { results } = await batch([
      user('u1'),
      user('nobody'),
      { ref: { $case: 'identifier', value: { type: 'shoe', value: '42' } } },
      { ref: { $case: 'profileId', value: home('a1') } },
    ])
    expect(results.map(({ code }) => code)).toEqual([
      status.OK,
      status.NOT_FOUND,
      status.INVALID_ARGUMENT,
      status.OK,
    ])
    expect(results.map(({ profile }) => profile?.profileId)).toEqual([
      home('u1'),
      undefined,
      undefined,
      home('u1'),
    ])
    expect(results[2]!.message).toMatch('no identifier type is called "shoe"')
  })

  test('none, too many, or a field that is none is refused as a whole', async () => {
    expect(await codeOf(batch([]))).toBe('INVALID_ARGUMENT: 0 refs; give 1 to 100')
    expect(await codeOf(batch(Array.from({ length: 101 }, () => user('u1'))))).toMatch('101 refs')
    expect(await codeOf(batch([user('u1')], ['shoe']))).toMatch('"shoe" is no field of a profile')
  })
})

describe('GetProfile', () => {
  test.each<[string, () => Promise<GetProfileResponse>]>([
    ['its id', () => get({ $case: 'profileId', value: home('u1') })],
    ['an id it had before it was merged', () => get({ $case: 'profileId', value: home('a1') })],
    ['an identifier', () => byIdentifier('user_id', 'u1')],
    ['any other identifier', () => byIdentifier('anonymous_id', ' a1 ')],
  ])('answers by %s', async (_, ask) => {
    const { profile } = await ask()
    expect(profile).toMatchObject({
      profileId: home('u1'),
      traits: { plan: 'pro' },
      events: 3,
      firstSeen: new Date(1_000),
      lastSeen: new Date(3_000),
      identifiers: [
        { type: 'anonymous_id', value: 'a1' },
        { type: 'user_id', value: 'u1' },
      ],
    })
    expect(JSON.parse(profile!.json)).toMatchObject({ profileId: home('u1'), version: profile!.version })
  })

  test.each<[string, () => Promise<unknown>, string]>([
    ['an unknown person', () => byIdentifier('user_id', 'u7'), 'NOT_FOUND: no event of that person'],
    [
      'an unknown type',
      () => byIdentifier('shoe_size', '43'),
      'INVALID_ARGUMENT: no identifier type is called',
    ],
    ['a placeholder', () => byIdentifier('user_id', 'null'), 'INVALID_ARGUMENT: the value is a placeholder'],
    [
      'no e-mail',
      () => byIdentifier('email', 'nobody'),
      'INVALID_ARGUMENT: the value is no email (not_an_email)',
    ],
    ['no profile id', () => get({ $case: 'profileId', value: 'x' }), 'INVALID_ARGUMENT: a profile id is'],
    ['nothing', () => get(undefined), 'INVALID_ARGUMENT: give a profile id or an identifier'],
  ])('says what is wrong with %s', async (_, ask, expected) => {
    expect(await codeOf(ask())).toContain(expected)
  })

  test('is UNAVAILABLE with a hint while the partition is elsewhere', async () => {
    ownsProfiles = false
    expect(await codeOf(byIdentifier('user_id', 'u1'))).toMatch(/^UNAVAILABLE: partition \d of the profiles/)
  })

  test('needs the token', async () => {
    const stranger = callUnary(client.getProfile.bind(client), { ref: {} }, { deadlineMs: 2_000 })
    expect(await codeOf(stranger)).toContain('UNAUTHENTICATED')
  })
})

test('GetTotals gives the profile side of the ledger', async () => {
  const { partitions, partitionCount } = await callUnary(
    client.getTotals.bind(client),
    {},
    { deadlineMs: 2_000, metadata },
  )
  expect(partitionCount).toBe(2)
  expect(partitions).toHaveLength(2)
  expect(partitions.reduce((sum, { events }) => sum + events, 0)).toBe(3)
  expect(partitions.reduce((sum, { profiles }) => sum + profiles, 0)).toBe(1)
})
