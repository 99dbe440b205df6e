import fc from 'fast-check'
import { type NumberComparison } from '../comparison.ts'
import { type Condition, type EventLeaf } from '../condition.ts'
import { type EventFilter } from '../eventFilter.ts'

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
  fc.constantFrom<Condition>(
    { trait: 'plan' },
    { trait: 'traits.plan', eq: 'x' },
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
