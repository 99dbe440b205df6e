import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Server, ServerCredentials, status, type sendUnaryData, type ServerUnaryCall } from '@grpc/grpc-js'
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals'
import type { ProfileRecord } from '@tributary/contracts'
import { EvidenceClass, FactKind } from '@tributary/contracts/generated/tributary/identity/v1/evidence'
import {
  IdentityServiceService,
  type ExplainRequest,
  ExplainResponse,
  type GetIdentityRequest,
  GetIdentityResponse,
  type ListConflictsRequest,
  ListConflictsResponse,
  type SubmitFactRequest,
  SubmitFactResponse,
} from '@tributary/contracts/generated/tributary/identity/v1/identity_service'
import {
  ProfileServiceService,
  type GetProfileRequest,
  GetProfileResponse,
} from '@tributary/contracts/generated/tributary/profile/v1/profile_service'
import { commandLine } from '../testing/commandLine.ts'
import { MemoryDoor } from '../testing/memoryDoor.ts'

const ada: ProfileRecord = {
  profileId: `${'a'.repeat(32)}-0`,
  version: '0001-000000000000000012',
  firstSeen: '2026-01-01T00:00:00.000Z',
  lastSeen: '2026-01-02T00:00:00.000Z',
  identifiers: [
    { type: 'user_id', value: 'u1' },
    { type: 'email', value: 'ada@example.com' },
  ],
  traits: { first_name: 'Ada', address: { city: 'Paris' } },
  computed: { orders: 3 },
  audiences: { big_spenders: { since: '2026-01-02T00:00:00.000Z' } },
  consent: { email: true },
  events: 7,
}

const explanation = ExplainResponse.fromPartial({
  together: true,
  summary: 'They were seen together in one event.',
  steps: [
    {
      kind: 'evidence',
      from: { type: 'user_id', identifierId: 'a'.repeat(32) },
      to: { type: 'email', identifierId: 'b'.repeat(32) },
      messageId: 'm1',
      sourceId: 'web',
      time: new Date(0),
    },
  ],
})

const identity = GetIdentityResponse.fromPartial({
  identity: { profileId: ada.profileId, members: explanation.steps.map((step) => step.from!) },
  evidence: [
    {
      evidenceId: 'e'.repeat(32),
      class: EvidenceClass.EVIDENCE_CLASS_CO_OCCURRENCE,
      sourceId: 'web',
      messageId: 'm1',
      firstTime: new Date(0),
      members: [{ type: 'user_id', identifierId: 'a'.repeat(32) }],
      retracted: true,
    },
  ],
  facts: [
    {
      factId: 'f1',
      kind: FactKind.FACT_KIND_RETRACT,
      retracts: 'e'.repeat(32),
      actor: 'Grace',
      reason: 'a test event',
      time: new Date(1_000),
    },
  ],
  conflicts: [
    { profileA: ada.profileId, profileB: 'p2', time: new Date(2_000), detail: 'they may not meet' },
  ],
})

let server: Server
let address: string
let folder: string
let asked: unknown
let tributary: ReturnType<typeof commandLine>

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'tributary-cli-'))
  writeFileSync(join(folder, 'token'), 'open-sesame\nan older one\n')
  server = new Server()
  server.addService(ProfileServiceService, {
    getProfile(
      call: ServerUnaryCall<GetProfileRequest, GetProfileResponse>,
      answer: sendUnaryData<GetProfileResponse>,
    ) {
      asked = call.request
      if (call.metadata.get('authorization')[0] !== 'Bearer open-sesame')
        return answer({ code: status.UNAUTHENTICATED })
      const ref = call.request.ref?.ref
      if (ref?.$case === 'identifier' && ref.value.value === 'nobody')
        return answer({ code: status.NOT_FOUND, details: 'no event of that person was ever folded' })
      return answer(null, GetProfileResponse.fromPartial({ profile: { json: JSON.stringify(ada) } }))
    },
    watch() {},
  })
  server.addService(IdentityServiceService, {
    resolve() {},
    explain(call: ServerUnaryCall<ExplainRequest, ExplainResponse>, answer: sendUnaryData<ExplainResponse>) {
      asked = call.request
      answer(null, explanation)
    },
    submitFact(
      call: ServerUnaryCall<SubmitFactRequest, SubmitFactResponse>,
      answer: sendUnaryData<SubmitFactResponse>,
    ) {
      asked = call.request
      if (call.request.reason === 'too soon')
        return answer({ code: status.UNAVAILABLE, details: 'the resolver is restoring' })
      const resolutions = call.request.refs.map(() => ({ profileId: ada.profileId }))
      answer(
        null,
        SubmitFactResponse.fromPartial({ factId: call.request.factId, time: new Date(0), resolutions }),
      )
    },
    getIdentity(
      call: ServerUnaryCall<GetIdentityRequest, GetIdentityResponse>,
      answer: sendUnaryData<GetIdentityResponse>,
    ) {
      asked = call.request
      answer(null, identity)
    },
    listConflicts(
      call: ServerUnaryCall<ListConflictsRequest, ListConflictsResponse>,
      answer: sendUnaryData<ListConflictsResponse>,
    ) {
      asked = call.request
      const nextPageToken = call.request.pageToken === '' ? 'next' : ''
      answer(null, ListConflictsResponse.fromPartial({ conflicts: identity.conflicts, nextPageToken }))
    },
  })
  const port = await new Promise<number>((resolve, reject) => {
    server.bindAsync('127.0.0.1:0', ServerCredentials.createInsecure(), (error, bound) =>
      error ? reject(error) : resolve(bound),
    )
  })
  address = `127.0.0.1:${port}`
  tributary = commandLine({
    door: new MemoryDoor(),
    cwd: folder,
    env: {
      GRPC_TOKEN_FILE: join(folder, 'token'),
      PROFILE_STORE_GRPC: address,
      IDENTITY_STITCHER_GRPC: address,
    },
  })
})

afterAll(() => {
  server.forceShutdown()
  rmSync(folder, { recursive: true })
})

describe('profile get', () => {
  test('shows a profile, what people look for first at the top', async () => {
    const { out, code } = await tributary('profile', 'get', 'user_id:u1')
    expect(code).toBe(0)
    expect(out).toBe(`profile  ${ada.profileId}
version  0001-000000000000000012
seen     2026-01-01T00:00:00.000Z to 2026-01-02T00:00:00.000Z
events   7

identifiers
  user_id  u1
  email    ada@example.com

traits
  first_name  Ada
  address     {"city":"Paris"}

computed
  orders  3

audiences
  big_spenders  since 2026-01-02T00:00:00.000Z

consent
  email  true`)
    expect(asked).toEqual({ ref: { ref: { $case: 'identifier', value: { type: 'user_id', value: 'u1' } } } })
  })

  test('takes a profile id too, and prints the record itself as JSON', async () => {
    const { out } = await tributary('profile', 'get', ada.profileId, '--json')
    expect(JSON.parse(out)).toEqual(ada)
    expect(asked).toEqual({ ref: { ref: { $case: 'profileId', value: ada.profileId } } })
  })

  test('each failure is a sentence with what to do', async () => {
    expect((await tributary('profile', 'get', 'user_id:nobody')).err).toBe(
      'error: the profile-store: no event of that person was ever folded',
    )
    expect((await tributary('profile', 'get', 'u1')).err).toMatch('"u1" names nobody: write TYPE:VALUE')
    const stranger = commandLine({
      door: new MemoryDoor(),
      cwd: folder,
      env: { PROFILE_STORE_GRPC: address },
    })
    expect((await stranger('profile', 'get', 'user_id:u1')).err).toMatch(
      `the profile-store at ${address} refuses the token: set GRPC_TOKEN_FILE`,
    )
    expect((await tributary('profile', 'get', 'user_id:u1', '--address', '127.0.0.1:1')).err).toMatch(
      /the profile-store does not answer at 127\.0\.0\.1:1 .*: is it running, and ready\?/,
    )
  })
})

test('identity explain reads like a sentence', async () => {
  const { out } = await tributary('identity', 'explain', 'user_id:u1', 'email:ada@example.com')
  expect(out).toBe(`user_id:u1 and email:ada@example.com: together
They were seen together in one event.
  1. evidence: user_id (aaaaaaaa) and email (bbbbbbbb), in message m1 from source web at 1970-01-01 00:00:00Z`)
  expect(asked).toMatchObject({
    b: { ref: { $case: 'identifier', value: { type: 'email', value: 'ada@example.com' } } },
  })
})

describe('identity facts', () => {
  const why = ['--reason', 'same card', '--actor', 'Grace'] as const
  const user = (value: string) => ({ ref: { $case: 'identifier', value: { type: 'user_id', value } } })

  test.each([
    ['join', ['user_id:u1', 'user_id:u2'], FactKind.FACT_KIND_JOIN],
    ['separate', ['user_id:u1', 'user_id:u2'], FactKind.FACT_KIND_SEPARATE],
    ['block', ['user_id:u1', 'user_id:u2'], FactKind.FACT_KIND_BLOCK],
    ['unblock', ['user_id:u1', 'user_id:u2'], FactKind.FACT_KIND_UNBLOCK],
    ['shared', ['user_id:u1', 'user_id:u2'], FactKind.FACT_KIND_SHARED],
    ['shared', ['--not', 'user_id:u1', 'user_id:u2'], FactKind.FACT_KIND_NOT_SHARED],
  ])('%s %j submits the fact with who says it and why', async (name, args, kind) => {
    const { code, out } = await tributary('identity', name, ...args, ...why, '--fact-id', 'f1')
    expect(code).toBe(0)
    expect(asked).toEqual({
      kind,
      refs: [user('u1'), user('u2')],
      retracts: '',
      actor: 'Grace',
      reason: 'same card',
      factId: 'f1',
    })
    expect(out).toBe(`fact f1 counts since 1970-01-01 00:00:00Z
  user_id:u1  ${ada.profileId}
  user_id:u2  ${ada.profileId}
to take it back: tributary identity retract f1 --reason …`)
  })

  test('retract names evidence or a fact', async () => {
    await tributary('identity', 'retract', 'e'.repeat(32), ...why)
    expect(asked).toMatchObject({ kind: FactKind.FACT_KIND_RETRACT, refs: [], retracts: 'e'.repeat(32) })
  })

  test('when there is no answer the error says how to ask again for the same fact', async () => {
    const { code, err } = await tributary(
      'identity',
      'block',
      'user_id:u1',
      '--reason',
      'too soon',
      '--actor',
      'Grace',
      '--fact-id',
      'f7',
    )
    expect(code).toBe(1)
    expect(err).toContain('--fact-id f7')
  })

  test('without anybody who decides, or a reason, nothing is submitted', async () => {
    asked = undefined
    const nobody = await tributary('identity', 'block', 'user_id:u1', '--reason', 'x')
    expect([nobody.code, nobody.err]).toEqual([1, expect.stringContaining('--actor')])
    const noReason = await tributary('identity', 'block', 'user_id:u1')
    expect(noReason.code).not.toBe(0)
    expect(asked).toBeUndefined()
  })

  test('show prints members, evidence, facts and conflicts', async () => {
    const { out } = await tributary('identity', 'show', 'user_id:u1')
    expect(out).toBe(`profile  ${ada.profileId}
members
  user_id  ${'a'.repeat(32)}
evidence
  ${'e'.repeat(32)}  1970-01-01 00:00:00Z  co-occurrence  web m1  user_id (aaaaaaaa)  retracted
facts
  f1  1970-01-01 00:00:01Z  retract  ${'e'.repeat(32)}  by Grace: a test event
conflicts
  1970-01-01 00:00:02Z  ${ada.profileId}  p2  they may not meet`)
  })

  test('conflicts puts the pages together', async () => {
    const { out } = await tributary('identity', 'conflicts')
    expect(out.split('\n')).toHaveLength(2)
    expect(asked).toEqual({ pageSize: 99, pageToken: 'next' })
  })
})
