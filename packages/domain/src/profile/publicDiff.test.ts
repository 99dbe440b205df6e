import { expect, test } from '@jest/globals'
import fc from 'fast-check'
import { type JsonObject } from '../event/json.ts'
import { canonicalJsonText } from './canonicalJson.ts'
import { keepAggregates } from '../aggregate/keepAggregates.ts'
import { everyAggregate, everyTrait } from '../aggregate/testing/everyAggregate.ts'
import { eventFacts } from './eventFacts.ts'
import { foldEvent } from './fragment.ts'
import { foldProfile } from './profile.ts'
import { applyDiff, publicDiff } from './publicDiff.ts'
import { publicProfile } from './publicProfile.ts'
import { arbitraryEvents } from './testing/arbitraryEvents.ts'

const kept = keepAggregates(everyAggregate)

test('applying each change in turn gives the profile as it is now', () => {
  fc.assert(
    fc.property(arbitraryEvents(10), (events) => {
      let fragment: Parameters<typeof foldEvent>[0]
      let [before, followed]: (JsonObject | undefined)[] = []
      for (const event of events) {
        fragment = foldEvent(fragment, eventFacts(event), kept)
        const profile = foldProfile([{ identifierId: event.identifiers[0]!.id, fragment }], {
          preferences: new Map(),
          computed: everyTrait,
          nowMs: event.timeMs,
        })!
        const after = publicProfile({
          profileId: 'p',
          version: 'v',
          profile,
          audiences: event.timeMs % 2 === 0 ? { vip: { since: 'now' } } : {},
        })
        followed = applyDiff(followed, publicDiff(before, after))
        const { profileId: _id, version: _version, ...body } = after
        expect(canonicalJsonText(followed)).toBe(canonicalJsonText(body))
        before = after
      }
    }),
  )
})

test('names the paths that changed, with what stood and stands there', () => {
  const before = {
    profileId: 'p',
    version: '1',
    traits: { a: { b: 1 }, gone: true },
    events: 1,
    computed: {},
  }
  const after = { profileId: 'p', version: '2', traits: { a: { b: 2 } }, events: 2, computed: { orders: 1 } }
  expect(publicDiff(before, after)).toEqual({
    changed: ['computed.orders', 'events', 'traits.a.b', 'traits.gone'],
    before: { events: 1, 'traits.a.b': 1, 'traits.gone': true },
    after: { events: 2, 'traits.a.b': 2, 'computed.orders': 1 },
    worthTelling: true,
  })
})

test('a later last-seen time and a higher event count alone are not worth telling', () => {
  const before = { traits: {}, events: 1, lastSeen: '2026-01-01T00:00:00.000Z' }
  expect(
    publicDiff(before, { ...before, events: 2, lastSeen: '2026-01-02T00:00:00.000Z' }).worthTelling,
  ).toBe(false)
  expect(publicDiff(before, before)).toMatchObject({ changed: [], worthTelling: false })
})
