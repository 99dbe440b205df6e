import { describe, expect, test } from '@jest/globals'
import fc from 'fast-check'
import { keepAggregates } from '../aggregate/keepAggregates.ts'
import { everyAggregate } from '../aggregate/testing/everyAggregate.ts'
import { MAX_IDENTIFIERS_PER_FRAGMENT, MAX_TRAIT_VALUES_PER_FRAGMENT } from './caps.ts'
import { type FoldableEvent, eventFacts } from './eventFacts.ts'
import { type Fragment, foldEvent, fragmentOf, joinFragments } from './fragment.ts'
import { arbitraryEvents } from './testing/arbitraryEvents.ts'

const kept = keepAggregates([
  ...everyAggregate,
  { definition: { document: 'trait/orders', hash: 'h1', kind: 'count', event: 'Order Completed' }, job: 1 },
  {
    definition: {
      document: 'trait/spend',
      hash: 'h2',
      kind: 'sum',
      event: 'Order Completed',
      path: 'properties.total',
    },
    job: 1,
  },
  { definition: { document: 'trait/first', hash: 'h3', kind: 'first', event: 'Viewed' }, job: 1 },
  {
    definition: {
      document: 'trait/last',
      hash: 'h4',
      kind: 'last',
      event: 'Viewed',
      path: 'properties.total',
      filter: { 'properties.channel': 'web' },
    },
    job: 2,
  },
])

function event(given: Partial<FoldableEvent>): FoldableEvent {
  return {
    messageId: 'm1',
    sourceId: 'web',
    type: 'identify',
    name: '',
    timeMs: 1_000,
    identifiers: [{ type: 'user_id', value: 'u1', id: 'u1' }],
    payload: {},
    ...given,
  }
}

function foldAll(events: readonly FoldableEvent[]): Fragment | undefined {
  return events.reduce<Fragment | undefined>(
    (fragment, each) => foldEvent(fragment, eventFacts(each), kept),
    undefined,
  )
}

const shuffled = (events: readonly FoldableEvent[]) =>
  fc.shuffledSubarray([...events], { minLength: events.length, maxLength: events.length })

describe('a fragment', () => {
  test('is the same, byte for byte, whatever the order of its events', () => {
    fc.assert(
      fc.property(
        arbitraryEvents(12).chain((events) => fc.tuple(fc.constant(events), shuffled(events))),
        ([events, other]) => {
          expect(JSON.stringify(foldAll(other))).toBe(JSON.stringify(foldAll(events)))
        },
      ),
    )
  })

  test('is the same whether events are folded one by one or as fragments joined', () => {
    fc.assert(
      fc.property(arbitraryEvents(12), fc.nat(11), (events, cut) => {
        const [left, right] = [foldAll(events.slice(0, cut)), foldAll(events.slice(cut))]
        const joined = left && right ? joinFragments(left, right) : (left ?? right)
        const trimmed = joined && { ...joined, aggregates: joined.aggregates.map(kept.trim) }
        expect(JSON.stringify(trimmed)).toBe(JSON.stringify(foldAll(events)))
        const swapped = left && right ? joinFragments(right, left) : joined
        expect(JSON.stringify(swapped)).toBe(JSON.stringify(joined))
      }),
    )
  })

  test('counts each event once, and traits, identifiers and consents do not mind a repetition', () => {
    fc.assert(
      fc.property(arbitraryEvents(8), fc.nat(7), (events, again) => {
        const once = foldAll(events)
        expect(once?.events ?? 0).toBe(events.length)
        const twice = foldAll([...events, ...events.slice(again, again + 1)])
        const idempotent = (fragment: Fragment | undefined) =>
          fragment && [fragment.traits, fragment.identifiers, fragment.consents, fragment.firstSeenMs]
        expect(idempotent(twice)).toEqual(idempotent(once))
      }),
    )
  })

  test('keeps per path and source the last value by event time, then message id', () => {
    const fragment = foldAll([
      event({ messageId: 'm2', timeMs: 2_000, payload: { traits: { plan: 'pro' } } }),
      event({ messageId: 'm1', timeMs: 2_000, payload: { traits: { plan: 'free' } } }),
      event({ messageId: 'm9', timeMs: 1_000, payload: { traits: { plan: 'old' } } }),
      event({ messageId: 'm3', timeMs: 1_500, sourceId: 'crm', payload: { traits: { plan: 'gold' } } }),
    ])
    expect(fragment?.traits).toEqual([
      { path: 'plan', sourceId: 'crm', json: '"gold"', timeMs: 1_500, messageId: 'm3' },
      { path: 'plan', sourceId: 'web', json: '"pro"', timeMs: 2_000, messageId: 'm2' },
    ])
  })

  test('sums exactly, whatever is no number counting as nothing', () => {
    const totals = [0.1, 0.2, '19.90', 'free', null, { amount: 3 }, 1e15, -0.3, '1e2']
    const fragment = foldAll(
      totals.map((total, i) =>
        event({
          messageId: `m${i}`,
          type: 'track',
          name: 'Order Completed',
          payload: { properties: { total } },
        }),
      ),
    )
    expect(fragment?.aggregates.find(({ document }) => document === 'trait/spend')).toMatchObject({
      count: 6,
      sum: '1000000000000119.9',
    })
    expect(fragment?.aggregates.find(({ document }) => document === 'trait/orders')?.count).toBe(9)
  })

  test('first and last go by event time; a filter and a missing value leave events out', () => {
    const view = (messageId: string, timeMs: number, properties: Record<string, string | null>) =>
      event({ messageId, timeMs, type: 'track', name: 'Viewed', payload: { properties } })
    const fragment = foldAll([
      view('m1', 3_000, { total: 'late', channel: 'web' }),
      view('m2', 4_000, { total: 'in the shop', channel: 'shop' }),
      view('m3', 5_000, { total: null, channel: 'web' }),
      view('m4', 2_000, { total: 'early', channel: 'web' }),
    ])
    const named = (name: string) => fragment?.aggregates.find(({ document }) => document === name)
    expect(named('trait/last')?.last?.json).toBe('"late"')
    expect(named('trait/first')?.first?.json).toBe('"1970-01-01T00:00:02.000Z"')
  })

  test('forgets an aggregate that is no longer adopted, and one of an earlier adoption', () => {
    const order = event({ type: 'track', name: 'Order Completed', payload: {} })
    const before = fragmentOf(eventFacts(order), kept)
    const again = keepAggregates([
      {
        definition: { document: 'trait/orders', hash: 'h1', kind: 'count', event: 'Order Completed' },
        job: 7,
      },
    ])
    const after = foldEvent(before, eventFacts({ ...order, messageId: 'm2' }), again)
    expect(after.aggregates).toMatchObject([{ document: 'trait/orders', hash: 'h1', count: 1, job: 7 }])
  })

  test('keeps its caps whatever the order, the smallest paths and its own anchor first', () => {
    const many = MAX_TRAIT_VALUES_PER_FRAGMENT + 20
    const events = Array.from({ length: many }, (_, i) =>
      event({
        messageId: `m${i}`,
        payload: { traits: { [`t${String(i).padStart(5, '0')}`]: i } },
        identifiers: [
          { type: 'user_id', value: 'u1', id: 'zz-anchor' },
          { type: 'anonymous_id', value: `a${i}`, id: `a${String(i).padStart(5, '0')}` },
        ],
      }),
    )
    const forwards = foldAll(events)!
    expect(foldAll(events.toReversed())).toEqual(forwards)
    expect(forwards.traits).toHaveLength(MAX_TRAIT_VALUES_PER_FRAGMENT)
    expect(forwards.traits.at(-1)?.path).toBe('t00499')
    expect(forwards.identifiers).toHaveLength(MAX_IDENTIFIERS_PER_FRAGMENT)
    expect(forwards.identifiers.at(-1)?.id).toBe('zz-anchor')
    expect(forwards.truncated).toBe(true)
    expect(forwards.events).toBe(many)
  })
})

describe('where traits come from', () => {
  const paths = (given: Partial<FoldableEvent>) =>
    eventFacts(event(given)).traits.map(({ path, json }) => `${path}=${json}`)

  test.each<[string, Partial<FoldableEvent>, string[]]>([
    ['identify: its traits', { payload: { traits: { plan: 'pro' } } }, ['plan="pro"']],
    [
      'identify: traits before context.traits',
      { payload: { traits: { plan: 'pro' }, context: { traits: { plan: 'free', age: 3 } } } },
      ['age=3', 'plan="pro"'],
    ],
    [
      'track: context.traits only, never properties or traits',
      {
        type: 'track',
        payload: { traits: { no: 1 }, properties: { no: 1 }, context: { traits: { yes: true } } },
      },
      ['yes=true'],
    ],
    [
      'group: under the group',
      { type: 'group', payload: { groupId: 'acme.inc', traits: { name: 'Acme' } } },
      ['groups.acme\\.inc.id="acme.inc"', 'groups.acme\\.inc.name="Acme"'],
    ],
    [
      'nested objects by path, lists whole, empty objects not at all',
      { payload: { traits: { address: { city: 'Rome', tags: [{ a: 1 }] }, none: {} } } },
      ['address.city="Rome"', 'address.tags=[{"a":1}]'],
    ],
    ['null is a value', { payload: { traits: { plan: null } } }, ['plan=null']],
    ['traits that are no object say nothing', { payload: { traits: 'x', context: null } }, []],
    ['a payload that is no object says nothing', { payload: [1] }, []],
  ])('%s', (_, given, expected) => {
    expect(paths(given)).toEqual(expected)
  })

  test('consent: categoryPreferences before bare booleans, anything else ignored', () => {
    const consents = (consent: object) =>
      eventFacts(event({ payload: { context: { consent: consent as never } } })).consents
    expect(consents({ email: true, ads: 'yes' })).toEqual([{ purpose: 'email', granted: true }])
    expect(consents({ email: true, categoryPreferences: { ads: false } })).toEqual([
      { purpose: 'ads', granted: false },
    ])
  })
})
