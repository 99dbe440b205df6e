import { describe, expect, test } from '@jest/globals'
import fc from 'fast-check'
import { type Json } from '../event/json.ts'
import { canonicalJsonText } from '../profile/canonicalJson.ts'
import { decimalIn, decimalText, addDecimals, compareDecimals, ZERO } from '../profile/decimal.ts'
import { type FoldableEvent } from '../profile/eventFacts.ts'
import { arbitraryEvents } from '../profile/testing/arbitraryEvents.ts'
import { type Aggregate, addAggregates } from './aggregate.ts'
import {
  MAX_DISTINCT_VALUES,
  MAX_FREQUENT_VALUES,
  MAX_LIST_VALUES,
  MAX_SEQUENCE_TIMES,
  keptBytes,
} from './aggregateCaps.ts'
import { type AggregateDefinition, type AggregateKind } from './aggregateDefinition.ts'
import { aggregateValue, nextExpiry } from './aggregateValue.ts'
import { keepAggregates } from './keepAggregates.ts'
import { everyAggregate } from './testing/everyAggregate.ts'
import { parseWindow } from './window.ts'

const HOUR = 3_600_000
const DAY = 24 * HOUR

const define = (kind: AggregateKind, given: Partial<AggregateDefinition> = {}): AggregateDefinition => ({
  document: 'trait/t',
  hash: 'h',
  kind,
  event: 'Order Completed',
  ...(kind !== 'count' && { path: 'properties.total' }),
  ...given,
})

function order(i: number, total: Json, timeMs = i): FoldableEvent {
  return {
    messageId: `m${String(i).padStart(6, '0')}`,
    sourceId: 'web',
    type: 'track',
    name: 'Order Completed',
    timeMs,
    identifiers: [],
    payload: { properties: { total } },
  }
}

function fold(definition: AggregateDefinition, events: readonly FoldableEvent[]): Aggregate | undefined {
  const kept = keepAggregates([{ definition, job: 1 }])
  let all: Aggregate | undefined
  for (const event of events)
    for (const one of kept.of(event)) all = kept.trim(all ? addAggregates(all, one) : one)
  return all
}

const valueOf = (definition: AggregateDefinition, events: readonly FoldableEvent[], nowMs: number) =>
  aggregateValue(definition, fold(definition, events), nowMs)?.json

/** What the reference says of a value, in the plainest words: over all events, without any state. */
function plainly(definition: AggregateDefinition, all: readonly FoldableEvent[], nowMs: number) {
  const {
    kind,
    within,
    event,
    filter,
    fromMs = -Infinity,
    toMs = Infinity,
    steps,
    takesAtMostMs,
  } = definition
  const channel = (each: FoldableEvent) =>
    (each.payload as { properties: { channel: string } }).properties.channel
  const matches = (each: FoldableEvent, of: { event: string; filter?: object | undefined }) =>
    each.name === of.event && (!of.filter || channel(each) === Object.values(of.filter)[0])
  if (steps) {
    const reach = (first: number, at: number, step: number): boolean =>
      step === steps.length
        ? at - first <= (takesAtMostMs ?? Infinity)
        : all.some(
            (each) => each.timeMs > at && matches(each, steps[step]!) && reach(first, each.timeMs, step + 1),
          )
    const found = all.some((each) => matches(each, steps[0]!) && reach(each.timeMs, each.timeMs, 1))
    return found ? 'true' : undefined
  }
  const counted = all
    .filter((each) => matches(each, { event, filter }) && each.timeMs >= fromMs && each.timeMs < toMs)
    .filter(({ timeMs }) => {
      if (!within) return true
      const unitEnds = Math.floor(timeMs / within.unitMs) * within.unitMs + within.unitMs
      return nowMs < unitEnds + within.units * within.unitMs
    })
    .map((each) => ({ each, value: (each.payload as { properties: { total: Json } }).properties.total }))
    .toSorted((a, b) => a.each.timeMs - b.each.timeMs || (a.each.messageId < b.each.messageId ? -1 : 1))
  const values = counted.filter(({ value }) => value !== null)
  const texts = values.map(({ value }) => canonicalJsonText(value))
  const numbers = counted.flatMap(({ value }) => decimalIn(value) ?? [])
  switch (kind) {
    case 'count':
      return counted.length === 0 ? undefined : String(counted.length)
    case 'sum':
      return numbers.length === 0 ? undefined : decimalText(numbers.reduce(addDecimals, ZERO))
    case 'average': {
      if (numbers.length === 0) return undefined
      const { units, scale } = numbers.reduce(addDecimals, ZERO)
      const divisor = BigInt(numbers.length) * 10n ** BigInt(scale)
      const doubled = (units < 0n ? -units : units) * 10n ** 10n * 2n
      const rounded = (doubled + divisor) / (2n * divisor)
      return decimalText({ units: units < 0n ? -rounded : rounded, scale: 10 })
    }
    case 'min':
    case 'max': {
      const sorted = numbers.toSorted(compareDecimals)
      const end = kind === 'min' ? sorted[0] : sorted.at(-1)
      return end && decimalText(end)
    }
    case 'first':
      return texts[0]
    case 'last':
      return texts.at(-1)
    case 'distinct':
      return texts.length === 0 ? undefined : String(new Set(texts).size)
    case 'uniqueList':
      return texts.length === 0 ? undefined : `[${[...new Set(texts)].sort().join(',')}]`
    case 'mostFrequent': {
      const score = (text: string) => texts.filter((each) => each === text).length
      const unit = (text: string) =>
        within ? Math.floor(values[texts.lastIndexOf(text)]!.each.timeMs / within.unitMs) : 0
      return [...new Set(texts)].sort(
        (a, b) => score(b) - score(a) || unit(b) - unit(a) || (a < b ? -1 : 1),
      )[0]
    }
    case 'sequence':
      return undefined
  }
}

const moments = fc.constantFrom(0, HOUR, 4 * HOUR, DAY + 5, 3 * DAY, 3 * DAY + HOUR, 5 * DAY + 4, 9 * DAY)

describe('every aggregate', () => {
  test('is what its plain description says, for any events in any order at any moment', () => {
    fc.assert(
      fc.property(
        arbitraryEvents(14).chain((events) =>
          fc.tuple(fc.constant(events), fc.shuffledSubarray(events, { minLength: events.length })),
        ),
        moments,
        ([events, arriving], nowMs) => {
          const newest = Math.max(nowMs, ...events.map(({ timeMs }) => timeMs))
          for (const { definition } of everyAggregate)
            expect([definition.document, valueOf(definition, arriving, newest)]).toEqual([
              definition.document,
              plainly(definition, events, newest),
            ])
        },
      ),
      { numRuns: 1_000 },
    )
  })

  test('is the same, byte for byte, in any order, and whether added one by one, in parts, or from the log', () => {
    fc.assert(
      fc.property(
        arbitraryEvents(14).chain((events) =>
          fc.tuple(
            fc.constant(events),
            fc.shuffledSubarray(events, { minLength: events.length }),
            fc.nat(events.length),
          ),
        ),
        ([events, other, cut]) => {
          for (const { definition } of everyAggregate) {
            const whole = JSON.stringify(fold(definition, events))
            expect(JSON.stringify(fold(definition, other))).toBe(whole)
            const parts = [fold(definition, other.slice(cut)), fold(definition, other.slice(0, cut))]
            const [a, b] = parts.filter((part) => part !== undefined)
            const joined = a && b ? addAggregates(a, b) : a
            const { trim } = keepAggregates([{ definition, job: 1 }])
            expect(JSON.stringify(joined && trim(joined))).toBe(whole)
          }
        },
      ),
      { numRuns: 300 },
    )
  })

  test('changes by time alone exactly when it says it will', () => {
    fc.assert(
      fc.property(arbitraryEvents(10), moments, (events, start) => {
        for (const { definition } of everyAggregate) {
          const aggregate = fold(definition, events)
          const at = (nowMs: number) => aggregateValue(definition, aggregate, nowMs)?.json
          for (let now = start, steps = 0; steps < 10; steps++) {
            const next = nextExpiry(definition, aggregate, now)
            expect(at((next ?? 1e14) - 1)).toBe(at(now))
            if (next === undefined) break
            expect(next).toBeGreaterThan(now)
            now = next
          }
        }
      }),
      { numRuns: 300 },
    )
  })
})

describe('a window', () => {
  test('counts an event until its unit ended one window ago, to the millisecond', () => {
    const definition = define('count', { within: parseWindow('3h') })
    const at = (nowMs: number) => valueOf(definition, [order(1, 1, DAY + HOUR / 2)], nowMs)
    expect(at(DAY + 4 * HOUR - 1)).toBe('1')
    expect(at(DAY + 4 * HOUR)).toBeUndefined()
  })

  test('counts a late event for what is left of its time', () => {
    const definition = define('count', { within: parseWindow('2d') })
    const late = [order(1, 1, 9 * DAY), order(2, 1, 7 * DAY), order(3, 1, 5 * DAY)]
    expect(valueOf(definition, late, 9 * DAY + 1)).toBe('2')
    expect(valueOf(definition, late, 10 * DAY)).toBe('1')
  })

  test('keeps no more units than it has, however long events go on', () => {
    const definition = define('sum', { within: parseWindow('2d') })
    const aggregate = fold(
      definition,
      Array.from({ length: 400 }, (_, i) => order(i, 1, i * DAY)),
    )!
    expect(aggregate.units.length).toBeLessThanOrEqual(4)
  })

  test.each(['90d', '48h', '30m'])('%s is one', (text) => expect(parseWindow(text)).toBeDefined())
  test.each(['801d', '0d', '1w', '', '1000000h'])('%p is none', (text) =>
    expect(parseWindow(text)).toBeUndefined(),
  )
})

describe('caps', () => {
  const many = (count: number) => Array.from({ length: count }, (_, i) => order(i, `v${i}`, i * 1_000))

  test('a unique list keeps the values seen last, and says that there were more', () => {
    const definition = define('uniqueList')
    const events = many(MAX_LIST_VALUES + 5)
    const shown = aggregateValue(definition, fold(definition, events), 0)!
    expect(shown.truncated).toBe(true)
    const values = JSON.parse(shown.json) as string[]
    expect(values).toHaveLength(MAX_LIST_VALUES)
    expect(values).not.toContain('v4')
    expect(values).toContain('v5')
    expect(fold(definition, events.toReversed())).toEqual(fold(definition, events))
    const exactly = fold(definition, many(MAX_LIST_VALUES))
    expect(aggregateValue(definition, exactly, 0)!.truncated).toBe(false)
  })

  test('a unique list of long values shows those that fit, the last seen first', () => {
    const definition = define('uniqueList')
    const long = Array.from({ length: 90 }, (_, i) => order(i, `${i} ${'é'.repeat(60)}`, i))
    const shown = aggregateValue(definition, fold(definition, long), 0)!
    expect(Buffer.byteLength(shown.json)).toBeLessThanOrEqual(4_096)
    expect(shown.json).toContain('"89 ')
    expect(shown.truncated).toBe(true)
  })

  test('a distinct count says at least so many', () => {
    const definition = define('distinct')
    expect(aggregateValue(definition, fold(definition, many(2_000)), 0)).toEqual({
      json: String(MAX_DISTINCT_VALUES),
      truncated: true,
    })
    expect(aggregateValue(definition, fold(definition, many(MAX_DISTINCT_VALUES)), 0)).toEqual({
      json: String(MAX_DISTINCT_VALUES),
      truncated: false,
    })
  })

  test('the most frequent value is of those kept, and says so', () => {
    const definition = define('mostFrequent')
    const events = many(MAX_FREQUENT_VALUES + 1)
    expect(aggregateValue(definition, fold(definition, events), 0)!.truncated).toBe(true)
    expect(fold(definition, events.toReversed())).toEqual(fold(definition, events))
  })

  test('a sequence keeps the latest times of each step', () => {
    const definition = define('sequence', { steps: [{ event: 'Order Completed' }, { event: 'Viewed' }] })
    const times = fold(definition, many(1_000))!.values
    expect(times).toHaveLength(MAX_SEQUENCE_TIMES + 1)
    expect(times.at(-1)!.timeMs).toBe(999_000)
  })

  test('a value too long to be kept keeps its beginning; an object counts as none', () => {
    expect(valueOf(define('mostFrequent'), [order(1, 'x'.repeat(500))], 0)).toBe(`"${'x'.repeat(126)}"`)
    expect(valueOf(define('mostFrequent'), [order(1, { long: 'x'.repeat(500) })], 0)).toBeUndefined()
  })

  test('what an aggregate holds at worst is what the budget reckons with', () => {
    const digits = '9'.repeat(40)
    for (const kind of ['sum', 'min', 'mostFrequent', 'uniqueList', 'first'] as const) {
      const within = kind === 'mostFrequent' || kind === 'uniqueList' ? undefined : parseWindow('30d')!
      const definition = define(kind, within && { within })
      const events = Array.from({ length: 400 }, (_, i) => ({
        ...order(
          i,
          kind === 'sum' || kind === 'min' ? `${digits}.${digits}` : `${i} ${'y'.repeat(500)}`,
          i * DAY,
        ),
        messageId: `${i} ${'m'.repeat(700)}`,
      }))
      const { document: _d, hash: _h, ...held } = fold(definition, events)!
      const names = '"startMs":,"count":,"sum":"","min":"","max":"","json":"","timeMs":,"messageId":""'.length
      const entries = held.units.length + held.values.length + 1
      expect(JSON.stringify(held).length - entries * names).toBeLessThan(keptBytes(definition))
    }
  })
})

test.each<[AggregateKind, Json[], string | undefined]>([
  ['average', [1, 2], '1.5'],
  ['average', [1, 0, 0], '0.3333333333'],
  ['average', [2, 0, 0], '0.6666666667'],
  ['average', [-2, 0, 0], '-0.6666666667'],
  ['average', ['0.1', 0.2, null, 'free'], '0.15'],
  ['min', [3, '-2.50', 'x'], '-2.5'],
  ['max', ['9007199254740993', 5], '9007199254740993'],
  ['mostFrequent', ['b', 'a', 'b', 'a'], '"a"'],
  ['uniqueList', ['b', 'a', 'b', [1], null], '["a","b",[1]]'],
  ['distinct', ['b', 'a', 'b', 1, '1'], '4'],
  ['sum', ['none'], undefined],
])('%s of %j is %s', (kind, totals, expected) => {
  expect(
    valueOf(
      define(kind),
      totals.map((total, i) => order(i, total)),
      0,
    ),
  ).toBe(expected)
})
