import { afterAll, afterEach, beforeAll, expect, test } from '@jest/globals'
import type { DestinationDocument } from '@tributary/configuration'
import { randomBytes } from 'node:crypto'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { type IncomingMessage, type Server, type ServerResponse, createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Webhook } from 'standardwebhooks'
import { classify } from '../delivery/classify.ts'
import { delivery } from '../testing/deliveries.ts'
import { senderContract } from '../testing/senderContract.ts'
import { destination } from '../testing/workspace.ts'
import { type WebhookSender, createWebhookSender } from './webhookSender.ts'
import { createWebhookSecrets } from './webhookSecret.ts'

const dir = mkdtempSync(join(tmpdir(), 'webhook-'))
const secret = `whsec_${randomBytes(24).toString('base64')}`
const nextSecret = `whsec_${randomBytes(24).toString('base64')}`
writeFileSync(join(dir, 'crm-webhook'), `${secret}\n`)
writeFileSync(join(dir, 'crm-webhook-next'), nextSecret)
writeFileSync(join(dir, 'broken'), 'not a secret')

interface Received {
  readonly method: string | undefined
  readonly headers: Record<string, string>
  readonly body: string
}
let server: Server
let base: string
let received: Received[] = []
let behave: (request: IncomingMessage, response: ServerResponse) => void = (_request, response) => {
  response.writeHead(204).end()
}
const sender: WebhookSender = createWebhookSender({
  secrets: createWebhookSecrets(dir, Date.now),
  clock: Date.now,
  userAgent: 'tributary/test',
})

beforeAll(async () => {
  server = createServer((request, response) => {
    const chunks: Buffer[] = []
    request.on('data', (chunk: Buffer) => chunks.push(chunk))
    request.on('end', () => {
      const headers = Object.fromEntries(Object.entries(request.headers).map(([k, v]) => [k, String(v)]))
      received.push({ method: request.method, headers, body: Buffer.concat(chunks).toString('utf8') })
      behave(request, response)
    })
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  base = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
})
afterEach(() => {
  received = []
})
afterAll(async () => {
  await sender.close()
  server.closeAllConnections()
  await new Promise((resolve) => server.close(resolve))
  rmSync(dir, { recursive: true })
})

function to(over: Partial<NonNullable<DestinationDocument['webhook']>> = {}): DestinationDocument {
  const webhook = {
    url: `${base}/hooks`,
    signingSecret: { file: 'crm-webhook' },
    allowPrivateAddresses: true,
    ...over,
  }
  return destination({ webhook })
}
const send = (where: DestinationDocument, body?: string): ReturnType<WebhookSender['send']> =>
  sender.send(where, delivery('d1', body === undefined ? {} : { body }), new AbortController().signal)
const answering =
  (status: number, headers: Record<string, string> = {}) =>
  (_request: IncomingMessage, response: ServerResponse): void => {
    response.writeHead(status, headers).end('thanks')
  }

senderContract('a webhook over HTTP', () => ({
  sender,
  destination: to(),
  async arrived(profileId) {
    const bodies = new Map(received.map(({ headers, body }) => [headers['webhook-id'], body]))
    return [...bodies.values()].filter(
      (body) => (JSON.parse(body) as { profileId: string }).profileId === profileId,
    )
  },
  async breakOff() {
    behave = (request) => void request.socket.destroy()
  },
  async mend() {
    behave = answering(204)
  },
}))

test('a receiver that verifies the signature gets the body, byte for byte', async () => {
  behave = answering(204)
  const body = '{"type":"t","data":{"name":"Zoë 😀","n":12345678901234567890}}'
  expect(await send(to(), body)).toEqual({ kind: 'status', status: 204 })
  expect(received).toHaveLength(1)
  const [call] = received
  expect(call).toMatchObject({
    method: 'POST',
    body,
    headers: { 'content-type': 'application/json', 'webhook-id': 'd1' },
  })
  expect(() => new Webhook(secret).verify(call?.body ?? '', call?.headers ?? {})).not.toThrow()
})

test('two secrets sign side by side', async () => {
  behave = answering(200)
  await send(to({ signingSecret: [{ file: 'crm-webhook' }, { file: 'crm-webhook-next' }] }))
  for (const known of [secret, nextSecret]) {
    expect(() => new Webhook(known).verify(received[0]?.body ?? '', received[0]?.headers ?? {})).not.toThrow()
  }
})

test.each([200, 301, 404, 410, 422, 500])('the answer %i is given back as it is', async (status) => {
  behave = answering(status, { location: `${base}/elsewhere` })
  expect(await send(to())).toEqual({ kind: 'status', status })
  expect(received).toHaveLength(1)
})

test('Retry-After is given back in milliseconds', async () => {
  behave = answering(503, { 'retry-after': '7' })
  expect(await send(to())).toEqual({ kind: 'status', status: 503, retryAfterMs: 7_000 })
})

test('a receiver that never answers costs the timeout and no more', async () => {
  behave = () => undefined
  const start = performance.now()
  expect(await send(to({ timeoutMs: 200 }))).toMatchObject({ kind: 'failure', code: 'TIMEOUT' })
  expect(performance.now() - start).toBeLessThan(2_000)
})

test('a receiver that answers one byte at a time for ever costs the timeout; its status counts', async () => {
  behave = (_request, response) => {
    response.writeHead(200)
    const timer = setInterval(() => response.write('x'), 20)
    response.on('close', () => {
      clearInterval(timer)
    })
  }
  const start = performance.now()
  expect(await send(to({ timeoutMs: 300 }))).toEqual({ kind: 'status', status: 200 })
  expect(performance.now() - start).toBeLessThan(2_000)
})

test('an endless answer is not read', async () => {
  behave = (_request, response) => {
    response.writeHead(200)
    const chunk = Buffer.alloc(64 * 1024)
    const more = (): void => {
      while (response.writable && response.write(chunk));
    }
    response.on('drain', more)
    more()
  }
  expect(await send(to({ timeoutMs: 5_000 }))).toEqual({ kind: 'status', status: 200 })
})

test('a receiver that hangs up is a failed connection', async () => {
  behave = (request) => {
    request.socket.destroy()
  }
  expect(await send(to())).toMatchObject({ kind: 'failure', code: 'CONNECTION_FAILED' })
})

test('a port where nobody listens is a failed connection', async () => {
  const answer = await send(to({ url: 'http://127.0.0.1:1/' }))
  expect(answer).toMatchObject({ kind: 'failure', code: 'CONNECTION_FAILED' })
  expect(classify(answer).verdict).toBe('retry')
})

test('private addresses are refused unless the document allows them, and nothing is sent', async () => {
  behave = answering(200)
  const port = base.split(':').at(-1)
  for (const host of ['127.0.0.1', 'localhost', '[::ffff:127.0.0.1]', '2130706433']) {
    const answer = await send(to({ url: `http://${host}:${port}/`, allowPrivateAddresses: false }))
    expect(answer).toMatchObject({ kind: 'failure', code: 'ADDRESS_REFUSED' })
  }
  expect(received).toEqual([])
})

test('a connection that one document allows is not used for another that does not', async () => {
  behave = answering(200)
  await send(to())
  expect(await send(to({ allowPrivateAddresses: false }))).toMatchObject({ code: 'ADDRESS_REFUSED' })
  expect(received).toHaveLength(1)
})

test('metadata services are never reached, whatever the document says', async () => {
  expect(await send(to({ url: 'http://169.254.169.254/latest' }))).toMatchObject({ code: 'ADDRESS_REFUSED' })
})

test('a name that cannot be resolved says so', async () => {
  const answer = await send(to({ url: 'http://crm.invalid/' }))
  expect(answer).toMatchObject({ kind: 'failure' })
  expect(['NAME_NOT_FOUND', 'TIMEOUT', 'CONNECTION_FAILED']).toContain(classify(answer).code)
  expect(classify(answer).verdict).toBe('retry')
})

test('a missing or broken secret blocks the destination before anything is sent', () => {
  expect(sender.blocked(to({ signingSecret: { file: 'absent' } }))).toMatchObject({ code: 'SECRET_MISSING' })
  expect(sender.blocked(to({ signingSecret: { file: 'broken' } }))).toMatchObject({ code: 'SECRET_INVALID' })
  expect(sender.blocked(to())).toBeUndefined()
})

test('a secret that is mounted later is found without a restart', () => {
  let now = 0
  const secrets = createWebhookSecrets(dir, () => now)
  const late = to({ signingSecret: { file: 'late' } })
  expect(secrets.of(late)).toHaveProperty('problem')
  writeFileSync(join(dir, 'late'), secret)
  now = 5_000
  expect(secrets.of(late)).toHaveProperty('keys')
})

test('no message of an answer repeats what the receiver wrote or where the secret is', async () => {
  behave = (_request, response) => {
    response
      .writeHead(422, { 'content-type': 'application/json' })
      .end('{"error":"ada@example.com is unknown"}')
  }
  expect(JSON.stringify(classify(await send(to())))).not.toMatch(/ada|whsec/)
})
