import { describe, expect, test } from '@jest/globals'
import fc from 'fast-check'
import { type Verdict, classify, parseRetryAfter } from './classify.ts'

test.each<[number, Verdict]>([
  [200, 'delivered'],
  [202, 'delivered'],
  [204, 'delivered'],
  [301, 'retry'],
  [307, 'retry'],
  [400, 'item'],
  [401, 'pause'],
  [403, 'pause'],
  [404, 'pause'],
  [405, 'pause'],
  [408, 'retry'],
  [409, 'item'],
  [410, 'disable'],
  [413, 'item'],
  [422, 'item'],
  [425, 'retry'],
  [429, 'wait'],
  [500, 'retry'],
  [502, 'retry'],
  [503, 'retry'],
  [504, 'retry'],
])('%i means %s', (status, verdict) => {
  expect(classify({ kind: 'status', status })).toMatchObject({ verdict, code: `HTTP_${status}` })
})

test('503 with Retry-After is a wish of the destination, not a failure of the item', () => {
  expect(classify({ kind: 'status', status: 503, retryAfterMs: 5_000 })).toMatchObject({
    verdict: 'wait',
    retryAfterMs: 5_000,
  })
})

test('429 that names no time waits a minute; nobody is believed who asks for more than a day', () => {
  expect(classify({ kind: 'status', status: 429 }).retryAfterMs).toBe(60_000)
  expect(classify({ kind: 'status', status: 429, retryAfterMs: 1e12 }).retryAfterMs).toBe(86_400_000)
})

test.each([
  ['TIMEOUT', 'retry'],
  ['CONNECTION_FAILED', 'retry'],
  ['NAME_NOT_FOUND', 'retry'],
  ['TLS_FAILED', 'retry'],
  ['ADDRESS_REFUSED', 'pause'],
  ['URL_INVALID', 'pause'],
] as const)('%s means %s', (code, verdict) => {
  expect(classify({ kind: 'failure', code, message: 'm' })).toEqual({ verdict, code, message: 'm' })
})

test('every status has a verdict, and only 2xx is delivered', () => {
  fc.assert(
    fc.property(fc.integer({ min: 100, max: 599 }), (status) => {
      const { verdict } = classify({ kind: 'status', status })
      expect(verdict === 'delivered').toBe(status >= 200 && status < 300)
    }),
  )
})

describe('Retry-After', () => {
  const now = Date.parse('2026-03-01T10:00:00Z')
  test.each([
    ['120', 120_000],
    [' 0 ', 0],
    ['Sun, 01 Mar 2026 10:02:00 GMT', 120_000],
    ['Sun, 01 Mar 2026 09:00:00 GMT', 0],
    ['soon', undefined],
    ['-5', undefined],
    ['1.5', undefined],
    ['2026', 2_026_000],
    ['', undefined],
    [undefined, undefined],
  ])('%j is %s ms', (header, expected) => {
    expect(parseRetryAfter(header, now)).toBe(expected)
  })
})
