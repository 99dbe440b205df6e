import fc from 'fast-check'
import { type Comparison, type NumberComparison, type Scalar } from '../comparison.ts'
import { type Condition, type EventLeaf } from '../condition.ts'
import { type EventFilter } from '../eventFilter.ts'
import { parseWindow } from '../../aggregate/window.ts'
import { type ComputedTrait } from '../../profile/profile.ts'

const numbers: fc.Arbitrary<NumberComparison> = fc
  .tuple(fc.constantFrom('eq', 'ne', 'gt', 'gte', 'lt', 'lte'), fc.constantFrom(-2.5, 0, 0.1, 1, 1.1, 2, 3))
  .map(([operator, operand]) => ({ [operator]: operand }))

const name = fc.constantFrom('Order Completed', 'Viewed')
const filter = fc.constantFrom<EventFilter>(
  {},
  { 'properties.channel': 'web' },
  { source: 'crm', 'properties.total': { gt: 0 } },
  { 'properties.total': { exists: false } },
)
const window = fc.constantFrom<Pick<EventLeaf, 'within' | 'since' | 'between' | 'ever'>>(
  {},
  { ever: true },
  { within: '1d' },
  { within: '30h' },
  { within: '90m' },
  { since: '1970-01-02' },
  { between: { from: '1970-01-01T01:00', to: '1970-01-03T00:00:00Z' } },
)
const value = fc.oneof(
  fc.constant({}),
  numbers.map((count) => ({ count })),
  fc
    .tuple(
      fc.constantFrom('sum', 'average', 'min', 'max', 'distinct'),
      fc.constantFrom('properties.total', 'properties.channel'),
      numbers,
    )
    .map(([kind, path, compared]) => ({ [kind]: { path, ...compared } })),
)

const scalar = fc.constantFrom<Scalar>(true, 0, 1, -2.5, 0.1, 'x', '', '12.30', 'é')
const ordered = fc.constantFrom<number | string>(0, 1, 0.1, 'x', '')
const compared = fc.oneof(
  fc.constant<Comparison>({}),
  fc
    .tuple(fc.constantFrom('eq', 'ne', 'contains'), scalar)
    .map(([operator, operand]) => ({ [operator]: operand })),
  fc
    .tuple(fc.constantFrom('gt', 'gte', 'lt', 'lte'), ordered)
    .map(([operator, operand]) => ({ [operator]: operand })),
  fc
    .tuple(fc.constantFrom('in', 'notIn'), fc.array(scalar, { minLength: 1, maxLength: 3 }))
    .map(([operator, operand]) => ({ [operator]: operand })),
  fc
    .tuple(fc.constantFrom('startsWith', 'endsWith'), fc.constantFrom('x', '', '12', 'é'))
    .map(([operator, operand]) => ({ [operator]: operand })),
  fc.boolean().map((exists) => ({ exists })),
)
const trait = fc.constantFrom(
  'plan',
  'traits.plan',
  'a',
  'traits.a',
  'traits.a.b',
  'b.plan',
  'orders',
  'spend_2d',
)

const arbitraryLeaf: fc.Arbitrary<Condition> = fc.oneof(
  {
    weight: 5,
    arbitrary: fc
      .tuple(name, fc.option(filter, { nil: undefined }), window, value)
      .map(([event, given, when, what]): Condition => ({
        event,
        ...(given && { filter: given }),
        ...when,
        ...what,
      })),
  },
  fc
    .tuple(
      fc.array(fc.record({ event: name, filter }), { minLength: 2, maxLength: 3 }),
      fc.constantFrom(undefined, '59m', '1h', '2d'),
    )
    .map(([steps, within]): Condition => ({ sequence: { steps, ...(within && { within }) } })),
  fc
    .tuple(fc.constantFrom('1d', '50h'), fc.option(name, { nil: undefined }))
    .map(([long, event]): Condition => ({ inactive: { for: long, ...(event && { event }) } })),
  {
    weight: 2,
    arbitrary: fc.tuple(trait, compared).map(([read, how]): Condition => ({ trait: read, ...how })),
  },
  fc.constantFrom('a0', 'a1', 'a2').map((audience): Condition => ({ audience })),
  fc.constantFrom<Condition>(
    { identifier: 'email' },
    { identifier: 'user_id', exists: false },
    { consent: 'email' },
    { consent: 'ads', granted: false },
    { sample: { percent: 50 } },
    { sample: { percent: 20, salt: 'b' } },
  ),
)

export const arbitraryCondition: fc.Arbitrary<Condition> = fc.letrec<{ condition: Condition }>((tie) => ({
  condition: fc.oneof(
    { depthSize: 'small', withCrossShrink: true },
    arbitraryLeaf,
    fc.array(tie('condition'), { minLength: 1, maxLength: 3 }).map((all) => ({ all })),
    fc.array(tie('condition'), { minLength: 1, maxLength: 3 }).map((any) => ({ any })),
    tie('condition').map((not) => ({ not })),
  ),
})).condition

/** Computed traits that the conditions read, one of them over a window. */
export const tradedTraits: readonly ComputedTrait[] = [
  {
    id: 'orders',
    job: 1,
    aggregate: { document: 'trait/orders', hash: 'h1', kind: 'count', event: 'Order Completed' },
  },
  {
    id: 'spend_2d',
    job: 1,
    aggregate: {
      document: 'trait/spend_2d',
      hash: 'h2',
      kind: 'sum',
      event: 'Order Completed',
      path: 'properties.total',
      within: parseWindow('2d')!,
    },
  },
]
