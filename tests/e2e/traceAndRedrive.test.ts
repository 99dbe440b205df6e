/** What became of a message, and what was refused sent again: by the command, on the four real services. */
import { spawn } from 'node:child_process'
import { createServer, type Server } from 'node:http'
import { type AddressInfo } from 'node:net'
import { cp, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { afterAll, beforeAll, expect, test } from '@jest/globals'
import { run } from '@tributary/cli'
import { createKafka, createPlainProducer } from '@tributary/kafka'
import { startServices, type Installation } from '../../deploy/local/src/launcher.ts'
import { sharedStack, testStack } from '../support/testStack.ts'
import { uniquePrefix } from '../support/uniquePrefix.ts'
import { waitForValue, waitUntil } from '../support/waitUntil.ts'

const MAIN = fileURLToPath(new URL('../../packages/cli/src/main.ts', import.meta.url))
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

const environment = () => ({
  ...installation.settings,
  PROFILE_STORE_GRPC: installation.addresses().profileStore!.grpc,
  GRPC_TOKEN_FILE: installation.secrets.grpcToken,
  WORKSPACE_KEY_FILE: installation.secrets.workspaceKey,
})

async function tributary(...args: string[]) {
  const lines: { out: string[]; err: string[] } = { out: [], err: [] }
  const code = await run(args, {
    env: environment(),
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

/** Receipts of the tills under other names than the mapping expects: as many for each card. */
const CARDS = 5
const RECEIPTS = 1_500

interface Summary {
  readonly done: boolean
  readonly sent: boolean
  readonly total: number
  readonly send: number
  readonly before: number
  readonly refused: number
}

async function redrive(...flags: string[]): Promise<{ code: number; end: Summary; lines: string[] }> {
  const { code, out, err } = await tributary('rejects', 'redrive', '--json', ...flags)
  if (code === 1) throw new Error(err)
  const lines = out.split('\n')
  return { code, end: JSON.parse(lines.at(-1)!) as Summary, lines }
}

/** The command as a process of its own, killed without warning once it has said what the first lot came to. */
async function killedRedrive(...flags: string[]): Promise<void> {
  const child = spawn(
    process.execPath,
    ['--conditions=tributary-source', MAIN, 'rejects', 'redrive', ...flags],
    {
      cwd: folder,
      env: { PATH: process.env['PATH'], ...environment() },
      stdio: ['ignore', 'pipe', 'inherit'],
    },
  )
  await new Promise<void>((resolve, reject) => {
    child.stdout.once('data', () => child.kill('SIGKILL'))
    child.on('error', reject).on('close', () => resolve())
  })
  expect(child.signalCode).toBe('SIGKILL')
}

test('rejects of a wrong mapping are sent again once it is right: killed in the middle and run again by two, each counts once, and the books balance', async () => {
  const { brokers } = testStack()
  const producer = await createPlainProducer(createKafka({ brokers: [brokers], clientId: 'tills' }))
  await producer.send(
    Array.from({ length: RECEIPTS }, (_, n) => ({
      topic: 'retail.receipts',
      partition: n % 3,
      key: null,
      value: JSON.stringify({
        ticket: `T${n}`,
        card: `card-${n % CARDS}`,
        amount: 10,
        at: '2026-01-31T18:00:00',
      }),
    })),
  )
  await producer.close()
  const rejects = () => redrive('--source', 'pos')
  const before = await waitForValue('all rejects', rejects, ({ end }) => end.total >= RECEIPTS, {
    timeoutMs: 60_000,
  })
  expect(before).toMatchObject({ code: 2, end: { sent: false, total: RECEIPTS, send: 0, refused: RECEIPTS } })

  await cp(DOCUMENTS, join(folder, 'shop'), { recursive: true })
  const file = join(folder, 'shop', 'sources.yaml')
  const text = (await readFile(file, 'utf8'))
    .replaceAll('receiptId', 'ticket')
    .replaceAll('customer.card', 'card')
    .replaceAll('soldAt', 'at')
    .replaceAll('total: total', 'total: amount')
  await writeFile(file, text)
  expect(await tributary('apply', 'shop', '--wait')).toMatchObject({ code: 0 })

  const dry = await redrive('--source', 'pos', '--code', 'does_not_map')
  expect(dry).toMatchObject({
    code: 2,
    end: { done: true, sent: false, total: RECEIPTS, send: RECEIPTS, before: 0 },
  })
  expect(JSON.parse(dry.lines[0]!)).toMatchObject({ outcome: 'send', type: 'track', name: 'Order Completed' })

  await killedRedrive('--source', 'pos', '--yes')
  // Two at the same time: neither knows of the other.
  const both = await Promise.all([redrive('--source', 'pos', '--yes'), redrive('--source', 'pos', '--yes')])
  for (const { end } of both) {
    expect(end).toMatchObject({ done: true, sent: true, total: RECEIPTS, send: RECEIPTS - end.before })
    expect(end.before).toBeGreaterThan(0)
  }
  expect(both[0].end.send + both[1].end.send).toBeGreaterThan(0)
  expect(await redrive('--source', 'pos', '--yes')).toMatchObject({
    code: 0,
    end: { send: 0, before: RECEIPTS },
  })

  for (let card = 0; card < CARDS; card++)
    // oxlint-disable-next-line no-await-in-loop -- one after the other
    await waitForValue(
      `the orders of card-${card}`,
      async () => {
        const { out } = await tributary('profile', 'get', `loyalty_id:card-${card}`, '--json')
        return (JSON.parse(out) as { computed?: { orders?: number } }).computed?.orders
      },
      (orders) => orders === RECEIPTS / CARDS,
      { timeoutMs: 60_000 },
    )
  const audit = await waitForValue(
    'books that balance',
    async () => {
      const { code, out } = await tributary('audit', '--json')
      return {
        code,
        report: JSON.parse(out) as {
          received: number
          accepted: number
          rejected: number
          repeated: number
          redriven: number
          findings: unknown[]
        },
      }
    },
    ({ code }) => code === 0,
    { timeoutMs: 60_000 },
  )
  const { received, accepted, rejected, repeated, redriven } = audit.report
  expect(redriven).toBe(RECEIPTS)
  expect(received + repeated + redriven).toBe(accepted + rejected)

  const { rows } = await trace('T0')
  expect(rows.slice(0, 3).map(({ step }) => step)).toEqual(['received', 'rejected', 'accepted'])
  expect(rows[0]).toMatchObject({ place: expect.stringMatching(/^retail\.receipts 0:0$/), what: 'from pos' })
  expect(rows[2]!.what).toMatch('sent again after it had been refused')
}, 170_000)

test('another workspace key is refused before anything is looked at', async () => {
  const other = join(folder, 'other-key')
  await writeFile(other, 'another key of more than thirty-two characters')
  const lines: string[] = []
  const code = await run(['rejects', 'redrive', '--all', '--yes'], {
    env: { ...environment(), WORKSPACE_KEY_FILE: other },
    cwd: folder,
    out: (line) => lines.push(line),
    err: (line) => lines.push(line),
    colour: false,
    now: Date.now,
    user: 'ada',
    interrupted: new AbortController().signal,
  })
  expect(code).toBe(1)
  expect(lines.join('\n')).toMatch('the workspace key here is not the one the events are filed under')
}, 60_000)
