import { createHmac } from 'node:crypto'
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals'
import { EventRecord } from '@tributary/contracts/generated/tributary/event/v1/event'
import { buildSourceBook } from '../sources/sourceBook.ts'
import {
  type MemoryLog,
  type TestCollector,
  createMemoryLog,
  post,
  startTestCollector,
  testPorts,
  workspaceOf,
} from '../testing/index.ts'
import { type Webhook, verifyWebhook } from './webhook.ts'

const body = Buffer.from('{"event_type":"ping","data":{"success":true}}')
const signed = {
  'webhook-id': 'msg_loFOjxBNrRLzqYUf',
  'webhook-timestamp': '1731705121',
  'webhook-signature': 'v1,rAvfW3dJ/X/qxhsaXPOyyCGmRKsaKWcsNccKXlIktD0=',
}
const AT = 1_731_705_121_000
const standard: Webhook = {
  scheme: 'standard',
  secrets: ['whsec_plJ3nmyCDGBKInavdOK15jsl'],
  toleranceMs: 300_000,
}
const verify = (headers: object = signed, webhook: Webhook = standard, nowMs = AT, sent: Buffer = body) =>
  verifyWebhook(webhook, headers as Record<string, string>, sent, nowMs)

describe('Standard Webhooks', () => {
  test('the example of its specification holds', () => {
    expect(verify()).toEqual({ id: 'msg_loFOjxBNrRLzqYUf', time: 1_731_705_121, about: {} })
  })

  test('any of several secrets and of several signatures holds', () => {
    const rotated = { ...standard, secrets: ['whsec_AAAA', ...standard.secrets] }
    const several = { ...signed, 'webhook-signature': `v1,AAAA v1a,xyz ${signed['webhook-signature']}` }
    expect(verify(several, rotated)).toHaveProperty('id')
    expect(verify(signed, { ...standard, secrets: [] })).toMatchObject({ code: 'invalid_signature' })
  })

  test.each<[string, object, string]>([
    ['no signature', { ...signed, 'webhook-signature': undefined }, 'missing_signature'],
    ['no id', { ...signed, 'webhook-id': '' }, 'missing_signature'],
    ['another id', { ...signed, 'webhook-id': 'msg_x' }, 'invalid_signature'],
    ['another time', { ...signed, 'webhook-timestamp': '1731705122' }, 'invalid_signature'],
    ['a signature of another version', { ...signed, 'webhook-signature': 'v2,rAvf' }, 'invalid_signature'],
    ['a signature that is no base64', { ...signed, 'webhook-signature': 'v1,%%%' }, 'invalid_signature'],
  ])('%s is refused', (_name, headers, code) => {
    expect(verify(headers)).toMatchObject({ code })
  })

  test('a body that was changed by one byte is refused', () => {
    expect(verify(signed, standard, AT, Buffer.concat([body, Buffer.from(' ')]))).toMatchObject({
      code: 'invalid_signature',
    })
  })

  test.each([
    [300_000, undefined],
    [300_001, 'stale_delivery'],
    [-300_000, undefined],
    [-300_001, 'stale_delivery'],
  ])('%d ms after it was signed it is %s', (ms, code) => {
    expect('code' in verify(signed, standard, AT + ms)).toBe(code !== undefined)
  })
})

describe('Shopify', () => {
  const webhook: Webhook = { scheme: 'shopify', secrets: ['old', 'hush'], toleranceMs: 1 }
  const hmac = createHmac('sha256', 'hush').update(body).digest('base64')

  test.each(['x-shopify-', 'shopify-'])('with the names that begin with %s', (prefix) => {
    const headers = {
      [`${prefix}hmac-sha256`]: hmac,
      [`${prefix}webhook-id`]: 'w1',
      [`${prefix}topic`]: 'orders/paid',
      [`${prefix}shop-domain`]: 'maison.myshopify.example',
      [`${prefix}triggered-at`]: '2026-11-24T12:00:00.123456789Z',
    }
    expect(verify(headers, webhook)).toEqual({
      id: 'w1',
      time: '2026-11-24T12:00:00.123456789Z',
      about: { __topic: 'orders/paid', __shop: 'maison.myshopify.example' },
    })
    expect(verify({ ...headers, [`${prefix}hmac-sha256`]: 'AAAA' }, webhook)).toMatchObject({
      code: 'invalid_signature',
    })
  })
})

describe('POST /v1/webhook/:source', () => {
  const documents = [
    {
      kind: 'Source',
      id: 'shopify',
      webhook: { scheme: 'shopify', secrets: [{ file: 'web-key' }, { file: 'not-mounted' }] },
      map: {
        event: { path: '__topic', default: 'x' },
        identifiers: { email: 'customer.email' },
        properties: { total: 'total_price' },
      },
    },
  ]
  const secret = 'the secret'
  let log: MemoryLog
  let collector: TestCollector
  beforeAll(async () => {
    log = createMemoryLog()
    collector = await startTestCollector(log, { readSecret: () => secret })
    collector.adopt(workspaceOf(documents))
  })
  afterAll(() => collector.stop())

  const deliver = (text: string, id: string, key = secret) =>
    post(`${collector.url}/v1/webhook/shopify`, text, {
      'x-shopify-hmac-sha256': createHmac('sha256', key).update(text).digest('base64'),
      'x-shopify-webhook-id': id,
      'x-shopify-topic': 'orders/paid',
    })
  const order = '{"total_price":"12.50","customer":{"email":"Ada@Shop.example"}, "id":18446744073709551616}'

  test('a signed delivery is an event: its bytes kept, its id the message id, trusted', async () => {
    expect(await deliver(order, 'd1')).toMatchObject({ status: 200, body: { accepted: 1, rejected: [] } })
    const decoded = EventRecord.decode(log.records('events').at(-1)!.value).record
    expect(decoded).toMatchObject({
      $case: 'event',
      value: {
        messageId: 'd1',
        name: 'orders/paid',
        trusted: true,
        sourceId: 'shopify',
        identifiers: [{ type: 'email', value: 'ada@shop.example' }],
      },
    })
    expect(decoded?.$case === 'event' && decoded.value.raw.toString()).toBe(order)
  })

  test('what is not signed by a secret of the source is 401, and nothing is kept', async () => {
    const before = log.requests.length
    expect(await deliver(order, 'd2', 'guessed')).toMatchObject({
      status: 401,
      body: { success: false, code: 'invalid_signature' },
    })
    expect(await post(`${collector.url}/v1/webhook/shopify`, order)).toMatchObject({
      status: 401,
      body: { code: 'missing_signature' },
    })
    expect(log.requests).toHaveLength(before)
  })

  test('a source without a webhook has no such path', async () => {
    expect(await post(`${collector.url}/v1/webhook/nobody`, order)).toMatchObject({ status: 404 })
  })

  test('a secret that is not mounted takes away itself alone', () => {
    const book = buildSourceBook(workspaceOf(documents), testPorts)
    expect(book.webhooks.get('shopify')?.webhook.secrets).toHaveLength(1)
    expect(book.problems).toEqual([expect.stringContaining('secret "not-mounted" cannot be used')])
  })
})
