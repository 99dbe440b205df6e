import { describe, expect, test } from '@jest/globals'
import { keepAggregates } from '../aggregate/keepAggregates.ts'
import { type FoldableEvent, eventFacts } from '../profile/eventFacts.ts'
import { type Fragment, foldEvent } from '../profile/fragment.ts'
import { type ComputedTrait, foldProfile } from '../profile/profile.ts'
import { type CompiledAudience, compileAudience } from './compileAudience.ts'
import { type Condition } from './condition.ts'
import { judgeAudience, judgedProfile } from './judgeAudience.ts'

const hash = (text: string) => `#${text}`
const compiled = (where: Condition) => compileAudience(where, hash) as CompiledAudience

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
    judgedProfile(profile, computed, () => 3),
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
    [{ all: [{ trait: 'a' }, { sequence: { steps: [] } }] }, 'sequence'],
    [{ any: [{ not: { inactive: { for: '1d' } } }] }, 'inactive'],
    [{ audience: 'vip' }, 'audience'],
    [{ identifier: 'email' }, 'identifier'],
    [{ consent: 'email' }, 'consent'],
    [{ sample: { percent: 5 } }, 'sample'],
    [{ event: 'A', within: '30d' }, 'within of an event'],
    [{ event: 'A', sum: { path: 'properties.total', gte: 3 } }, 'sum of an event'],
  ])('%j is not yet run, and says so', (where, notYet) => {
    expect(compileAudience(where, hash)).toEqual({ notYet })
  })
})
