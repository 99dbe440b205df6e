import { expect, test } from '@jest/globals'
import fc from 'fast-check'
import { keepAggregates } from '../aggregate/keepAggregates.ts'
import { type FoldableEvent, eventFacts } from '../profile/eventFacts.ts'
import { type Fragment, foldEvent } from '../profile/fragment.ts'
import { foldProfile } from '../profile/profile.ts'
import { anchors, arbitraryEvents } from '../profile/testing/arbitraryEvents.ts'
import { compileAudience } from './compileAudience.ts'
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
        const { member } = judgeAudience(audience, reader, () => false)
        expect(member).toBe(
          holdsByEvents(where, {
            events: events.filter(({ identifiers }) => together.includes(identifiers[0]!.id)),
            nowMs,
            // What a path reads has its own tests.
            trait: reader.trait,
            consent: Object.fromEntries(profile.consent.map(({ purpose, granted }) => [purpose, granted])),
            identifierTypes: profile.identifiers.map(({ type }) => type),
            audiences: [],
            sample: (salt) => sampleOf(salt, 'p'),
          }),
        )
      },
    ),
    { numRuns: 3_000 },
  )
})
