import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Server, ServerCredentials, status, type sendUnaryData, type ServerUnaryCall } from '@grpc/grpc-js'
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals'
import type { ProfileRecord } from '@tributary/contracts'
import {
  IdentityServiceService,
  type ExplainRequest,
  ExplainResponse,
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
