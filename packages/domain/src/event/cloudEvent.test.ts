import { createHash } from 'node:crypto'
import { describe, expect, test } from '@jest/globals'
import fc from 'fast-check'
import { cloudEventMapping, composeCloudEvent } from './cloudEvent.ts'
import { parseExact } from './exactJson.ts'
import { prepareMapping } from './mapping.ts'

const digest = (parts: readonly string[]): string =>
  createHash('sha256').update(parts.join('\0')).digest('hex').slice(0, 32)
const toBase64 = (bytes: Uint8Array): string => Buffer.from(bytes).toString('base64')
const read = (text: string, mapping?: Parameters<typeof cloudEventMapping>[0]) =>
  cloudEventMapping(mapping, digest).map(parseExact(text))
const head = '"specversion":"1.0","id":"4711","source":"/shop","type":"com.shop.order.paid"'

describe('in binary mode its structured form is kept', () => {
  test('with data of JSON to the byte', () => {
    const data = Buffer.from('{ "n" : 9007199254740993, "n": 1.50 }')
    const whole = composeCloudEvent(
      { id: '1', type: 'a"b' },
      'application/json; charset=utf-8',
      data,
      toBase64,
    )
    expect(Buffer.from(whole).toString()).toBe(
      `{"id":"1","type":"a\\"b","datacontenttype":"application/json; charset=utf-8","data":${data.toString()}}`,
    )
  })

  test('with any other data in base64, and none at all', () => {
    const xml = composeCloudEvent({ id: '1' }, 'text/xml', Buffer.from('<a/>'), toBase64)
    expect(JSON.parse(Buffer.from(xml).toString())).toEqual({
      id: '1',
      datacontenttype: 'text/xml',
      data_base64: toBase64(Buffer.from('<a/>')),
    })
    expect(Buffer.from(composeCloudEvent({}, undefined, new Uint8Array(), toBase64)).toString()).toBe('{}')
  })

  test('whatever the attributes, what comes out is JSON that holds them and the data', () => {
    const text = fc.string({ unit: 'binary' })
    fc.assert(
      fc.property(fc.dictionary(text, text), fc.json(), (attributes, data) => {
        const whole = composeCloudEvent(attributes, undefined, Buffer.from(data), toBase64)
        const parsed = JSON.parse(Buffer.from(whole).toString()) as Record<string, unknown>
        const { data: found, ...rest } = parsed
        expect(JSON.stringify(found)).toBe(JSON.stringify(JSON.parse(data)))
        const wellFormed = Object.entries(attributes).filter(
          ([name]) => name !== 'data' && name !== '__proto__',
        )
        expect(Object.keys(rest).length).toBeGreaterThanOrEqual(wellFormed.length)
      }),
    )
  })
})

describe('without a mapping', () => {
  test('its type names a track event of the person in its extensions', () => {
    expect(
      read(`{${head},"time":"2026-11-24T12:00:00Z","subject":"o1","userid":"u1","data":{"total":12.5}}`),
    ).toEqual({
      event: {
        type: 'track',
        event: 'com.shop.order.paid',
        messageId: '/shop#4711',
        timestamp: '2026-11-24T12:00:00Z',
        userId: 'u1',
        properties: { total: 12.5 },
        context: {
          cloudEvent: {
            specversion: '1.0',
            id: '4711',
            source: '/shop',
            type: 'com.shop.order.paid',
            time: '2026-11-24T12:00:00Z',
            subject: 'o1',
            userid: 'u1',
          },
        },
      },
    })
  })

  test('Segment-shaped data are the event', () => {
    const data =
      '{"type":"identify","userId":"u1","traits":{"plan":"pro"},"timestamp":"2026-01-01T00:00:00Z"}'
    expect(read(`{${head},"time":"2026-11-24T12:00:00Z","data":${data}}`)).toEqual({
      event: {
        type: 'identify',
        userId: 'u1',
        traits: { plan: 'pro' },
        timestamp: '2026-01-01T00:00:00Z',
        messageId: '/shop#4711',
      },
    })
  })

  test.each([
    ['[1]', { data: [1] }],
    ['"text"', { data: 'text' }],
    ['null', {}],
  ])('data %s are properties %j', (data, properties) => {
    expect(read(`{${head},"data":${data}}`)).toMatchObject({ event: { properties } })
  })
})

test('a mapping sees the whole of it', () => {
  const mapping = prepareMapping({
    event: { const: 'Order Paid' },
    identifiers: { user_id: 'subject', email: 'data.customer.email' },
    properties: { total: 'data.total' },
  })
  expect(
    read(`{${head},"subject":"u1","data":{"total":3,"customer":{"email":"a@x"}}}`, mapping),
  ).toMatchObject({
    event: { event: 'Order Paid', userId: 'u1', properties: { total: 3 }, messageId: '/shop#4711' },
  })
})

test('source and id are both in the message id, however long they are', () => {
  const long = 'x'.repeat(300)
  const ids = [`{${head.replace('4711', long)}}`, `{${head.replace('4711', `${long}y`)}}`].map((text) => {
    const found = read(text)
    return 'event' in found ? found.event['messageId'] : undefined
  })
  expect(new Set(ids).size).toBe(2)
  expect(ids.every((id) => typeof id === 'string' && id.length === 32)).toBe(true)
})

test.each([
  ['[]', 'a CloudEvent is a JSON object'],
  ['{}', 'no CloudEvent: "specversion" is missing'],
  [`{${head.replace('4711', ' ')}}`, 'no CloudEvent: "id" is missing'],
  [`{${head.replace('1.0', '0.3')}}`, 'CloudEvents 0.3 cannot be read; 1.0 can'],
])('%s is none: %s', (text, problem) => {
  expect(read(text)).toEqual({ problem })
})
