import { describe, expect, test } from '@jest/globals'
import { keepAggregates } from '../aggregate/keepAggregates.ts'
import { type FoldableEvent, eventFacts } from '../profile/eventFacts.ts'
import { type Fragment, foldEvent } from '../profile/fragment.ts'
import { type ComputedTrait, foldProfile } from '../profile/profile.ts'
import { compileAudience } from './compileAudience.ts'
import { type Condition } from './condition.ts'
import { describeCondition } from './describeCondition.ts'
import { inReadingOrder } from './inReadingOrder.ts'
import { judgeAudience, judgeAudiences, judgedProfile } from './judgeAudience.ts'
import { sampleOf } from './sampleOf.ts'

const hash = (text: string) => `#${text}`
const compiled = (where: Condition) => compileAudience(where, hash)

const event = (messageId: string, given: Partial<FoldableEvent>): FoldableEvent => ({
  messageId,
  sourceId: 'web',
  type: 'track',
  name: 'Order Completed',
  timeMs: 1,
  identifiers: [{ type: 'user_id', value: 'u1', id: 'u1' }],
  payload: {},
  ...given,
})

const order = (messageId: string, channel: string) =>
  event(messageId, { payload: { properties: { channel } } })

const orders = { document: 'trait/orders', hash: 'h', kind: 'count', event: 'Order Completed' } as const
const computed: ComputedTrait[] = [{ id: 'orders', aggregate: orders, job: 1 }]

/** Judges an audience on the profile of some events. */
function judge(where: Condition, events: readonly FoldableEvent[]) {
  const audience = compiled(where)
  const kept = keepAggregates([
    ...audience.aggregates.map((definition) => ({ definition, job: 3 })),
    { definition: orders, job: 1 },
  ])
  let fragment: Fragment | undefined
  for (const each of events) fragment = foldEvent(fragment, eventFacts(each), kept)
  const profile = foldProfile([{ identifierId: 'u1', fragment }], {
    preferences: new Map(),
    computed,
    nowMs: 0,
  })!
  return judgeAudience(
    audience,
    judgedProfile(profile, { profileId: 'user_id:u1', computed, jobOf: () => 3, nowMs: 0 }),
    () => false,
  )
}

const identify = event('m0', {
  type: 'identify',
  name: '',
  payload: { traits: { plan: 'pro', address: { city: 'Rome', zip: '1' } } },
})

describe('an audience', () => {
  test.each<[string, Condition, boolean]>([
    ['all of nothing missing', { all: [{ trait: 'plan' }, { trait: 'traits.plan', eq: 'pro' }] }, true],
    [
      'any',
      {
        any: [
          { trait: 'plan', eq: 'free' },
          { trait: 'address.city', eq: 'Rome' },
        ],
      },
      true,
    ],
    ['not', { not: { trait: 'plan', eq: 'pro' } }, false],
    ['a path above others has a value', { trait: 'traits.address' }, true],
    ['a trait nobody sent', { trait: 'age', gte: 0 }, false],
    ['an event at least once when no count is given', { event: 'Order Completed' }, true],
    ['an event so often', { event: 'Order Completed', count: { gte: 3 } }, false],
    [
      'an event with a filter',
      { event: 'Order Completed', filter: { 'properties.channel': 'shop' }, count: { eq: 1 } },
      true,
    ],
    ['an event never', { event: 'Viewed', count: { eq: 0 } }, true],
    ['a computed trait', { trait: 'orders', eq: 2 }, true],
  ])('%s', (_, where, member) => {
    expect(judge(where, [identify, order('m1', 'web'), order('m2', 'shop')]).member).toBe(member)
  })

  test('a computed count that nothing has counted for is 0', () => {
    expect(judge({ trait: 'orders', lt: 1 }, [identify]).member).toBe(true)
  })

  test('says in words what each leaf saw', () => {
    expect(
      judge(
        {
          all: [
            { trait: 'plan', in: ['pro', 'team'] },
            { not: { event: 'Order Completed', filter: { source: 'crm' }, count: { gte: 1 } } },
          ],
        },
        [identify, order('m1', 'web')],
      ),
    ).toEqual({
      member: true,
      leaves: [
        { condition: 'plan is one of ["pro","team"]', value: 'pro', met: true },
        { condition: 'count of Order Completed where source is "crm" is at least 1', value: 0, met: false },
      ],
    })
  })

  test('shares one aggregate between equal event leaves, however often they ask for', () => {
    const { aggregates } = compiled({
      all: [
        { event: 'A', filter: { source: 'web', type: 'track' }, count: { gte: 1 } },
        { event: 'A', filter: { type: 'track', source: 'web' }, count: { lt: 9 } },
        { event: 'A' },
      ],
    })
    expect(aggregates).toHaveLength(2)
  })

  test.each<[Condition, string]>([
    [{ event: 'A', within: '30d' }, 'count of A within 30d is at least 1'],
    [
      { event: 'A', sum: { path: 'properties.total', gte: 3 }, since: '2026-01-01' },
      'sum of properties.total of A since 2026-01-01 is at least 3',
    ],
    [
      {
        event: 'A',
        distinct: { path: 'properties.sku', lt: 3 },
        between: { from: '2026-01-01', to: '2026-02-01' },
      },
      'distinct count of properties.sku of A from 2026-01-01 until 2026-02-01 is less than 3',
    ],
    [
      { sequence: { steps: [{ event: 'A', filter: { source: 'web' } }, { event: 'B' }], within: '7d' } },
      'A where source is "web", then B, all within 7d',
    ],
    [{ inactive: { for: '30d' } }, 'no event for 30d'],
    [{ inactive: { for: '30d', event: 'A' } }, 'no A for 30d'],
    [{ audience: 'vip' }, 'is in the audience vip'],
    [{ identifier: 'email', exists: false }, 'has no identifier of type email'],
    [{ consent: 'email' }, 'consents to email'],
    [{ consent: 'email', granted: false }, 'has refused email'],
    [{ sample: { percent: 5, salt: 'b' } }, 'is in the sample of 5 percent with salt "b"'],
    [
      {
        all: [
          { trait: 'a' },
          { any: [{ trait: 'b', eq: 1 }, { not: { all: [{ trait: 'c' }, { trait: 'd' }] } }] },
        ],
      },
      'a has a value and (b is 1 or not (c has a value and d has a value))',
    ],
  ])('%j in words', (where, text) => {
    expect(describeCondition(where)).toBe(text)
  })

  test('consent that was never given nor refused is neither', () => {
    expect(judge({ consent: 'email' }, [identify]).member).toBe(false)
    expect(judge({ consent: 'email', granted: false }, [identify]).member).toBe(false)
    expect(judge({ not: { consent: 'email' } }, [identify]).member).toBe(true)
  })

  test('a sample of 10 percent is about a tenth of all, a part of one of 20 percent, and others with another salt', () => {
    const people = Array.from({ length: 10_000 }, (_, i) => `user_id:${i}`)
    const below = (percent: number, salt: string) => people.filter((id) => sampleOf(salt, id) < percent)
    const tenth = below(10, '')
    expect(Math.abs(tenth.length - 1_000)).toBeLessThan(100)
    expect(new Set(below(20, ''))).toEqual(new Set([...below(20, ''), ...tenth]))
    const others = new Set(below(10, 'b'))
    expect(tenth.filter((id) => others.has(id)).length).toBeLessThan(200)
  })
})

describe('audiences that read others', () => {
  const named = (id: string, where: Condition, disabled = false) => ({
    id,
    disabled,
    compiled: compiled(where),
  })
  const nobody = {
    trait: () => undefined,
    aggregate: () => undefined,
    activeWithin: () => false,
    hasIdentifier: (type: string) => type === 'email',
    consents: () => undefined,
    sample: () => 0,
  }
  const membersOf = (audiences: ReturnType<typeof named>[], was: string[] = []) =>
    judgeAudiences(inReadingOrder(audiences), nobody, (id) => was.includes(id))
      .filter(({ judgement }) => judgement.member)
      .map(({ audience }) => audience.id)

  test('are judged after those they read, whatever their names', () => {
    expect(
      membersOf([
        named('a', { all: [{ audience: 'b' }, { not: { audience: 'd' } }] }),
        named('b', { audience: 'c' }),
        named('c', { identifier: 'email' }),
        named('d', { identifier: 'phone' }),
      ]),
    ).toEqual(['c', 'b', 'a'])
  })

  test('nobody enters or leaves one that is disabled, and others read it as it stays', () => {
    const audiences = [
      named('a', { audience: 'b' }),
      named('b', { identifier: 'phone' }, true),
      named('c', { identifier: 'email' }, true),
    ]
    expect(membersOf(audiences, ['b'])).toEqual(['b', 'a'])
    expect(membersOf(audiences)).toEqual([])
  })

  test('a circle, as it can stand for a moment, ends', () => {
    const circle = [
      named('a', { audience: 'b' }),
      named('b', { audience: 'a' }),
      named('c', { audience: 'a' }),
    ]
    expect(membersOf(circle)).toEqual([])
  })
})
