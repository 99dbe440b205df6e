import fc from 'fast-check'
import { type Json } from '../../event/json.ts'
import { type FoldableEvent } from '../eventFacts.ts'

/** Few of everything, so that paths, times and ids collide. */
const key = fc.constantFrom('a', 'b', 'a.b', '__proto__', 'plan')
const scalar: fc.Arbitrary<Json> = fc.oneof(
  fc.constantFrom(null, true, 0, 1, -2.5, 0.1, 'x', '', '12.30', 'é'),
  fc.array(fc.constantFrom<Json>(1, 'x', null), { maxLength: 2 }),
)
const tree: fc.Arbitrary<Json> = fc.dictionary(
  key,
  fc.oneof(scalar, fc.dictionary(key, scalar, { maxKeys: 2 })),
  {
    maxKeys: 3,
  },
)

export const anchors = ['u1', 'u2', 'e1', 'a1', 'a2'].map((name) => ({
  type: name.startsWith('u') ? 'user_id' : name.startsWith('e') ? 'email' : 'anonymous_id',
  value: `${name}-value`,
  id: name,
}))

/** Events with message ids m0, m1 …: no two are the same event. */
export function arbitraryEvents(maxLength: number): fc.Arbitrary<FoldableEvent[]> {
  return fc
    .array(
      fc.record({
        sourceId: fc.constantFrom('web', 'crm'),
        type: fc.constantFrom('track', 'identify', 'group', 'page'),
        name: fc.constantFrom('Order Completed', 'Viewed', ''),
        timeMs: fc
          .tuple(
            fc.constantFrom(0, 3_599_999, 3_600_000, 86_400_000, 2 * 86_400_000, 5 * 86_400_000),
            fc.nat(4),
          )
          .map(([base, ms]) => base + ms),
        identifiers: fc.uniqueArray(fc.constantFrom(...anchors), {
          minLength: 1,
          maxLength: 3,
          selector: ({ id }) => id,
        }),
        payload: fc.record({
          groupId: fc.constantFrom('g1', 'g.2'),
          traits: tree,
          properties: fc.record({ total: scalar, channel: fc.constantFrom('web', 'shop') }),
          context: fc.record({
            traits: tree,
            consent: fc.oneof(
              fc.dictionary(fc.constantFrom('email', 'ads'), fc.boolean()),
              fc.record({
                categoryPreferences: fc.dictionary(fc.constantFrom('email', 'ads'), fc.boolean()),
              }),
            ),
          }),
        }),
      }),
      { maxLength },
    )
    .map((events) =>
      events.map((event, i) => ({ ...event, messageId: `m${i}`, payload: event.payload as Json })),
    )
}
