import { expect, test } from '@jest/globals'
import fc from 'fast-check'
import { foldPeople } from './foldPeople.ts'
import { makeLoad, type LoadEvent, type Source } from './madeLoad.ts'

function event(source: Source, body: object): LoadEvent {
  const messageId = JSON.stringify(body)
  return { atMs: 0, source, messageId, person: 1, body: messageId, linking: false, valid: true }
}

const T1 = '2026-11-20T10:00:00.000Z'
const T2 = '2026-11-21T10:00:00.000Z'
const T3 = '2026-11-22T10:00:00.000Z'

test('counts, exact sums, first and last, preferred and latest traits of one person', () => {
  const order = (timestamp: string, total: number, product: string) =>
    event('app', {
      timestamp,
      type: 'track',
      event: 'Order Completed',
      userId: 'u1',
      properties: { total, product },
    })
  const folded = foldPeople([
    order(T2, 150.1, 'lamp'),
    event('till', { receiptId: 'r1', soldAt: T3, card: 'C1', product: 'mug', total: 150.2 }),
    event('office', {
      timestamp: T1,
      type: 'identify',
      userId: 'u1',
      traits: { tier: 'gold', city: 'Lyon' },
    }),
    event('app', { timestamp: T2, type: 'identify', userId: 'u1', traits: { plan: 'pro', city: 'Paris' } }),
    event('app', { timestamp: T1, type: 'identify', userId: 'u1', traits: { plan: 'free' } }),
  ])
  expect(folded.get(1)).toEqual({
    person: 1,
    identifiers: ['loyalty_id C1', 'user_id u1'],
    traits: { plan: 'pro', city: 'Lyon', tier: 'gold' },
    orders: 2,
    spendCents: 30_030,
    opened: 0,
    firstOrder: T2,
    lastOrder: T3,
    lastProduct: 'mug',
    audiences: ['big_spenders', 'both_channels', 'gold'],
    events: 5,
    firstSeen: T1,
    lastSeen: T3,
  })
})

test('the order of events does not matter', () => {
  const events = makeLoad({ seed: 3, durationMs: 4_000, perSecond: 40, nowMs: Date.UTC(2026, 10, 24) })
  const valid = events.filter((each) => each.valid)
  const sorted = (from: LoadEvent[]) => [...foldPeople(from).values()].sort((a, b) => a.person - b.person)
  fc.assert(
    fc.property(fc.shuffledSubarray(valid, { minLength: valid.length }), (shuffled) => {
      expect(sorted(shuffled)).toEqual(sorted(valid))
    }),
    { numRuns: 20 },
  )
})
