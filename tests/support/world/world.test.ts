import { expect, test } from '@jest/globals'
import fc from 'fast-check'
import { resolveAll } from '@tributary/domain/testing'
import { createWorld } from './createWorld.ts'
import { resolveGreedily } from './greedyResolver.ts'
import { type ReadEvent, readWorld, worldResolverRules } from './readWorld.ts'
import { resolveWorld } from './resolveWorld.ts'
import { scoreAssignment } from './scoreAssignment.ts'
import { shuffled } from './shuffledDifference.ts'
import { worldPresets } from './worldPresets.ts'

const dirty = (seed: number, persons = 60) => createWorld({ ...worldPresets.dirty, seed, persons })

test('the same seed gives the same world, another seed another', () => {
  expect(dirty(1)).toEqual(dirty(1))
  expect(dirty(2).events[0]).not.toEqual(dirty(1).events[0])
})

test('a dirty world has all that makes worlds dirty', () => {
  const world = dirty(3, 300)
  const bodies = world.events.map((each) => each.body)
  const messages = new Set(bodies.map((each) => each.messageId))
  expect(messages.size).toBeLessThan(bodies.length)
  expect(world.events.some((each) => each.arrivesMs > each.timeMs + 3_600_000)).toBe(true)
  expect(bodies.some((each) => each.userId === 'null')).toBe(true)
  expect(bodies.some((each) => each.type === 'alias')).toBe(true)
  expect(world.facts.length).toBeGreaterThan(0)
  const usersOf = new Map<string, Set<number>>()
  for (const { body, person } of world.events)
    if (body.anonymousId !== undefined)
      usersOf.set(body.anonymousId, (usersOf.get(body.anonymousId) ?? new Set()).add(person))
  const sizes = [...usersOf.values()].map((each) => each.size)
  expect(sizes.some((size) => size === 2)).toBe(true)
  expect(sizes.some((size) => size > 4)).toBe(true)
})

test('placeholders that are known are nobody’s identifier', () => {
  const { names } = readWorld(dirty(3, 300))
  expect([...names.values()].filter((name) => /null|undefined|anonymous$|0000-0000/.test(name))).toEqual([])
})

test('worlds are resolved as the oracle resolves them, whatever the order of arrival', () => {
  fc.assert(
    fc.property(fc.integer({ min: 1, max: 10_000 }), fc.constantFrom('first', 'nobody'), (seed, owner) => {
      const { inputs } = readWorld(dirty(seed, 12))
      const oracle = resolveAll([
        { kind: 'rules', rules: worldResolverRules(owner), configOffset: 0 },
        ...inputs,
      ])
      const { profiles } = resolveWorld(shuffled(inputs, seed), owner)
      expect(Object.fromEntries(profiles)).toEqual(Object.fromEntries(oracle.profiles))
    }),
    { numRuns: 30 },
  )
})

/** Two persons: 0 with a and b, 1 with c and d; each event carries all of its person's. */
const events: readonly ReadEvent[] = [
  { person: 0, identifiers: ['a', 'b'] },
  { person: 1, identifiers: ['c', 'd'] },
]
const assigned = (profiles: Record<string, string>) => (id: string) => profiles[id] ?? id

test.each([
  ['perfect', { a: 'x', b: 'x', c: 'y', d: 'y' }, [1, 1], [1, 1], 1],
  ['everybody in one', { a: 'x', b: 'x', c: 'x', d: 'x' }, [0.5, 1], [1 / 3, 1], 0.5],
  ['everything apart', {}, [1, 0.5], [1, 0], 1],
  ['one identifier astray', { a: 'x', b: 'y', c: 'y', d: 'y' }, [2 / 3, 0.75], [1 / 3, 0.5], 1],
])('score of %s', (_, profiles, [bPrecision, bRecall], [precision, recall], attributed) => {
  const score = scoreAssignment(events, assigned(profiles))
  expect(score.bCubed.precision).toBeCloseTo(bPrecision!, 9)
  expect(score.bCubed.recall).toBeCloseTo(bRecall!, 9)
  expect(score.pairwise.precision).toBeCloseTo(precision!, 9)
  expect(score.pairwise.recall).toBeCloseTo(recall!, 9)
  expect(score.attributed).toBe(attributed)
})

test('what everybody uses is nobody’s: alone it is right', () => {
  const kiosk = Array.from({ length: 5 }, (_, person) => ({ person, identifiers: [`u${person}`, 'kiosk'] }))
  expect(scoreAssignment(kiosk, (id) => id).bCubed.f1).toBe(1)
  const taken = scoreAssignment(kiosk, (id) => (id === 'kiosk' ? 'u0' : id))
  expect(taken.bCubed.precision).toBeLessThan(1)
})

test('the first-come resolver keeps the limits, but keeps what came first', () => {
  const { inputs } = readWorld(dirty(1))
  const { profiles } = resolveGreedily(inputs)
  const backwards = resolveGreedily(inputs.toReversed()).profiles
  expect([...profiles].some(([id, profile]) => backwards.get(id) !== profile)).toBe(true)
})
