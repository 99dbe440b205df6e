import { afterAll, beforeAll, describe, expect, test } from '@jest/globals'
import { type ServiceError, credentials, status } from '@grpc/grpc-js'
import { identityRules, resolverRules } from '@tributary/configuration'
import { topics } from '@tributary/contracts'
import { OwnerPolicy, type Rules } from '@tributary/contracts/generated/tributary/identity/v1/evidence'
import {
  IdentityServiceClient,
  PlanRulesRequest,
  type PlanRulesResponse,
  type RulesPlan,
} from '@tributary/contracts/generated/tributary/identity/v1/identity_service'
import {
  type GrpcServer,
  bearerCredentials,
  createHealth,
  createPeerClients,
  startGrpcServer,
} from '@tributary/service-kit'
import { createRecordingLogger } from '@tributary/service-kit/testing'
import type { StateView } from '@tributary/stream-runtime'
import { createProcessorDriver } from '@tributary/stream-runtime/testing'
import { identifiersTable } from '../resolver/identityTables.ts'
import { resolverTopology } from '../resolver/resolverTopology.ts'
import { evidenceRecord, idOf } from '../testing/records.ts'
import { createIdentityService } from './identityService.ts'

const { logger } = createRecordingLogger()
const peers = createPeerClients(IdentityServiceClient)
const servers: GrpcServer[] = []
const driver = createProcessorDriver(resolverTopology({ resolved: () => {}, passedOver: () => {} }))
/** Runs the resolver, and one that does not. */
let here: IdentityServiceClient
let other: IdentityServiceClient
let owner = ''

async function startInstance(nodeId: string, view: () => StateView | undefined) {
  const service = createIdentityService({
    view,
    instances: { nodeId, peers },
    owners: { ownerOf: async () => ({ nodeId: 'n0', address: owner }), refresh: async () => {} },
    reading: () => ({
      rules: identityRules(undefined),
      hash: (_type, _version, value) => idOf(value.replace('@example.com', '')),
      phone: () => undefined,
    }),
    facts: {
      submit: () => false,
      now: () => 0,
      newId: () => 'made',
      nextCommit: async () => {},
    },
    logger,
  })
  const server = await startGrpcServer({
    host: '127.0.0.1',
    port: 0,
    services: [service],
    tokens: ['t0ken'],
    health: createHealth(),
    logger,
  })
  servers.push(server)
  owner ||= `127.0.0.1:${server.port}`
  return new IdentityServiceClient(`127.0.0.1:${server.port}`, credentials.createInsecure())
}

beforeAll(async () => {
  // Three people of two devices each; of the first two one address.
  for (const user of ['u1', 'u2', 'u3'])
    for (const [index, device] of ['a1', 'a2'].entries())
      driver.record(topics.evidence, { value: evidenceRecord([user, `${device}${user}`], 1_000 + index) })
  for (const [index, user] of ['u1', 'u2'].entries())
    driver.record(topics.evidence, { value: evidenceRecord([user, 'e1'], 2_000 + index) })
  driver.endBatch()
  here = await startInstance('n0', () => driver.view())
  other = await startInstance('n1', () => undefined)
})
afterAll(async () => {
  for (const each of [here, other, peers]) each.close()
  await Promise.all(servers.map((server) => server.stop(100)))
})

/** The rules in force with other limits of devices. */
function rulesWith(changes: Partial<Rules> & { readonly devices?: number } = {}): Rules {
  const rules = resolverRules(undefined, 0, '', [])
  const { devices, ...rest } = changes
  return {
    ...rules,
    types: rules.types.map((each) =>
      devices !== undefined && each.type === 'anonymous_id' ? { ...each, maxPerProfile: devices } : each,
    ),
    ...rest,
  }
}

function begin(client: IdentityServiceClient, request: Partial<PlanRulesRequest>) {
  return client.planRules(PlanRulesRequest.fromPartial(request), bearerCredentials('t0ken'))
}

async function plan(client: IdentityServiceClient, request: Partial<PlanRulesRequest>): Promise<RulesPlan> {
  const said: PlanRulesResponse['said'][] = []
  for await (const message of begin(client, request)) said.push((message as PlanRulesResponse).said)
  expect(said.slice(0, -1).map((each) => each?.$case)).toEqual(said.slice(0, -1).map(() => 'progress'))
  const last = said.at(-1)
  if (last?.$case !== 'plan') throw new Error('the last message is no plan')
  return last.value
}

async function refusal(client: IdentityServiceClient, request: Partial<PlanRulesRequest>) {
  return plan(client, request).then(
    () => undefined,
    (error: unknown) => error as ServiceError,
  )
}

describe.each([
  ['here', () => here],
  ['through another instance', () => other],
])('asked %s', (_, client) => {
  test('a lower limit says who falls apart, how many, and by which evidence', async () => {
    const found = await plan(client(), { rules: rulesWith({ devices: 1 }) })
    expect(found).toMatchObject({
      lookedAt: 10,
      merged: { profiles: 0, identifiers: 0, samples: [] },
      split: { profiles: 3, identifiers: 3 },
      conflictsBefore: 1,
      conflictsAfter: 4,
      largestBefore: { profileId: `${idOf('u1')}-0`, identifiers: 4 },
      largestAfter: { profileId: `${idOf('u1')}-0`, identifiers: 3 },
      walking: false,
    })
    const moves = found.split!.samples.map((each) => `${each.fromProfile} → ${each.intoProfile}`)
    expect(moves.sort()).toEqual(
      ['u1', 'u2', 'u3'].map((user) => `${idOf(user)}-0 → ${idOf(`a2${user}`)}-0`).sort(),
    )
    expect(found.split!.samples[0]!.why).toMatch(
      /are not one person: .* were seen together in event m1001 from web at .*, but one profile holds at most 1 anonymous_id\.$/,
    )
  })

  test('a blocked value and another owner policy say what they do', async () => {
    const blocked = await plan(client(), {
      rules: rulesWith(),
      blocked: [{ type: 'user_id', value: 'u1' }],
    })
    expect(blocked.standings).toEqual([{ before: 'linked', after: 'blocked', identifiers: 1 }])
    expect(blocked.split).toMatchObject({ profiles: 1, identifiers: 3 })
    const nobody = await plan(client(), { rules: rulesWith({ owner: OwnerPolicy.OWNER_POLICY_NOBODY }) })
    expect(nobody.split).toMatchObject({ profiles: 1, identifiers: 1 })
    expect(nobody.split!.samples[0]!.why).toContain('was seen with several known users')
  })

  test('rules in force change nothing', async () => {
    const found = await plan(client(), { rules: rulesWith() })
    for (const each of [found.merged, found.split, found.renamed])
      expect(each).toEqual({ profiles: 0, identifiers: 0, samples: [] })
  })

  test('types in another order are refused: that is a rebuild', async () => {
    const types = rulesWith().types.toReversed()
    expect(await refusal(client(), { rules: rulesWith({ types }) })).toMatchObject({
      code: status.INVALID_ARGUMENT,
      details: expect.stringContaining('in their order: user_id (strong), email,'),
    })
  })
})

/** A state with no end of identifiers, whom nobody was ever seen with. */
function endless(): StateView {
  let next = 0
  function* range() {
    for (let i = 0; i < 100; i++)
      yield [
        String(next++).padStart(32, '0'),
        driver.view().table(identifiersTable).get(idOf('u1'))!,
      ] as const
  }
  return {
    partition: 0,
    table: (spec) =>
      spec.name === identifiersTable.name
        ? { get: () => undefined, range: range as never }
        : driver.view().table(spec),
  }
}

test('a second plan at the same time is refused, and one that nobody waits for any more is given up', async () => {
  const client = await startInstance('n2', endless)
  const running = begin(client, { rules: rulesWith() })
  running.on('error', () => {})
  const progress = await new Promise<number>((resolve) =>
    running.on('data', ({ said }: PlanRulesResponse) => {
      if (said?.$case === 'progress' && said.value.lookedAt > 0) resolve(said.value.lookedAt)
    }),
  )
  expect(progress).toBeGreaterThan(0)
  expect(await refusal(client, { rules: rulesWith() })).toMatchObject({
    code: status.RESOURCE_EXHAUSTED,
    details: expect.stringContaining('ask again when it is done'),
  })
  running.cancel()
  const isTaken = async (): Promise<boolean> => {
    const second = begin(client, { rules: rulesWith() })
    second.on('error', () => {})
    const begun = await new Promise<boolean>((resolve) => {
      second.once('data', () => resolve(true))
      second.once('error', () => resolve(false))
    })
    second.cancel()
    return begun
  }
  let taken = false
  // oxlint-disable-next-line no-await-in-loop -- until the first is over
  while (!taken) taken = await isTaken()
  client.close()
})
