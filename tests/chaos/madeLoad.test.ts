import { expect, test } from '@jest/globals'
import fc from 'fast-check'
import { foldPeople } from './foldPeople.ts'
import { makeLoad, type LoadEvent } from './madeLoad.ts'

const NOW = Date.UTC(2026, 10, 24, 12)

function load(seed: number): LoadEvent[] {
  return makeLoad({ seed, durationMs: 20_000, perSecond: 30, nowMs: NOW })
}

const seeds = fc.integer({ min: 0 })

function time({ body }: LoadEvent): string {
  const sent = JSON.parse(body) as { timestamp?: string; soldAt?: string }
  return (sent.timestamp ?? sent.soldAt)!
}

test('event times and message ids are unique, and no time lies in the future', () => {
  fc.assert(
    fc.property(seeds, (seed) => {
      const events = load(seed)
      expect(new Set(events.map(time)).size).toBe(events.length)
      expect(new Set(events.map(({ messageId }) => messageId)).size).toBe(events.length)
      for (const event of events) expect(Date.parse(time(event))).toBeLessThan(NOW)
    }),
    { numRuns: 20 },
  )
})

test('linking events alone connect all identifiers of a person, and no identifier is used by two people', () => {
  fc.assert(
    fc.property(seeds, (seed) => {
      const events = load(seed).filter(({ valid }) => valid)
      const all = foldPeople(events)
      const linked = foldPeople(events.filter(({ linking }) => linking))
      const seen = new Set<string>()
      for (const [person, { identifiers }] of all) {
        // Each linking event has the user id, so what is in them is connected.
        expect(linked.get(person)!.identifiers).toEqual(identifiers)
        for (const identifier of identifiers) {
          expect(seen.has(identifier)).toBe(false)
          seen.add(identifier)
        }
      }
    }),
    { numRuns: 20 },
  )
})

test('what arrives is in the order of its moments, within the run', () => {
  const moments = load(1).map(({ atMs }) => atMs)
  expect(moments).toEqual([...moments].sort((a, b) => a - b))
  expect(moments.at(-1)).toBeLessThanOrEqual(20_000)
})
