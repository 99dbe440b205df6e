import { describe, expect, test } from '@jest/globals'
import fc from 'fast-check'
import { canonicalJsonText } from './canonicalJson.ts'
import { keepAggregates } from '../aggregate/keepAggregates.ts'
import { everyAggregate, everyTrait } from '../aggregate/testing/everyAggregate.ts'
import { type FoldableEvent, eventFacts } from './eventFacts.ts'
import { type Fragment, foldEvent } from './fragment.ts'
import { type FoldOptions, type ProfilePart, foldProfile } from './profile.ts'
import { publicProfile } from './publicProfile.ts'
import { anchors, arbitraryEvents } from './testing/arbitraryEvents.ts'

const kept = keepAggregates(everyAggregate)
/** Of every test: what happened in the first days has left the windows, what happened on the fifth has not. */
const NOW_MS = 5 * 86_400_000 + 1_000
const options: FoldOptions = {
  preferences: new Map([['plan', ['crm']]]),
  computed: everyTrait,
  nowMs: NOW_MS,
}

/** Folds events into fragments by anchor, in the order given. */
function fragmentsOf(events: readonly FoldableEvent[]): Map<string, Fragment> {
  const fragments = new Map<string, Fragment>()
  for (const event of events) {
    const anchor = event.identifiers[0]!.id
    fragments.set(anchor, foldEvent(fragments.get(anchor), eventFacts(event), kept))
  }
  return fragments
}

function bytesOf(parts: readonly ProfilePart[]): string {
  const profile = foldProfile(parts, options)
  return profile
    ? canonicalJsonText(publicProfile({ profileId: 'p', version: 'v', profile, audiences: {} }))
    : ''
}

const partsOf = (fragments: ReadonlyMap<string, Fragment>): ProfilePart[] =>
  [...fragments].map(([identifierId, fragment]) => ({ identifierId, fragment }))

describe('a profile', () => {
  test('is the same, byte for byte, for any order of events and parts', () => {
    fc.assert(
      fc.property(
        arbitraryEvents(14).chain((events) =>
          fc.tuple(
            fc.constant(events),
            fc.shuffledSubarray(events, { minLength: events.length }),
            fc.infiniteStream(fc.nat()),
          ),
        ),
        ([events, other, order]) => {
          const parts = partsOf(fragmentsOf(other))
            .map((part) => ({ part, at: order.next().value ?? 0 }))
            .sort((a, b) => a.at - b.at)
            .map(({ part }) => part)
          expect(bytesOf(parts)).toBe(bytesOf(partsOf(fragmentsOf(events))))
        },
      ),
    )
  })

  test('merging and splitting leaves no trace: each side is the fold of its own events', () => {
    fc.assert(
      fc.property(arbitraryEvents(14), fc.subarray(anchors), (events, side) => {
        const all = fragmentsOf(events)
        const ids = new Set(side.map(({ id }) => id))
        const here = partsOf(all).filter(({ identifierId }) => ids.has(identifierId))
        const alone = events.filter(({ identifiers }) => ids.has(identifiers[0]!.id))
        expect(bytesOf(here)).toBe(bytesOf(partsOf(fragmentsOf(alone))))
      }),
    )
  })

  test('shows the identifiers of its parts only, with the values its own fragments have seen', () => {
    const event: FoldableEvent = {
      messageId: 'm1',
      sourceId: 'web',
      type: 'track',
      name: '',
      timeMs: 1,
      identifiers: anchors.slice(0, 3),
      payload: {},
    }
    const fragment = fragmentsOf([event]).get('u1')!
    const shown = foldProfile(
      [{ identifierId: 'u1', fragment }, { identifierId: 'e1' }, { identifierId: 'a9' }],
      options,
    )?.identifiers
    const seen = { firstSeenMs: 1, lastSeenMs: 1, sourceId: 'web' }
    expect(shown).toEqual([
      { type: 'email', value: 'e1-value', id: 'e1', ...seen },
      { type: 'user_id', value: 'u1-value', id: 'u1', ...seen },
    ])
  })

  test('knows when each identifier was seen first and last, and by which source first, over all its parts', () => {
    const seen = (messageId: string, anchor: number, timeMs: number, sourceId: string): FoldableEvent => ({
      messageId,
      sourceId,
      type: 'track',
      name: '',
      timeMs,
      identifiers: [anchors[anchor]!, ...anchors.slice(0, 1)],
      payload: {},
    })
    const fragments = fragmentsOf([
      seen('m1', 3, 5, 'web'),
      seen('m2', 4, 2, 'web'),
      seen('m3', 4, 2, 'crm'),
      seen('m4', 3, 9, 'crm'),
    ])
    const profile = foldProfile([...partsOf(fragments), { identifierId: 'u1' }], options)
    expect(profile?.identifiers.find(({ id }) => id === 'u1')).toEqual({
      ...anchors[0],
      firstSeenMs: 2,
      lastSeenMs: 9,
      sourceId: 'crm',
    })
  })

  test('knows of each trait which source said it, when, and in which message', () => {
    const said = (messageId: string, sourceId: string, timeMs: number, plan: string): FoldableEvent => ({
      messageId,
      sourceId,
      type: 'identify',
      name: '',
      timeMs,
      identifiers: anchors.slice(0, 1),
      payload: { traits: { plan } },
    })
    const fragments = fragmentsOf([said('m1', 'crm', 1, 'gold'), said('m2', 'web', 2, 'free')])
    expect(foldProfile(partsOf(fragments), options)?.traits).toEqual([
      { path: 'plan', sourceId: 'crm', json: '"gold"', timeMs: 1, messageId: 'm1' },
    ])
  })

  test('does not exist before an event was folded', () => {
    expect(foldProfile([{ identifierId: 'u1' }], options)).toBeUndefined()
  })

  test('takes the most restrictive of what each source said last', () => {
    const said = (messageId: string, sourceId: string, timeMs: number, email: boolean): FoldableEvent => ({
      messageId,
      sourceId,
      type: 'track',
      name: '',
      timeMs,
      identifiers: anchors.slice(0, 1),
      payload: { context: { consent: { email } } },
    })
    const consent = (...events: FoldableEvent[]) =>
      foldProfile(partsOf(fragmentsOf(events)), options)?.consent
    expect(consent(said('m1', 'web', 1, false), said('m2', 'web', 2, true))).toEqual([
      { purpose: 'email', granted: true },
    ])
    expect(consent(said('m1', 'crm', 1, false), said('m2', 'web', 2, true))).toEqual([
      { purpose: 'email', granted: false },
    ])
  })

  test('keeps numbers that JavaScript cannot hold', async () => {
    const { parseExact } = await import('../event/exactJson.ts')
    const event: FoldableEvent = {
      messageId: 'm1',
      sourceId: 'web',
      type: 'identify',
      name: '',
      timeMs: 1,
      identifiers: anchors.slice(0, 1),
      payload: parseExact('{"traits":{"card":9007199254740993,"ids":[18446744073709551617]}}'),
    }
    expect(bytesOf(partsOf(fragmentsOf([event])))).toContain(
      '"traits":{"card":9007199254740993,"ids":[18446744073709551617]}',
    )
  })
})
