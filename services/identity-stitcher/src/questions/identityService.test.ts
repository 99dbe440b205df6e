import { afterAll, beforeAll, beforeEach, describe, expect, test } from '@jest/globals'
import { type ServiceError, credentials, status } from '@grpc/grpc-js'
import { topics } from '@tributary/contracts'
import {
  type ExplainResponse,
  type IdentifierRef,
  IdentityServiceClient,
  type ResolveResponse,
} from '@tributary/contracts/generated/tributary/identity/v1/identity_service'
import { identityRules } from '@tributary/configuration'
import {
  type GrpcServer,
  bearerCredentials,
  callUnary,
  createHealth,
  createPeerClients,
  startGrpcServer,
} from '@tributary/service-kit'
import { createRecordingLogger } from '@tributary/service-kit/testing'
import type { StateView } from '@tributary/stream-runtime'
import { createProcessorDriver } from '@tributary/stream-runtime/testing'
import { resolverTopology } from '../resolver/resolverTopology.ts'
import { evidenceRecord, factRecord, idOf } from '../testing/records.ts'
import { createIdentityService } from './identityService.ts'

let view: StateView | undefined
const recording = createRecordingLogger()
const servers: GrpcServer[] = []
const addresses: string[] = []
let client: IdentityServiceClient
/** Of an instance that does not run the resolver. */
let other: IdentityServiceClient
const peers = createPeerClients(IdentityServiceClient)

async function startInstance(nodeId: string, viewHere: () => StateView | undefined) {
  const service = createIdentityService({
    view: viewHere,
    instances: { nodeId, peers },
    owners: {
      ownerOf: async () => ({ nodeId: 'n0', address: addresses[0] }),
      refresh: async () => {},
    },
    reading: () => ({
      rules: identityRules(undefined),
      // Values are named like the tests' identifiers, so that a value leads to the same id.
      hash: (_type, _version, value) => idOf(value.replace('@example.com', '')),
      phone: () => undefined,
    }),
    logger: recording.logger,
  })
  const server = await startGrpcServer({
    host: '127.0.0.1',
    port: 0,
    services: [service],
    tokens: ['t0ken'],
    health: createHealth(),
    logger: recording.logger,
  })
  servers.push(server)
  addresses.push(`127.0.0.1:${server.port}`)
  return new IdentityServiceClient(`127.0.0.1:${server.port}`, credentials.createInsecure())
}

beforeAll(async () => {
  client = await startInstance('n0', () => view)
  other = await startInstance('n1', () => undefined)
})
afterAll(async () => {
  for (const each of [client, other, peers]) each.close()
  await Promise.all(servers.map((server) => server.stop(100)))
})
beforeEach(() => {
  const driver = createProcessorDriver(resolverTopology({ resolved: () => {}, passedOver: () => {} }))
  const feed = (value: Uint8Array): void => driver.record(topics.evidence, { value })
  feed(evidenceRecord(['u1', 'a1'], 1_000))
  feed(evidenceRecord(['u1', 'e1'], 2_000))
  feed(evidenceRecord(['u2', 'a1'], 3_000))
  feed(factRecord({ id: 'f1', kind: 'block', timeMs: 4_000 }, ['a9']))
  feed(factRecord({ id: 'f2', kind: 'erase', timeMs: 5_000 }, ['u7']))
  driver.endBatch()
  view = driver.view()
})

const metadata = bearerCredentials('t0ken')
const resolve = (...refs: IdentifierRef['ref'][]): Promise<ResolveResponse> =>
  callUnary(
    client.resolve.bind(client),
    { refs: refs.map((ref) => ({ ref })) },
    { deadlineMs: 2_000, metadata },
  )
const explain = (a: IdentifierRef['ref'], b: IdentifierRef['ref']): Promise<ExplainResponse> =>
  callUnary(client.explain.bind(client), { a: { ref: a }, b: { ref: b } }, { deadlineMs: 2_000, metadata })
const typed = (type: string, value: string): IdentifierRef['ref'] => ({
  $case: 'identifier',
  value: { type, value },
})
const refusalOf = async (call: Promise<unknown>): Promise<{ code: status; details: string }> => {
  try {
    await call
  } catch (error) {
    const { code, details } = error as ServiceError
    return { code, details }
  }
  throw new Error('it was answered')
}

describe('Resolve', () => {
  test('finds the profile by value, by identifier id, and by an old profile id, with everyone in it', async () => {
    const { resolutions } = await resolve(
      typed('email', ' E1@Example.com '),
      { $case: 'identifierId', value: idOf('a1') },
      { $case: 'profileId', value: `${idOf('a1')}-0` },
    )
    expect(resolutions.map((each) => each.profileId)).toEqual(Array(3).fill(`${idOf('u1')}-0`))
    const members = resolutions[0]!.members
    expect(members[0]).toEqual({ type: 'user_id', identifierId: idOf('u1') })
    expect(members.map((each) => each.type).sort()).toEqual(['anonymous_id', 'email', 'user_id'])
  })

  test('gives what is unknown its own profile, and says when one is blocked or erased', async () => {
    const { resolutions } = await resolve(
      typed('user_id', 'u404'),
      { $case: 'identifierId', value: idOf('a9') },
      { $case: 'profileId', value: `${idOf('u7')}-0` },
      { $case: 'identifierId', value: idOf('u7') },
    )
    const [unknown, blocked, erased, again] = resolutions
    expect(unknown).toMatchObject({
      profileId: `${idOf('u404')}-0`,
      members: [{ type: 'user_id', identifierId: idOf('u404') }],
    })
    expect(blocked).toMatchObject({ blocked: true, profileId: `${idOf('a9')}-0` })
    expect(erased).toMatchObject({ erased: true, profileId: `${idOf('u7')}-0`, members: [] })
    expect(again).toMatchObject({ erased: false, profileId: `${idOf('u7')}-1` })
  })

  test('refuses what is no identifier, names which, and never repeats or logs the value', async () => {
    const refusals = await Promise.all([
      refusalOf(resolve(typed('user_id', 'u1'), typed('shoe_size', 'secret-42'))),
      refusalOf(resolve(typed('email', 'secret-42'))),
      refusalOf(resolve(typed('user_id', '"undefined"'))),
      refusalOf(resolve({ $case: 'identifierId', value: 'secret-42' })),
      refusalOf(resolve({ $case: 'profileId', value: 'secret-42' })),
      refusalOf(resolve(undefined)),
    ])
    expect(refusals.map((each) => each.code)).toEqual(Array(6).fill(status.INVALID_ARGUMENT))
    expect(refusals[0].details).toMatch(/^refs\[1\]: no identifier type has that name; there are user_id, /)
    expect(refusals[1].details).toBe('refs[0]: the value is no email (not_an_email)')
    expect(JSON.stringify([refusals, recording.lines])).not.toContain('secret-42')
  })

  test('is unavailable with a hint when the resolver is restoring or elsewhere', async () => {
    view = undefined
    const refusal = await refusalOf(resolve(typed('user_id', 'u1')))
    expect(refusal.code).toBe(status.UNAVAILABLE)
    expect(refusal.details).toMatch(/ask again in 500 ms/)
  })

  test('refuses more than 1,000 refs', async () => {
    const refusal = await refusalOf(resolve(...Array(1_001).fill(typed('user_id', 'u1'))))
    expect(refusal).toMatchObject({ code: status.INVALID_ARGUMENT })
  })
})

describe('Explain', () => {
  test('names the event, source and time that joined two identifiers, with the values the caller gave', async () => {
    const answer = await explain(typed('email', 'e1@example.com'), typed('anonymous_id', 'a1'))
    expect(answer.together).toBe(true)
    expect(answer.steps.map((each) => [each.kind, each.messageId, each.sourceId, each.time])).toEqual([
      ['linked', 'm2000', 'web', new Date(2_000)],
      ['linked', 'm1000', 'web', new Date(1_000)],
    ])
    expect(answer.steps[1]!.detail).toMatch(/^user_id [0-9a-f]{8}… and anonymous_id a1 were seen together/)
    expect(answer.summary).toBe(
      'email e1@example.com and anonymous_id a1 are one person, by a chain of 2 links.',
    )
  })

  test('says what keeps two users apart', async () => {
    const { together, summary, steps } = await explain(typed('user_id', 'u1'), typed('user_id', 'u2'))
    expect(together).toBe(false)
    expect(summary).toMatch(/but one profile holds at most 1 user_id\.$/)
    expect(steps.map((each) => each.kind)).toEqual(['linked', 'refused'])
  })
})

test('an instance that does not run the resolver gives the same answers, refusals included', async () => {
  const options = { deadlineMs: 2_000, metadata }
  const ask = (from: IdentityServiceClient, ...refs: IdentifierRef['ref'][]) =>
    callUnary(from.resolve.bind(from), { refs: refs.map((ref) => ({ ref })) }, options)
  const known = [typed('user_id', 'u1'), typed('user_id', 'u404')]
  expect(await ask(other, ...known)).toEqual(await ask(client, ...known))
  const pair = { a: { ref: typed('email', 'e1@example.com') }, b: { ref: typed('anonymous_id', 'a1') } }
  expect(await callUnary(other.explain.bind(other), pair, options)).toEqual(
    await callUnary(client.explain.bind(client), pair, options),
  )
  const unusable = typed('shoe_size', '43')
  expect(await refusalOf(ask(other, unusable))).toEqual(await refusalOf(ask(client, unusable)))
  view = undefined
  expect((await refusalOf(ask(other, ...known))).code).toBe(status.UNAVAILABLE)
})
