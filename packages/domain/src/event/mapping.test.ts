import { describe, expect, test } from '@jest/globals'
import { parseExact } from './exactJson.ts'
import { type EventMapping, prepareMapping } from './mapping.ts'

const receipts: EventMapping = {
  type: { const: 'track' },
  event: { const: 'Order Completed' },
  messageId: 'receiptId',
  time: { path: 'soldAt', zone: 'Europe/Paris' },
  identifiers: { loyalty_id: 'customer.card', email: 'customer.email', user_id: 'customer.web' },
  properties: { total: 'total', products: 'lines', currency: { path: 'currency', default: 'EUR' } },
}
const { map, zone } = prepareMapping(receipts)

test('a receipt becomes a Segment-shaped event', () => {
  const receipt = `{"receiptId":"R-1","soldAt":"2026-10-25T02:30:00","customer":{"card":"L1","email":"a@x","web":"u1"},
    "total":12.50,"lines":[{"sku":"S1","ean":90071992547409931}]}`
  expect(JSON.parse(JSON.stringify(map(parseExact(receipt))))).toEqual({
    event: {
      type: 'track',
      event: 'Order Completed',
      messageId: 'R-1',
      timestamp: '2026-10-25T02:30:00',
      userId: 'u1',
      properties: {
        total: 12.5,
        products: [{ sku: 'S1', ean: Number('90071992547409931') }],
        currency: 'EUR',
      },
      context: {
        externalIds: [
          { type: 'loyalty_id', id: 'L1', collection: 'users', encoding: 'none' },
          { type: 'email', id: 'a@x', collection: 'users', encoding: 'none' },
        ],
      },
    },
  })
  expect(JSON.stringify(map(parseExact(receipt)))).toContain('"ean":90071992547409931}')
  expect(zone).toBe('Europe/Paris')
})

test('missing optional fields are left out, nulls of properties are kept', () => {
  expect(map({ total: null, receiptId: null })).toEqual({
    problem: expect.stringContaining('none of the mapped fields'),
  })
  expect(map({ total: null, receiptId: 'R' })).toEqual({
    event: {
      type: 'track',
      event: 'Order Completed',
      messageId: 'R',
      properties: { total: null, currency: 'EUR' },
    },
  })
})

describe('a record the mapping was not written for is a problem that says why', () => {
  test.each([
    [{ invoice: 1 }, /none of the mapped fields is in the record \(receiptId, soldAt, /],
    [[1], /no JSON object/],
    ['text', /no JSON object/],
    [null, /no JSON object/],
  ])('%j', (record, problem) => {
    expect(map(record)).toEqual({ problem: expect.stringMatching(problem) })
  })

  test('a type from the record that is none', () => {
    const byField = prepareMapping({ type: 'kind', event: 'what', identifiers: { user_id: 'who' } }).map
    expect(byField({ kind: 'sale', who: 'u1' })).toEqual({
      problem: 'type: what is at "kind" is no event type',
    })
    expect(byField({ kind: 'track', who: 'u1' })).toEqual({ problem: 'event: nothing at "what"' })
    expect(byField({ kind: 'identify', who: 'u1' })).toEqual({ event: { type: 'identify', userId: 'u1' } })
  })
})

test('an event is a track event when the mapping does not say', () => {
  expect(prepareMapping({ event: { const: 'Sold' }, identifiers: { user_id: 'u' } }).map({ u: 1 })).toEqual({
    event: { type: 'track', event: 'Sold', userId: 1 },
  })
})

test('identifiers join what the mapping puts into the context', () => {
  const { map: mapped } = prepareMapping({
    type: { const: 'page' },
    identifiers: { email: 'mail' },
    context: { ip: 'address' },
  })
  expect(mapped({ mail: 'a@x', address: '::1' })).toEqual({
    event: {
      type: 'page',
      context: {
        ip: '::1',
        externalIds: [{ type: 'email', id: 'a@x', collection: 'users', encoding: 'none' }],
      },
    },
  })
})

test('a path that is none names its field', () => {
  expect(() => prepareMapping({ event: { const: 'x' }, properties: { total: 'a..b' } })).toThrow(
    'properties.total: "a..b" is no path',
  )
})
