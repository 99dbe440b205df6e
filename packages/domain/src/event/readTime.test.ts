import { expect, test } from '@jest/globals'
import fc from 'fast-check'
import { readTime } from './readTime.ts'
import { instantOfLocal, isTimeZone, zoneOffsetMs } from './zone.ts'

const at = (iso: string): number => Date.parse(iso)

test.each<[unknown, string]>([
  ['2026-11-24T23:22:56.546Z', '2026-11-24T23:22:56.546Z'],
  ['2026-11-24T23:22:56Z', '2026-11-24T23:22:56.000Z'],
  ['2026-11-24T23:22Z', '2026-11-24T23:22:00.000Z'],
  ['2026-11-24t23:22:56z', '2026-11-24T23:22:56.000Z'],
  ['2026-11-24 23:22:56 UTC', '2026-11-24T23:22:56.000Z'],
  ['2026-11-24T23:22:56.546884+00:00', '2026-11-24T23:22:56.546Z'],
  ['2026-11-24T23:22:56,5+0530', '2026-11-24T17:52:56.500Z'],
  ['2026-11-24T23:22:56.123456789-08', '2026-11-25T07:22:56.123Z'],
  ['  2026-11-24T23:22:56Z ', '2026-11-24T23:22:56.000Z'],
  ['2016-12-31T23:59:60Z', '2017-01-01T00:00:00.000Z'],
  ['2024-02-29T00:00:00Z', '2024-02-29T00:00:00.000Z'],
  ['0001-01-01T00:00:00Z', '0001-01-01T00:00:00.000Z'],
  [1_795_562_576, '2026-11-24T23:22:56.000Z'],
  [1_795_562_576.25, '2026-11-24T23:22:56.250Z'],
  [1_795_562_576_546, '2026-11-24T23:22:56.546Z'],
  ['1795562576', '2026-11-24T23:22:56.000Z'],
  ['1795562576546', '2026-11-24T23:22:56.546Z'],
  [-1, '1969-12-31T23:59:59.000Z'],
])('%j is %s', (value, iso) => {
  expect(readTime(value)).toEqual({ ms: at(iso), zoneAssumed: false })
})

test.each<[string, string | undefined, string, boolean]>([
  ['2026-11-24T23:22:56', undefined, '2026-11-24T23:22:56.000Z', true],
  ['2026-11-24 23:22:56.5', undefined, '2026-11-24T23:22:56.500Z', true],
  ['2026-11-24', undefined, '2026-11-24T00:00:00.000Z', true],
  ['2026-11-24T23:22:56', 'Europe/Paris', '2026-11-24T22:22:56.000Z', false],
  ['2026-07-24', 'Europe/Paris', '2026-07-23T22:00:00.000Z', false],
  ['2026-07-24T12:00:00', 'Asia/Kathmandu', '2026-07-24T06:15:00.000Z', false],
  ['2026-07-24T12:00:00Z', 'Europe/Paris', '2026-07-24T12:00:00.000Z', false],
])('a time without a zone: %s in %s is %s', (text, zone, iso, zoneAssumed) => {
  expect(readTime(text, zone)).toEqual({ ms: at(iso), zoneAssumed })
})

test.each([
  'yesterday',
  '',
  ' ',
  '2026-13-01T00:00:00Z',
  '2026-02-30T00:00:00Z',
  '2025-02-29',
  '2026-01-01T24:00:00Z',
  '2026-01-01T00:60:00Z',
  '2026-01-01T00:00:61Z',
  '2026-01-01T00:00:00+25:00',
  '20261124T232256Z',
  '24/11/2026',
  '12345678901234567890',
  1e20,
  Number.NaN,
  Number.POSITIVE_INFINITY,
  true,
  {},
  [],
  null,
  undefined,
  'Tue, 24 Nov 2026 23:22:56 GMT',
])('%j is no time', (value) => {
  expect(readTime(value)).toBeUndefined()
})

test.each([
  // Clocks in Paris go forward on 29 March 2026 at 2:00 and back on 25 October 2026 at 3:00.
  ['2026-03-29T01:59:59', '2026-03-29T00:59:59Z', 'before the change'],
  ['2026-03-29T02:30:00', '2026-03-29T01:30:00Z', 'does not occur: read with the offset before the change'],
  ['2026-03-29T03:00:00', '2026-03-29T01:00:00Z', 'after the change'],
  ['2026-10-25T01:59:59', '2026-10-24T23:59:59Z', 'before the change'],
  ['2026-10-25T02:30:00', '2026-10-25T00:30:00Z', 'occurs twice: the first'],
  ['2026-10-25T03:00:00', '2026-10-25T02:00:00Z', 'after the change'],
])('in Paris %s is %s: %s', (local, iso) => {
  expect(instantOfLocal('Europe/Paris', at(`${local}Z`))).toBe(at(iso))
})

test('a local time that occurs once is read back to itself, in any zone', () => {
  const zones = fc.constantFrom(
    'Europe/Paris',
    'America/New_York',
    'Australia/Lord_Howe',
    'Asia/Kathmandu',
    'UTC',
    'America/St_Johns',
    'Pacific/Apia',
    'Africa/Casablanca',
  )
  const instants = fc
    .integer({ min: at('1975-01-01Z') / 1000, max: at('2037-01-01Z') / 1000 })
    .map((s) => s * 1000)
  fc.assert(
    fc.property(zones, instants, (zone, instant) => {
      const local = instant + zoneOffsetMs(zone, instant)
      const read = instantOfLocal(zone, local)
      // The same clock reading, and never later than the instant it was made from.
      expect(read + zoneOffsetMs(zone, read)).toBe(local)
      expect(read).toBeLessThanOrEqual(instant)
    }),
    { numRuns: 1000 },
  )
})

test('an unknown zone is known to be none', () => {
  expect(isTimeZone('Europe/Paris')).toBe(true)
  expect(isTimeZone('Europe/Atlantis')).toBe(false)
})

test('the short cut for what JavaScript writes gives what any other way of writing it gives', () => {
  const part = (digits: number) =>
    fc.nat({ max: 10 ** digits - 1 }).map((n) => String(n).padStart(digits, '0'))
  const near = (from: number, to: number) =>
    fc.integer({ min: from, max: to }).map((n) => String(n).padStart(2, '0'))
  const written = fc
    .tuple(
      fc.oneof(fc.constantFrom('2024', '2026', '1999', '0099', '9999'), part(4)),
      fc.oneof(near(1, 12), part(2)),
      fc.oneof(near(1, 31), part(2)),
      fc.oneof(near(0, 24), part(2)),
      fc.oneof(near(0, 60), part(2)),
      fc.oneof(near(0, 61), part(2)),
      part(3),
    )
    .map(([y, mo, d, h, mi, s, ms]) => `${y}-${mo}-${d}T${h}:${mi}:${s}.${ms}`)
  fc.assert(
    fc.property(written, (local) => {
      expect(readTime(`${local}Z`)).toEqual(readTime(`${local}+00:00`))
    }),
    { numRuns: 2000 },
  )
})
