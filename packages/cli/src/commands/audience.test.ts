import { Server, ServerCredentials, status, type sendUnaryData, type ServerUnaryCall } from '@grpc/grpc-js'
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals'
import {
  AudienceServiceService,
  type ExplainMembershipRequest,
  ExplainMembershipResponse,
  ListAudiencesResponse,
  type ListMembersRequest,
  ListMembersResponse,
} from '@tributary/contracts/generated/tributary/audience/v1/audience_service'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { commandLine } from '../testing/commandLine.ts'
import { MemoryDoor } from '../testing/memoryDoor.ts'

const documents = `kind: Workspace
schema: tributary/v1
id: shop
timeZone: UTC
---
kind: Audience
id: buyers
name: { en: Buyers, fr: Clients }
where: { event: Order Completed }
---
kind: Audience
id: asleep
description: Bought once, and not lately.
where: { all: [{ audience: buyers }, { inactive: { for: 30d } }] }
---
kind: Destination
id: crm
webhook: { url: https://crm.example/hooks, signingSecret: { file: crm } }
---
kind: Sync
id: wake-up
from: { audience: asleep }
to: crm
`

const profileId = (n: number) => `${String(n).padStart(32, '0')}-0`
const leaf = (holds: boolean, text: string, valueJson: string) => ({ kind: 'leaf', holds, text, valueJson })
const explanation = ExplainMembershipResponse.fromPartial({
  profileId: profileId(1),
  version: '0001-000000000000000007',
  member: false,
  since: new Date(60_000),
  asOf: new Date(120_000),
  condition: {
    kind: 'all',
    holds: false,
    conditions: [
      leaf(true, 'is in the audience buyers', 'true'),
      { kind: 'not', holds: false, conditions: [leaf(true, 'plan is "pro"', '"pro"')] },
      leaf(false, 'spend is at least 3', 'null'),
    ],
  },
})

let server: Server
let folder: string
let tributary: ReturnType<typeof commandLine>
let asked: ListMembersRequest[] = []

beforeAll(async () => {
  server = new Server()
  server.addService(AudienceServiceService, {
    listAudiences(_call: unknown, answer: sendUnaryData<ListAudiencesResponse>) {
      const audiences = [
        { id: 'asleep', members: 0, hash: 'h2', switching: true },
        { id: 'buyers', members: 1_204, hash: 'h1' },
      ]
      answer(null, ListAudiencesResponse.fromPartial({ audiences }))
    },
    listMembers(
      { request }: ServerUnaryCall<ListMembersRequest, ListMembersResponse>,
      answer: sendUnaryData<ListMembersResponse>,
    ) {
      asked.push(request)
      const start = Number(request.pageToken || '0')
      const end = Math.min(start + request.pageSize, 1_204)
      const members = Array.from({ length: end - start }, (_, i) => ({
        profileId: profileId(start + i),
        since: new Date(0),
      }))
      answer(
        null,
        ListMembersResponse.fromPartial({ members, nextPageToken: end < 1_204 ? String(end) : '' }),
      )
    },
    explainMembership(
      { request }: ServerUnaryCall<ExplainMembershipRequest, ExplainMembershipResponse>,
      answer: sendUnaryData<ExplainMembershipResponse>,
    ) {
      if (request.audience === 'asleep') answer(null, explanation)
      else answer({ code: status.NOT_FOUND, details: `no audience "${request.audience}" is judged` })
    },
  })
  const port = await new Promise<number>((resolve, reject) => {
    server.bindAsync('127.0.0.1:0', ServerCredentials.createInsecure(), (error, bound) =>
      error ? reject(error) : resolve(bound),
    )
  })
  folder = mkdtempSync(join(tmpdir(), 'tributary-cli-'))
  writeFileSync(join(folder, 'shop.yaml'), documents)
  tributary = commandLine({
    door: new MemoryDoor(),
    cwd: folder,
    env: { KAFKA_BROKERS: 'memory:9092', PROFILE_STORE_GRPC: `127.0.0.1:${port}` },
  })
  const { code, err } = await tributary('apply', '.', '--message', 'first')
  if (code !== 0) throw new Error(err)
})
afterAll(() => {
  server.forceShutdown()
  rmSync(folder, { recursive: true })
})

test('audience list lines up what there is, how large, and for whom it holds', async () => {
  const { out, code } = await tributary('audience', 'list')
  expect(code).toBe(0)
  expect(out).toBe(`AUDIENCE  MEMBERS        HOLDS FOR
asleep    0 (switching)  is in the audience buyers and no event for 30d
buyers    1204           count of Order Completed is at least 1`)
  expect(JSON.parse((await tributary('audience', 'list', '--json')).out)).toMatchObject([
    { id: 'asleep', members: 0, switching: true, name: '' },
    { id: 'buyers', members: 1_204, switching: false, name: 'Buyers' },
  ])
})

test('audience show says who reads it and where it is sent', async () => {
  expect((await tributary('audience', 'show', 'buyers')).out).toBe(`audience   buyers
name       Buyers
members    1204
holds for  count of Order Completed is at least 1
read by    audience asleep
hash       h1`)
  expect((await tributary('audience', 'show', 'asleep')).out).toContain('sent to    crm by wake-up')
})

test('audience size is a number for other programs', async () => {
  expect((await tributary('audience', 'size', 'buyers')).out).toBe('1204')
  expect(await tributary('audience', 'size', 'buyer')).toMatchObject({
    code: 1,
    err: 'error: no audience "buyer" is judged: did you mean `buyers`?',
  })
})

describe('audience members', () => {
  test('stops at the limit, and says that there are more', async () => {
    const { out, err } = await tributary('audience', 'members', 'buyers', '--limit', '2')
    expect(out).toBe(
      `${profileId(0)}  since 1970-01-01 00:00:00Z\n${profileId(1)}  since 1970-01-01 00:00:00Z`,
    )
    expect(err).toBe('2 members shown, and there are more: --limit N or --all')
  })

  test('puts all pages together', async () => {
    asked = []
    const { out, err } = await tributary('audience', 'members', 'buyers', '--all', '--json')
    const shown = out.split('\n').map((line) => JSON.parse(line) as { profileId: string })
    expect(shown.map((each) => each.profileId)).toEqual(Array.from({ length: 1_204 }, (_, i) => profileId(i)))
    expect(err).toBe('')
    expect(asked.map(({ pageSize, pageToken }) => [pageSize, pageToken])).toEqual([
      [1_000, ''],
      [1_000, '1000'],
    ])
  })
})

test('audience explain prints the tree with what each condition saw', async () => {
  const { out, code } = await tributary('audience', 'explain', 'asleep', 'user_id:u1')
  expect(code).toBe(0)
  expect(out).toBe(`user_id:u1 is not in the audience asleep, left 1970-01-01 00:01:00Z
profile ${profileId(1)}, version 0001-000000000000000007, windows as of 1970-01-01 00:02:00Z

no   all of
yes    is in the audience buyers  true
no     not
yes      plan is "pro"            "pro"
no     spend is at least 3        no value`)
  expect(await tributary('audience', 'explain', 'none', 'user_id:u1')).toMatchObject({
    code: 1,
    err: 'error: the profile-store: no audience "none" is judged',
  })
})

describe('a sync that sends those who are members already', () => {
  const sync = (audience: string, existing: string) =>
    `${documents}---\nkind: Sync\nid: first\nfrom: { audience: ${audience} }\nto: crm\nexisting: ${existing}\n`
  const write = (text: string) => writeFileSync(join(folder, 'shop.yaml'), text)

  test('is planned with how many, and applied only when that is said', async () => {
    write(sync('buyers', 'send'))
    const line = 'sync first begins, and sends crm the members buyers has already: 1204 people'
    expect((await tributary('plan', '.')).out).toContain(line)
    const refused = await tributary('apply', '.')
    expect(refused.code).toBe(1)
    expect(refused.err).toContain('nothing was written: more than 1000 people would be sent')
    expect(refused.err).toContain(line)
    expect((await tributary('apply', '.', '--send-existing', '1203')).code).toBe(1)
    const applied = await tributary('apply', '.', '--send-existing', '1204')
    expect([applied.code, applied.err]).toEqual([0, ''])
    write(sync('buyers', 'send').replace('to: crm\nexisting', 'to: crm\non: [entered]\nexisting'))
    expect((await tributary('plan', '.')).out).not.toContain('sync first begins')
  })

  test('of an audience that is new too nobody knows how many: it is asked all the same', async () => {
    const others = '---\nkind: Audience\nid: others\nwhere: { event: Viewed }\n'
    write(sync('others', 'send') + others)
    expect((await tributary('apply', '.')).err).toContain('how many is not known yet')
    write(sync('others', 'skip') + others)
    expect((await tributary('apply', '.')).code).toBe(0)
  })
})
