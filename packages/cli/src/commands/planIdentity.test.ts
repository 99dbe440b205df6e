import { mkdtempSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Server, ServerCredentials, status, type ServerWritableStream } from '@grpc/grpc-js'
import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from '@jest/globals'
import {
  IdentityServiceService,
  type PlanRulesRequest,
  PlanRulesResponse,
  RulesPlan,
} from '@tributary/contracts/generated/tributary/identity/v1/identity_service'
import { commandLine } from '../testing/commandLine.ts'
import { MemoryDoor } from '../testing/memoryDoor.ts'

const [u1, e1, a1] = ['a', 'b', 'c'].map((each) => each.repeat(32)) as [string, string, string]
const found = RulesPlan.fromPartial({
  lookedAt: 12_000,
  merged: { profiles: 0, identifiers: 0 },
  split: {
    profiles: 1,
    identifiers: 12,
    samples: [
      {
        fromProfile: `${u1}-0`,
        intoProfile: `${e1}-0`,
        identifiers: 12,
        members: [
          { type: 'email', identifierId: e1 },
          { type: 'anonymous_id', identifierId: a1 },
        ],
        why: 'email bbbbbbbb… is shared by too many, so it joins nobody.',
      },
    ],
  },
  renamed: { profiles: 0, identifiers: 0 },
  standings: [{ before: 'linked', after: 'shared', identifiers: 1 }],
  conflictsBefore: 7,
  conflictsAfter: 3,
  largestBefore: { profileId: `${u1}-0`, identifiers: 31 },
  largestAfter: { profileId: `${u1}-0`, identifiers: 19 },
  carriedOutPerSecond: 2_000,
})

const identity = (sharedAfter: number): string => `kind: Identity
id: default
types:
  - { type: user_id, strength: strong }
  - { type: email, sharedAfter: ${sharedAfter} }
blocked: [{ type: email, value: till@shop.example }]
`

let server: Server
let address: string
let asked: PlanRulesRequest | undefined
/** What the service does with a call. */
let answer: (call: ServerWritableStream<PlanRulesRequest, PlanRulesResponse>) => void
let folder: string
let door: MemoryDoor
let tributary: ReturnType<typeof commandLine>

function say(said: PlanRulesResponse['said']): PlanRulesResponse {
  return PlanRulesResponse.fromPartial({ said: said! })
}

beforeAll(async () => {
  server = new Server()
  server.addService(IdentityServiceService, {
    planRules(call: ServerWritableStream<PlanRulesRequest, PlanRulesResponse>) {
      asked = call.request
      answer(call)
    },
  })
  const port = await new Promise<number>((resolve, reject) =>
    server.bindAsync('127.0.0.1:0', ServerCredentials.createInsecure(), (error, bound) =>
      error ? reject(error) : resolve(bound),
    ),
  )
  address = `127.0.0.1:${port}`
})
afterAll(() => server.forceShutdown())

beforeEach(async () => {
  folder = mkdtempSync(join(tmpdir(), 'tributary-cli-'))
  mkdirSync(join(folder, 'shop'))
  door = new MemoryDoor()
  tributary = commandLine({
    door,
    cwd: folder,
    env: { KAFKA_BROKERS: 'memory:9092', IDENTITY_STITCHER_GRPC: address },
  })
  asked = undefined
  answer = (call) => {
    for (const lookedAt of [0, 600, 5_900])
      call.write(say({ $case: 'progress', value: { lookedAt, about: lookedAt && 12_000 } }))
    call.write(say({ $case: 'plan', value: found }))
    call.end()
  }
  writeFileSync(
    join(folder, 'shop', 'workspace.yaml'),
    'kind: Workspace\nschema: tributary/v1\nid: maison\ntimeZone: Europe/Paris\nregion: FR\n',
  )
  writeFileSync(join(folder, 'shop', 'identity.yaml'), identity(9))
  await tributary('apply', 'shop')
  writeFileSync(join(folder, 'shop', 'identity.yaml'), identity(3))
})
afterEach(() => rmSync(folder, { recursive: true }))

test('a plan of changed limits says who would split, with numbers and why, and asks for what the files say', async () => {
  const planned = await tributary('plan', 'shop', '--samples', '5')
  expect(planned.code).toBe(2)
  expect(planned.err).toBe('who belongs together: 5900 of about 12000 identifiers looked at')
  expect(planned.out).toBe(`re-resolve (1)
  ~ identity/default  profiles may merge or split
      types[1].sharedAfter  9 → 3

1 change on revision 1: 1 re-resolve

identity: 12 of 12000 identifiers would move; carried out in at most 6 s
  merged           0 profiles  0 identifiers
  split            1 profile   12 identifiers
  renamed          0 profiles  0 identifiers
  linked → shared              1 identifier
  conflicts        now 7       then 3
  largest profile  now 31      then 19         ${u1}-0

  split, the largest
    ${u1}-0 → ${e1}-0
      12 identifiers: email (bbbbbbbb), anonymous_id (cccccccc) and 10 more
      email bbbbbbbb… is shared by too many, so it joins nobody.`)
  expect(asked).toMatchObject({
    rules: {
      types: [
        { type: 'user_id', strong: true, maxPerProfile: 1 },
        { type: 'email', strong: false, maxPerProfile: 5, sharedAfter: 3 },
      ],
    },
    blocked: [{ type: 'email', value: 'till@shop.example' }],
    samples: 5,
  })
})

test('--json has the same to the letter, and a kept plan keeps it', async () => {
  const planned = await tributary('plan', 'shop', '--json', '--out', 'p.json')
  const json = JSON.parse(planned.out) as { identity: { plan: unknown } }
  expect(planned.err).toBe('')
  expect(json.identity.plan).toEqual(JSON.parse(JSON.stringify(found)))
  const kept = JSON.parse(readFileSync(join(folder, 'p.json'), 'utf8')) as { identity: unknown }
  expect(kept.identity).toEqual(json.identity)
  expect((await tributary('apply', 'p.json')).code).toBe(0)
})

test('a change that is nobody’s identity asks nobody', async () => {
  writeFileSync(join(folder, 'shop', 'identity.yaml'), `${identity(9)}description: as before\n`)
  const planned = await tributary('plan', 'shop')
  expect(planned.out).not.toContain('identity:')
  expect(asked).toBeUndefined()
})

test('without an answer the plan says that it is not known who merges, and why', async () => {
  answer = (call) =>
    void call.emit('error', { code: status.RESOURCE_EXHAUSTED, details: 'another plan is being made' })
  const refused = await tributary('plan', 'shop')
  expect(refused.code).toBe(2)
  expect(refused.out).toContain(
    'who would merge or split is not known: the identity-stitcher: another plan is being made',
  )
  const nowhere = commandLine({ door, cwd: folder, env: { KAFKA_BROKERS: 'memory:9092' } })
  expect((await nowhere('plan', 'shop')).out).toContain(
    'not known: no identity-stitcher is named: give --address',
  )
})
