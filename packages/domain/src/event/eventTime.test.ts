import { describe, expect, test } from '@jest/globals'
import fc from 'fast-check'
import { MAX_FUTURE_MS, type StatedTimes, type TimeFlag, eventTimes } from './eventTime.ts'

const RECEIVED = Date.parse('2026-11-24T12:00:00Z')
const HOUR = 3_600_000

interface Case {
  readonly name: string
  readonly stated: StatedTimes
  readonly zone?: string
  /** Ms from receipt. */
  readonly time: number
  readonly original?: string
  readonly sent?: string
  readonly flags: TimeFlag[]
}

const cases: Case[] = [
  {
    name: 'a clock that is right',
    stated: { original: '2026-11-24T11:59:50Z', sent: '2026-11-24T11:59:59Z' },
    time: -9_000,
    original: '2026-11-24T11:59:50.000Z',
    sent: '2026-11-24T11:59:59.000Z',
    flags: [],
  },
  {
    name: 'a clock three hours ahead',
    stated: { original: '2026-11-24T14:59:00Z', sent: '2026-11-24T15:00:00Z' },
    time: -60_000,
    original: '2026-11-24T14:59:00.000Z',
    sent: '2026-11-24T15:00:00.000Z',
    flags: [],
  },
  {
    name: 'a clock that starts in 1970',
    stated: { original: 86_400, sent: 86_410 },
    time: -10_000,
    original: '1970-01-02T00:00:00.000Z',
    sent: '1970-01-02T00:00:10.000Z',
    flags: [],
  },
  {
    name: 'an import of old events keeps their age',
    stated: { original: '2016-11-24T12:00:00Z', sent: '2026-11-24T12:00:00Z' },
    time: Date.parse('2016-11-24T12:00:00Z') - RECEIVED,
    original: '2016-11-24T12:00:00.000Z',
    sent: '2026-11-24T12:00:00.000Z',
    flags: [],
  },
  {
    name: 'no time of sending',
    stated: { original: '2026-11-24T11:00:00Z' },
    time: -HOUR,
    original: '2026-11-24T11:00:00.000Z',
    flags: ['uncorrected'],
  },
  {
    name: 'no original time',
    stated: { sent: '2026-11-24T11:00:00Z' },
    time: 0,
    sent: '2026-11-24T11:00:00.000Z',
    flags: ['missing'],
  },
  { name: 'no time at all', stated: {}, time: 0, flags: ['missing'] },
  { name: 'nulls are no times', stated: { original: null, sent: null }, time: 0, flags: ['missing'] },
  {
    name: 'an original time nobody can read',
    stated: { original: 'yesterday', sent: '2026-11-24T11:00:00Z' },
    time: 0,
    sent: '2026-11-24T11:00:00.000Z',
    flags: ['missing', 'unreadable'],
  },
  {
    name: 'a time of sending nobody can read',
    stated: { original: '2026-11-24T11:00:00Z', sent: {} },
    time: -HOUR,
    original: '2026-11-24T11:00:00.000Z',
    flags: ['uncorrected', 'unreadable'],
  },
  {
    name: 'exactly five minutes ahead',
    stated: { original: '2026-11-24T12:05:00Z' },
    time: MAX_FUTURE_MS,
    original: '2026-11-24T12:05:00.000Z',
    flags: ['uncorrected'],
  },
  {
    name: 'more than five minutes ahead',
    stated: { original: '2026-11-24T12:05:00.001Z' },
    time: 0,
    original: '2026-11-24T12:05:00.001Z',
    flags: ['uncorrected', 'future'],
  },
  {
    name: 'sent long before it happened',
    stated: { original: '2026-11-24T12:00:00Z', sent: '2026-11-23T12:00:00Z' },
    time: 0,
    original: '2026-11-24T12:00:00.000Z',
    sent: '2026-11-23T12:00:00.000Z',
    flags: ['future'],
  },
  {
    name: 'local time of a till in its zone',
    stated: { original: '2026-11-24T12:00:00' },
    zone: 'Europe/Paris',
    time: -HOUR,
    original: '2026-11-24T11:00:00.000Z',
    flags: ['uncorrected'],
  },
  {
    name: 'local time of nobody knows where',
    stated: { original: '2026-11-24T11:00:00' },
    time: -HOUR,
    original: '2026-11-24T11:00:00.000Z',
    flags: ['uncorrected', 'zone-assumed'],
  },
]

describe('the event time is the sender’s, set right', () => {
  test.each(cases)('$name', ({ stated, zone, time, original, sent, flags }) => {
    const times = eventTimes(stated, RECEIVED, zone)
    expect(times.timeMs - RECEIVED).toBe(time)
    expect(times.receivedMs).toBe(RECEIVED)
    expect(times.originalMs === undefined ? undefined : new Date(times.originalMs).toISOString()).toBe(
      original,
    )
    expect(times.sentMs === undefined ? undefined : new Date(times.sentMs).toISOString()).toBe(sent)
    expect(times.flags).toEqual(flags)
  })
})

test('however wrong a client’s clock, an event sent at once is timed at its receipt', () => {
  fc.assert(
    fc.property(
      fc.date({ noInvalidDate: true, min: new Date('1971-01-01'), max: new Date('9000-01-01') }),
      fc.nat(HOUR),
      (clock, age) => {
        const sent = clock.toISOString()
        const original = new Date(clock.getTime() - age).toISOString()
        expect(eventTimes({ original, sent }, RECEIVED).timeMs).toBe(RECEIVED - age)
      },
    ),
  )
})

test('whatever is stated, the result is a time no more than five minutes ahead', () => {
  const anything = fc.oneof(fc.anything(), fc.date().map(String), fc.integer(), fc.double(), fc.string())
  fc.assert(
    fc.property(anything, anything, (original, sent) => {
      const { timeMs } = eventTimes({ original, sent }, RECEIVED)
      expect(Number.isSafeInteger(timeMs)).toBe(true)
      expect(timeMs).toBeLessThanOrEqual(RECEIVED + MAX_FUTURE_MS)
    }),
  )
})
