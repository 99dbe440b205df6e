import { afterAll, beforeAll, beforeEach, describe, expect, test } from '@jest/globals'
import { Metadata, type ServiceError, credentials, status } from '@grpc/grpc-js'
import { topics } from '@tributary/contracts'
import { FactKind, FactRecord } from '@tributary/contracts/generated/tributary/identity/v1/evidence'
import {
  type ExplainResponse,
  type IdentifierRef,
  IdentityServiceClient,
  type ResolveResponse,
  SubmitFactRequest,
  type SubmitFactResponse,
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
import type { SubmittedFact } from '../facts/announceFact.ts'
import { resolverTopology } from '../resolver/resolverTopology.ts'
import { evidenceRecord, factRecord, idOf } from '../testing/records.ts'
import { createIdentityService } from './identityService.ts'

let view: StateView | undefined
const factsSent: FactRecord[] = []
let nowMs = 0
/** What becomes of a submitted fact. */
let take: (fact: SubmittedFact) => boolean
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
    facts: {
      submit: (fact) => viewHere() !== undefined && take(fact),
      now: () => nowMs,
      newId: () => 'made-1',
      nextCommit: async () => void (nowMs += 100),
    },
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
  nowMs = Date.UTC(2026, 4, 1)
  take = (fact) => {
    driver.inject(fact)
    for (const sent of driver.endBatch())
      if (sent.topic === topics.evidence) driver.record(topics.evidence, { value: sent.value })
      else if (sent.topic === topics.facts) factsSent.push(FactRecord.decode(sent.value!))
    driver.endBatch()
    return true
  }
  factsSent.length = 0
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

describe('facts', () => {
  const user = (value: string): IdentifierRef => ({
    ref: { $case: 'identifier', value: { type: 'user_id', value } },
  })
  const submit = (
    request: Partial<SubmitFactRequest>,
    by: IdentityServiceClient = client,
  ): Promise<SubmitFactResponse> =>
    callUnary(
      by.submitFact.bind(by),
      SubmitFactRequest.fromPartial({ actor: 'Grace', reason: 'same card', ...request }),
      { deadlineMs: 4_000, metadata },
    )
  const join = { kind: FactKind.FACT_KIND_JOIN, refs: [user('u1'), user('u2')] }
  /** Of two of one type the one whose id comes first gives the name. */
  const joined = `${[idOf('u1'), idOf('u2')].sort()[0]}-0`
  const profilesOf = ({ resolutions }: SubmitFactResponse): readonly string[] =>
    resolutions.map((each) => each.profileId)

  test('a join is answered when it counts, kept with its values, and shown with who said it and why', async () => {
    const answer = await submit(join)
    expect(profilesOf(answer)).toEqual([joined, joined])
    expect(answer).toMatchObject({ factId: 'made-1', time: new Date(Date.UTC(2026, 4, 1)) })
    expect(factsSent.map((each) => each.subjects)).toEqual([
      [
        { type: 'user_id', value: 'u1', id: idOf('u1') },
        { type: 'user_id', value: 'u2', id: idOf('u2') },
      ],
    ])
    const { summary } = await callUnary(
      client.explain.bind(client),
      { a: user('u1'), b: user('u2') },
      { deadlineMs: 2_000, metadata },
    )
    expect(summary).toContain('were joined by Grace at 2026-05-01T00:00:00.000Z: same card')
  })

  test('asked again with its id it changes nothing; separated again the old profiles are back', async () => {
    await submit({ ...join, factId: 'f-9' })
    await submit({ ...join, factId: 'f-9' }, other)
    expect(factsSent).toHaveLength(1)
    nowMs += 1
    const apart = await submit({ ...join, kind: FactKind.FACT_KIND_SEPARATE, factId: 'f-10' }, other)
    expect(profilesOf(apart)).toEqual([`${idOf('u1')}-0`, `${idOf('u2')}-0`])
    nowMs += 1
    await submit({ kind: FactKind.FACT_KIND_RETRACT, retracts: 'f-10', factId: 'f-11' })
    expect((await resolve(user('u2').ref)).resolutions[0]!.profileId).toBe(joined)
  })

  test.each([
    ['no kind', { kind: FactKind.FACT_KIND_UNSPECIFIED }, /^kind: /],
    ['an erasure', { kind: FactKind.FACT_KIND_ERASE }, /^kind: .* not submitted here$/],
    ['no actor', { actor: ' ' }, /^actor: say who decides/],
    ['no reason', { reason: '' }, /^reason: say why/],
    ['one identifier to join', { refs: [user('u1')] }, /^join needs two different identifiers$/],
    [
      'an id nobody has seen',
      { refs: [{ ref: { $case: 'identifierId' as const, value: 'f'.repeat(32) } }] },
      /^refs\[0\]: /,
    ],
    ['a retraction of nothing', { kind: FactKind.FACT_KIND_RETRACT, refs: [] }, /^retract needs the id of/],
  ])('%s is refused with what to do', async (_, wrong, message) => {
    const failure = await submit({ ...join, ...wrong }).catch((error: unknown) => error as ServiceError)
    expect(failure).toMatchObject({ code: status.INVALID_ARGUMENT, details: expect.stringMatching(message) })
    expect(factsSent).toEqual([])
  })

  test('a fact whose task does not come back is UNAVAILABLE, with its id and a hint to ask again', async () => {
    take = () => true
    const failure = await submit({ ...join, factId: 'f-1' }).catch((error: unknown) => error as ServiceError)
    expect(failure).toMatchObject({ code: status.UNAVAILABLE, details: expect.stringContaining('fact f-1') })
  })

  test('without a token nothing is taken', async () => {
    const failure = await callUnary(
      client.submitFact.bind(client),
      SubmitFactRequest.fromPartial({ ...join, actor: 'Grace', reason: 'x' }),
      { deadlineMs: 2_000, metadata: new Metadata() },
    ).catch((error: unknown) => error as ServiceError)
    expect(failure).toMatchObject({ code: status.UNAUTHENTICATED })
    expect(factsSent).toEqual([])
  })

  test('an identity shows its members, evidence, facts and conflicts, here and through another instance', async () => {
    await submit({ kind: FactKind.FACT_KIND_SHARED, refs: [user('u1')], factId: 'f-3' })
    nowMs += 1
    await submit({ kind: FactKind.FACT_KIND_RETRACT, retracts: 'f-3', factId: 'f-4' })
    for (const by of [client, other]) {
      const shown = await callUnary(
        by.getIdentity.bind(by),
        { ref: user('u1') },
        { deadlineMs: 2_000, metadata },
      )
      expect(shown.identity?.members).toHaveLength(3)
      expect(shown.evidence.map((each) => each.messageId)).toEqual(['m1000', 'm2000', 'm3000'])
      expect(shown.facts.map((each) => [each.factId, each.retracted])).toEqual([
        ['f-3', true],
        ['f-4', false],
      ])
      expect(shown.conflicts).toMatchObject([
        {
          profileA: `${idOf('u2')}-0`,
          profileB: `${idOf('u1')}-0`,
          detail: expect.stringContaining('at most 1'),
        },
      ])
      expect(shown.more).toBe(false)
    }
  })

  test('conflicts are listed page by page', async () => {
    const list = (pageToken: string) =>
      callUnary(
        client.listConflicts.bind(client),
        { pageSize: 1, pageToken },
        { deadlineMs: 2_000, metadata },
      )
    const first = await list('')
    expect(first.conflicts.map((each) => each.a?.identifierId)).toEqual([idOf('u2')])
    expect(first.nextPageToken).toBe('')
    nowMs += 1
    await submit({
      kind: FactKind.FACT_KIND_SEPARATE,
      refs: [user('u1'), { ref: { $case: 'identifierId', value: idOf('e1') } }],
    })
    const second = await list('')
    expect(second.nextPageToken).not.toBe('')
    expect((await list(second.nextPageToken)).conflicts).toHaveLength(1)
  })
})
