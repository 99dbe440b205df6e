import { expect, test } from '@jest/globals'
import fc from 'fast-check'
import { keepAggregates } from '../aggregate/keepAggregates.ts'
import { type FoldableEvent, eventFacts } from '../profile/eventFacts.ts'
import { type Fragment, foldEvent } from '../profile/fragment.ts'
import { foldProfile } from '../profile/profile.ts'
import { anchors, arbitraryEvents } from '../profile/testing/arbitraryEvents.ts'
import { type CompiledNode, compileAudience } from './compileAudience.ts'
import { type Condition } from './condition.ts'
import { describeCondition } from './describeCondition.ts'
import { judgeAudience, judgedProfile } from './judgeAudience.ts'
import { sampleOf } from './sampleOf.ts'
import { arbitraryCondition } from './testing/arbitraryConditions.ts'
import { holdsByEvents } from './testing/holdsByEvents.ts'

const hash = (text: string) => text
const day = 86_400_000
const instants = fc.oneof(
  fc.constantFrom(0, 3_600_000, day, 2 * day, 3 * day),
  fc.integer({ min: 0, max: 8 * day }),
)

/** Fragments by anchor, the events in the order given. */
function foldAll(events: readonly FoldableEvent[], kept: ReturnType<typeof keepAggregates>) {
  const fragments = new Map<string, Fragment>()
  for (const event of events) {
    const anchor = event.identifiers[0]!.id
    fragments.set(anchor, foldEvent(fragments.get(anchor), eventFacts(event), kept))
  }
  return fragments
}

/** Leaf or outcome → how often it was seen so: a property that is never both says nothing. */
const seen = new Map<string, number>()
const see = (what: string) => seen.set(what, (seen.get(what) ?? 0) + 1)

test('an audience over folded fragments is what it is over the events themselves, whoever belongs together', () => {
  fc.assert(
    fc.property(
      arbitraryCondition,
      arbitraryEvents(25),
      fc.uniqueArray(fc.constantFrom(...anchors.map(({ id }) => id)), { minLength: 1 }),
      instants,
      (where, events, together, instant) => {
        // The collector takes nothing from further in the future.
        const nowMs = events.reduce((now, { timeMs }) => Math.max(now, timeMs - 300_000), instant)
        const audience = compileAudience(where, hash)
        const kept = keepAggregates(audience.aggregates.map((definition) => ({ definition, job: 1 })))
        const fragments = foldAll(events, kept)
        const parts = together.map((identifierId) => ({
          identifierId,
          fragment: fragments.get(identifierId),
        }))
        const profile = foldProfile(parts, { preferences: new Map(), computed: [], nowMs })
        if (!profile) return
        const reader = judgedProfile(profile, { profileId: 'p', computed: [], jobOf: () => 1, nowMs })
        const { member, leaves } = judgeAudience(audience, reader, (id) => id === 'a1')
        see(`member ${member}`)
        audience.leaves.forEach((leaf, i) => {
          const kind = leaf.kind === 'aggregate' ? leaf.aggregate.kind : leaf.kind
          see(`${kind} ${leaves[i]!.met}`)
        })
        expect(member).toBe(
          holdsByEvents(where, {
            events: events.filter(({ identifiers }) => together.includes(identifiers[0]!.id)),
            nowMs,
            // What a path reads has its own tests.
            trait: reader.trait,
            consent: Object.fromEntries(profile.consent.map(({ purpose, granted }) => [purpose, granted])),
            identifierTypes: profile.identifiers.map(({ type }) => type),
            audiences: ['a1'],
            sample: (salt) => sampleOf(salt, 'p'),
          }),
        )
      },
    ),
    { numRuns: 3_000 },
  )
})

test('these cases have members and others, and each kind of leaf held for some and failed for others', () => {
  const leaves = ['trait', 'inactive', 'audience', 'identifier', 'consent', 'sample']
  const kinds = [...leaves, 'count', 'sum', 'average', 'min', 'max', 'distinct', 'sequence']
  const often = (what: string) => seen.get(what) ?? 0
  const cases = often('member true') + often('member false')
  // Of 3,000, those whose people did something.
  expect(cases).toBeGreaterThan(2_000)
  expect(Math.min(often('member true'), often('member false')) / cases).toBeGreaterThan(0.25)
  const rare = kinds.filter((kind) => Math.min(often(`${kind} true`), often(`${kind} false`)) < 10)
  expect(rare).toEqual([])
})

/** Trees of few leaves, and any leaf: so alike that a sentence that leaves something out meets its like. */
const alike = fc.oneof(
  fc.letrec<{ condition: Condition }>((tie) => ({
    condition: fc.oneof(
      { depthSize: 'small' },
      fc.constantFrom<Condition>({ identifier: 'email' }, { consent: 'ads' }),
      fc.array(tie('condition'), { minLength: 1, maxLength: 2 }).map((all) => ({ all })),
      fc.array(tie('condition'), { minLength: 1, maxLength: 2 }).map((any) => ({ any })),
      tie('condition').map((not) => ({ not })),
    ),
  })).condition,
  arbitraryCondition,
)

test('a group within a group of one is set apart all the same', () => {
  const [x, y, z] = ['x', 'y', 'z'].map((identifier) => ({ identifier })) as [Condition, Condition, Condition]
  const nested = describeCondition({ all: [{ any: [{ any: [x, y] }] }, z] })
  expect(nested).toBe(describeCondition({ all: [{ any: [x, y] }, z] }))
})

test('the sentence of a condition has all of it: two that mean something else never read the same', () => {
  let differing = 0
  fc.assert(
    fc.property(alike, alike, (a, b) => {
      const [first, second] = [a, b].map((each) => withoutText(compileAudience(each, hash)))
      if (first === second) return
      differing++
      expect(describeCondition(a)).not.toBe(describeCondition(b))
    }),
    { numRuns: 4_000 },
  )
  expect(differing).toBeGreaterThan(2_000)
})

const withoutText = ({ leaves, root }: ReturnType<typeof compileAudience>) =>
  JSON.stringify([leaves.map(({ text: _text, ...rest }) => rest), plain(root)])

/** A group of one is what is in it. */
function plain(node: CompiledNode): CompiledNode {
  if ('leaf' in node) return node
  if ('not' in node) return { not: plain(node.not) }
  const each = ('all' in node ? node.all : node.any).map(plain)
  if (each.length === 1) return each[0]!
  return 'all' in node ? { all: each } : { any: each }
}
