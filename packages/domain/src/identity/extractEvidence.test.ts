import { describe, expect, test } from '@jest/globals'
import fc from 'fast-check'
import { type IdentifiedEvent, extractEvidence } from './extractEvidence.ts'
import { SEEN_AGAIN_MS, type SentEvidence, sendOn } from './suppressEvidence.ts'
import { joinSightings } from './evidence.ts'
import { evidence, member } from './testing/identityScenario.ts'

const digest = (text: string): string => text

function event(names: readonly string[], more: Partial<IdentifiedEvent> = {}): IdentifiedEvent {
  return {
    type: 'track',
    identifiers: names.map(member),
    sourceId: 'web',
    messageId: 'm1',
    timeMs: 5,
    receivedTimeMs: 6,
    trusted: false,
    ...more,
  }
}

describe('evidence of an event', () => {
  test('an event with one identifier or none is no evidence', () => {
    expect(extractEvidence(event(['u1']), digest)).toEqual([])
    expect(extractEvidence(event([]), digest)).toEqual([])
  })

  test('is the whole set, sorted, with its first time, message, source and class', () => {
    expect(extractEvidence(event(['u1', 'e1', 'a1']), digest)).toEqual([
      {
        id: 'a1,e1,u1|co-occurrence|web',
        class: 'co-occurrence',
        sourceId: 'web',
        members: ['a1', 'e1', 'u1'].map(member),
        firstTimeMs: 5,
        messageId: 'm1',
        receivedTimeMs: 6,
      },
    ])
    expect(extractEvidence(event(['u1', 'a1'], { type: 'identify' }), digest)[0]?.class).toBe('identify')
  })

  test('an alias is one more: recorded from a public key, a join from a trusted source', () => {
    const alias = event(['u1', 'a1'], { type: 'alias', previous: member('u2') })
    const classes = (trusted: boolean): unknown[] =>
      extractEvidence({ ...alias, trusted }, digest).map((each) => [
        each.class,
        each.members.map(({ id }) => id),
      ])
    expect(classes(false)).toEqual([
      ['co-occurrence', ['a1', 'u1']],
      ['alias', ['u1', 'u2']],
    ])
    expect(classes(true)[1]).toEqual(['join', ['u1', 'u2']])
  })

  test('an alias of somebody to themselves, or of nobody, is none', () => {
    expect(extractEvidence(event(['u1'], { type: 'alias', previous: member('u1') }), digest)).toEqual([])
    expect(extractEvidence(event([], { type: 'alias', previous: member('u1') }), digest)).toEqual([])
  })

  test('has one id whatever the order of the identifiers, and another for another source or class', () => {
    const id = (names: string[], more: Partial<IdentifiedEvent> = {}): string | undefined =>
      extractEvidence(event(names, more), digest)[0]?.id
    expect(id(['a1', 'u1'])).toBe(id(['u1', 'a1']))
    expect(id(['u1', 'a1'], { sourceId: 'pos' })).not.toBe(id(['u1', 'a1']))
    expect(id(['u1', 'a1'], { type: 'identify' })).not.toBe(id(['u1', 'a1']))
  })
})

describe('evidence seen again', () => {
  const seen = (timeMs: number, receivedTimeMs = timeMs, messageId = `m${timeMs}`) =>
    evidence(['u1', 'a1'], timeMs, { receivedTimeMs, messageId })

  test('is sent on when new, when its first time falls, and at most once a day', () => {
    const first = sendOn(undefined, seen(100), -1)
    expect(first).toEqual({ firstTimeMs: 100, messageId: 'm100', receivedTimeMs: 100 })
    expect(sendOn(first, seen(100), -1)).toBeUndefined()
    expect(sendOn(first, seen(200), -1)).toBeUndefined()
    expect(sendOn(first, seen(50, 200), -1)).toEqual({
      firstTimeMs: 50,
      messageId: 'm50',
      receivedTimeMs: 200,
    })
    // An erasure has forgotten what was sent, and not what comes after it.
    expect(sendOn(first, seen(200), 99)).toBeUndefined()
    expect(sendOn(first, seen(200), 200)).toBeUndefined()
    expect(sendOn(first, seen(200), 150)).toMatchObject({ firstTimeMs: 100, receivedTimeMs: 200 })
    expect(sendOn(first, seen(100 + SEEN_AGAIN_MS), -1)).toEqual({
      firstTimeMs: 100,
      messageId: 'm100',
      receivedTimeMs: 100 + SEEN_AGAIN_MS,
    })
  })

  test('what is sent on holds the earliest sighting, whatever the order', () => {
    const sighting = fc
      .record({ time: fc.integer({ min: 0, max: 9 }), received: fc.integer({ min: 0, max: 9 }) })
      .map(({ time, received }) => seen(time, received, `m${time}-${received}`))
    fc.assert(
      fc.property(fc.array(sighting, { minLength: 1 }), (sightings) => {
        let sent: SentEvidence | undefined
        const passed = sightings.filter((each) => {
          const remembered = sendOn(sent, each, -1)
          sent = remembered ?? sent
          return remembered !== undefined
        })
        const [all, some] = [sightings.reduce(joinSightings), passed.reduce(joinSightings)]
        expect([some.firstTimeMs, some.messageId]).toEqual([all.firstTimeMs, all.messageId])
      }),
    )
  })
})
