/** Two instances that own one partition of the profiles each: what one answers the other must too. */
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals'
import { credentials, status } from '@grpc/grpc-js'
import { AudiencePeerServiceClient } from '@tributary/contracts/generated/tributary/audience/v1/audience_peers'
import { AudienceServiceClient } from '@tributary/contracts/generated/tributary/audience/v1/audience_service'
import { ProfilePeerServiceClient } from '@tributary/contracts/generated/tributary/profile/v1/profile_peers'
import {
  type GrpcServer,
  bearerCredentials,
  callUnary,
  createHealth,
  createPeerClients,
  startGrpcServer,
} from '@tributary/service-kit'
import { createRecordingLogger } from '@tributary/service-kit/testing'
import { createProfilePeerService } from '../grpc/profilePeerService.ts'
import { audience, jobs } from '../testing/adoptedDocuments.ts'
import { type Pipeline, START_MS, createPipeline } from '../testing/pipeline.ts'
import { membershipsOf } from '../testing/readRecords.ts'
import { assignmentOf, eventOf, home } from '../testing/shopPeople.ts'
import { shopReading } from '../testing/shopReading.ts'
import { createAudiencePeerService } from './audiencePeerService.ts'
import { createAudienceService } from './audienceService.ts'

const counts = { identifier: 3, profile: 2, delivery: 1 }
const { logger } = createRecordingLogger()
const peers = createPeerClients(ProfilePeerServiceClient)
const audiencePeers = createPeerClients(AudiencePeerServiceClient)
const servers: GrpcServer[] = []
const clients: AudienceServiceClient[] = []
let pipeline: Pipeline

async function startInstance(index: number): Promise<void> {
  const mine = (partition: number) => partition % 2 === index
  const views = {
    counts,
    fragment: (partition: number) => (mine(partition) ? pipeline.fragments[partition]!.view() : undefined),
    profile: (partition: number) => (mine(partition) ? pipeline.profiles[partition]!.view() : undefined),
  }
  const owners = {
    ownerOf: async (partition: number) => ({
      nodeId: `n${partition % 2}`,
      address: `127.0.0.1:${servers[partition % 2]!.port}`,
    }),
    refresh: async () => {},
  }
  const instances = { nodeId: `n${index}`, peers, identifierOwners: owners, profileOwners: owners }
  const reading = () => shopReading
  const server = await startGrpcServer({
    host: '127.0.0.1',
    port: 0,
    services: [
      createAudienceService({ views, instances, peers: audiencePeers, reading, logger }),
      createAudiencePeerService(views, logger),
      createProfilePeerService(views, logger),
    ],
    tokens: ['t0ken'],
    health: createHealth(),
    logger,
  })
  servers.push(server)
  clients.push(new AudienceServiceClient(`127.0.0.1:${server.port}`, credentials.createInsecure()))
}

const people = Array.from({ length: 25 }, (_, i) => `u${i}`)

beforeAll(async () => {
  pipeline = createPipeline(counts)
  pipeline.configure(
    0,
    jobs([
      audience('buyers', { event: 'Order Completed' }),
      audience('lately', {
        all: [
          { audience: 'buyers' },
          {
            any: [
              { trait: 'plan', eq: 'pro' },
              { event: 'Order Completed', within: '1d' },
            ],
          },
          { not: { identifier: 'email' } },
        ],
      }),
      audience('nobody', { event: 'Never' }),
    ]),
    { traits: new Map(), hashOf: () => undefined },
  )
  pipeline.settle()
  for (const [i, person] of people.entries())
    pipeline.event(
      eventOf({
        messageId: `m${i}`,
        identifiers: i === 3 ? [person, 'e3'] : [person],
        name: i % 5 === 4 ? 'Viewed' : 'Order Completed',
      }),
    )
  pipeline.settle()
  pipeline.assign(assignmentOf('e3', home('u3')))
  pipeline.assign(assignmentOf('u1', home('u0')))
  pipeline.settle()
  for (let index = 0; index < 2; index++) await startInstance(index)
})
afterAll(async () => {
  for (const each of [...clients, peers, audiencePeers]) each.close()
  await Promise.all(servers.map((server) => server.stop(100)))
})

const options = { deadlineMs: 5_000, metadata: bearerCredentials('t0ken') }

function everyMember(client: AudienceServiceClient, id: string, pageSize: number): Promise<string[]> {
  const next = async (pageToken: string): Promise<string[]> => {
    const request = { audience: id, pageSize, pageToken }
    const { members, nextPageToken } = await callUnary(client.listMembers.bind(client), request, options)
    expect(members.length).toBeLessThanOrEqual(pageSize)
    const ids = members.map(({ profileId }) => profileId)
    return nextPageToken === '' ? ids : [...ids, ...(await next(nextPageToken))]
  }
  return next('')
}

const explain = (client: AudienceServiceClient, id: string, value: string) =>
  callUnary(
    client.explainMembership.bind(client),
    { audience: id, ref: { ref: { $case: 'identifier', value: { type: 'user_id', value } } } },
    options,
  )

describe('every instance', () => {
  test('says which audiences there are, and how many are in each', async () => {
    for (const client of clients) {
      const { audiences } = await callUnary(client.listAudiences.bind(client), {}, options)
      expect(audiences).toEqual([
        { id: 'buyers', members: 19, hash: 'hash-buyers', switching: false },
        { id: 'lately', members: 18, hash: 'hash-lately', switching: false },
        { id: 'nobody', members: 0, hash: 'hash-nobody', switching: false },
      ])
    }
  })

  test.each([1, 7, 19, 1000])('lists the members the topic tells of, in pages of %d', async (pageSize) => {
    const told = [...membershipsOf(pipeline)].flatMap(([, { audience: id, profileId, member }]) =>
      id === 'buyers' && member ? [profileId] : [],
    )
    for (const client of clients)
      expect((await everyMember(client, 'buyers', pageSize)).sort()).toEqual(told.sort())
  })

  test('explains condition by condition, with the value each saw', async () => {
    for (const client of clients) {
      const { since, asOf, ...answer } = await explain(client, 'lately', 'u3')
      expect(since).toEqual(new Date(START_MS))
      expect(asOf).toEqual(new Date(START_MS))
      const leaf = (holds: boolean, text: string, valueJson: string) => ({
        kind: 'leaf',
        holds,
        conditions: [],
        text,
        valueJson,
      })
      const group = (kind: string, holds: boolean, ...conditions: object[]) => ({
        kind,
        holds,
        conditions,
        text: '',
        valueJson: '',
      })
      expect(answer).toEqual({
        profileId: home('u3'),
        version: expect.stringMatching(/^0001-/),
        member: false,
        hash: 'hash-lately',
        disabled: false,
        condition: group(
          'all',
          false,
          leaf(true, 'is in the audience buyers', 'true'),
          group(
            'any',
            true,
            leaf(false, 'plan is "pro"', 'null'),
            leaf(true, 'count of Order Completed within 1d is at least 1', '1'),
          ),
          group('not', false, leaf(true, 'has an identifier of type email', 'true')),
        ),
      })
      expect(await explain(client, 'lately', 'u1')).toMatchObject({ profileId: home('u0'), member: true })
    }
  })

  test('says what it does not know', async () => {
    for (const client of clients) {
      await expect(explain(client, 'none', 'u3')).rejects.toMatchObject({ code: status.NOT_FOUND })
      await expect(explain(client, 'buyers', 'stranger')).rejects.toMatchObject({ code: status.NOT_FOUND })
      await expect(everyMember(client, 'none', 10)).rejects.toMatchObject({ code: status.NOT_FOUND })
      const wrong = { audience: 'buyers', pageSize: 10, pageToken: 'x' }
      await expect(callUnary(client.listMembers.bind(client), wrong, options)).rejects.toMatchObject({
        code: status.INVALID_ARGUMENT,
      })
    }
  })
})
