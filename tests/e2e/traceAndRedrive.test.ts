/** What became of a message, and what was refused sent again: by the command, on the four real services. */
import { createServer, type Server } from 'node:http'
import { type AddressInfo } from 'node:net'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { afterAll, beforeAll, expect, test } from '@jest/globals'
import { run } from '@tributary/cli'
import { startServices, type Installation } from '../../deploy/local/src/launcher.ts'
import { sharedStack } from '../support/testStack.ts'
import { uniquePrefix } from '../support/uniquePrefix.ts'
import { waitForValue, waitUntil } from '../support/waitUntil.ts'

const DOCUMENTS = fileURLToPath(new URL('../../examples/shop', import.meta.url))

let folder: string
let installation: Installation
let crm: Server

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'tributary-trace-'))
  crm = createServer((request, response) => void request.resume().on('end', () => response.end('{}')))
  await new Promise<void>((resolve) => crm.listen(0, '127.0.0.1', resolve))
  const hooks = `http://127.0.0.1:${(crm.address() as AddressInfo).port}/hooks`
  const prefix = uniquePrefix('trace')
  installation = await startServices(sharedStack(prefix), {
    dataDir: folder,
    settings: { TOPIC_PREFIX: prefix, GROUP_PREFIX: prefix },
    documents: DOCUMENTS,
    applyArgs: ['--set', `CRM_WEBHOOK_URL=${hooks}`, '--wait'],
  })
}, 180_000)

afterAll(async () => {
  await installation?.stop()
  crm?.close()
  await rm(folder, { recursive: true, force: true })
}, 60_000)

interface Row {
  readonly step: string
  readonly time?: string
  readonly place?: string
  readonly what: string
}

async function tributary(...args: string[]) {
  const lines: { out: string[]; err: string[] } = { out: [], err: [] }
  const code = await run(args, {
    env: {
      ...installation.settings,
      PROFILE_STORE_GRPC: installation.addresses().profileStore!.grpc,
      GRPC_TOKEN_FILE: installation.secrets.grpcToken,
    },
    cwd: folder,
    out: (text) => lines.out.push(text),
    err: (text) => lines.err.push(text),
    colour: false,
    now: Date.now,
    user: 'ada',
    interrupted: new AbortController().signal,
  })
  return { code, out: lines.out.join('\n'), err: lines.err.join('\n') }
}

async function send(source: string, path: string, body: object): Promise<{ rejected?: unknown[] }> {
  return waitUntil('the collector to know the key', async () => {
    const response = await fetch(`${installation.addresses().collector?.http}${path}`, {
      method: 'POST',
      headers: { 'x-write-key': installation.writeKeys[source]! },
      body: JSON.stringify(body),
    })
    return response.ok ? ((await response.json()) as { rejected?: unknown[] }) : undefined
  })
}

async function trace(id: string, ...flags: string[]): Promise<{ rows: Row[]; notes: string[] }> {
  return JSON.parse((await tributary('trace', id, '--json', ...flags)).out) as {
    rows: Row[]
    notes: string[]
  }
}

const order = (
  messageId: string,
  total: number,
  who: object = { userId: 'u1', anonymousId: 'browser-of-u1' },
) => ({
  ...who,
  event: 'Order Completed',
  messageId,
  properties: { total },
})

test('trace tells the way of an order from its receipt to the delivery it caused', async () => {
  await send('web', '/v1/track', order('o1', 200))
  await send('web', '/v1/track', order('o2', 250))
  const steps = ['received', 'accepted', 'evidence', 'fragment', 'profile', 'audience', 'delivery']
  const { rows } = await waitForValue(
    'the whole way of the second order',
    () => trace('o2'),
    (story) =>
      story.rows.some(({ step, what }) => step === 'delivery' && what.startsWith('delivered')) &&
      story.rows.some(({ step, what }) => step === 'audience' && what.startsWith('entered big_spenders')),
    { timeoutMs: 60_000 },
  )
  expect([...new Set(rows.map(({ step }) => step))]).toEqual(steps)
  const placed = (step: string) => rows.find((row) => row.step === step)?.place
  expect(placed('received')).toMatch(/^request .*, number 0$/)
  expect(placed('accepted')).toMatch(/^internal\.events\.v1 \d+:\d+$/)
  expect(placed('evidence')).toMatch(/^internal\.evidence\.v1 0:\d+$/)
  expect(placed('audience')).toMatch(/^audience-changes\.v1 \d+:\d+$/)
  expect(placed('delivery')).toMatch(/^internal\.deliveries\.v1 \d+:\d+$/)
  const all = rows.map(({ step, what }) => `${step}: ${what}`)
  expect(all).toContainEqual(
    expect.stringMatching(/^evidence: co-occurrence of .*; known already, from message o1$/),
  )
  expect(all).toContainEqual(expect.stringMatching(/^fragment: folded: the profile-store has read past /))
  expect(all).toContainEqual(
    expect.stringMatching(/^profile: now .*: 2 events, 2 identifiers, in .*big_spenders/),
  )
  const text = await tributary('trace', 'o2')
  expect(text.code).toBe(0)
  expect(text.out).toMatch(/^message o2\n\nreceived +20\S+Z +request .*from web\naccepted /)
}, 120_000)

test('a message that came twice, under two anchors and from two sources is shown each time', async () => {
  await send('web', '/v1/track', order('twice', 1, { userId: 'u2' }))
  await send('web', '/v1/track', order('twice', 1, { userId: 'u2' }))
  await send('web', '/v1/track', order('twice', 1, { userId: 'u3' }))
  await send('crm', '/v1/track', order('twice', 1, { userId: 'u2' }))
  const { rows, notes } = await waitForValue(
    'all four, and the one that is skipped',
    () => trace('twice'),
    (story) =>
      story.rows.filter(({ step }) => step === 'received').length === 4 &&
      story.rows.some(({ what }) => what.startsWith('not folded: duplicate')),
    { timeoutMs: 60_000 },
  )
  expect(rows.filter(({ what }) => what.startsWith('folded: the profile-store')).length).toBe(3)
  expect(notes).toContainEqual(expect.stringContaining('from 2 sources'))
  expect(notes).toContainEqual(expect.stringContaining('web sent it under 2 anchors'))
  expect(
    (await trace('twice', '--source', 'crm')).rows.filter(({ step }) => step === 'received').length,
  ).toBe(1)
}, 120_000)

test('what was refused says why, and what was never sent says that', async () => {
  await send('web', '/v1/batch', { batch: [{ type: 'track', userId: 'u1', messageId: 'nameless' }] })
  const { rows } = await waitForValue(
    'the reject',
    () => trace('nameless'),
    (story) => story.rows.length > 0,
    { timeoutMs: 60_000 },
  )
  expect(rows.map(({ step }) => step)).toEqual(['received', 'rejected'])
  expect(rows[1]).toMatchObject({
    place: expect.stringMatching(/^rejected\.v1 \d+:\d+$/),
    what: expect.stringMatching(/^missing_event_name: /),
  })
  const never = await tributary('trace', 'never-sent')
  expect(never.code).toBe(2)
  expect(never.out).toMatch(
    /^nothing of message never-sent is in the event log: .*\nthe event log was last written /,
  )
}, 120_000)
