/**
 * The value people see of an aggregate, at a moment: a function of the aggregate and of that moment alone.
 *
 *  E1. The average is the exact sum divided by the count, to AVERAGE_DIGITS digits after the point, half away from zero.
 *  E2. The most frequent value: of several the one last seen in the latest unit of a window, then the smallest text.
 *  E3. A unique list is sorted by text; which values it has is decided by when each was seen last.
 *  E4. A sequence: a time for each step, each later than the one before, the last at most `takesAtMostMs` after the
 *      first. Two events at the same millisecond have no order, so they are no two steps.
 */
import { compareText } from '../profile/canonicalJson.ts'
import { decimalText, divideDecimal } from '../profile/decimal.ts'
import { type Aggregate, maxValues } from './aggregate.ts'
import { MAX_LIST_BYTES } from './aggregateCaps.ts'
import { type AggregateDefinition } from './aggregateDefinition.ts'
import { type SeenValue, latestValues } from './seenValues.ts'
import { type Totals, NO_TOTALS, addTotals, readDecimal } from './totals.ts'
import { expiryOf } from './window.ts'
import { utf8Length } from '../profile/caps.ts'

/** Digits of an average after the point. */
export const AVERAGE_DIGITS = 10

export interface ShownValue {
  /** JSON text. */
  readonly json: string
  /** More was seen than is kept or shown. */
  readonly truncated: boolean
}

type Shape = Pick<AggregateDefinition, 'kind' | 'within' | 'steps' | 'takesAtMostMs'>

/** Undefined when nothing counted, or nothing that is in the window at `nowMs`. */
export function aggregateValue(
  definition: Shape,
  aggregate: Aggregate | undefined,
  nowMs: number,
): ShownValue | undefined {
  if (!aggregate) return undefined
  const { kind, within } = definition
  switch (kind) {
    case 'mostFrequent':
    case 'uniqueList':
    case 'distinct':
      return valueOfValues(
        kind,
        within ? aggregate.values.filter(({ timeMs }) => expiryOf(within, timeMs) > nowMs) : aggregate.values,
      )
    case 'sequence':
      return happened(definition, aggregate.values) ? shown('true') : undefined
    case 'count':
    case 'sum':
    case 'min':
    case 'max':
    case 'average':
    case 'first':
    case 'last': {
      const totals = within
        ? aggregate.units
            .filter(({ startMs }) => expiryOf(within, startMs) > nowMs)
            .reduce<Totals>(addTotals, NO_TOTALS)
        : aggregate
      return totals.count === 0 ? undefined : valueOfTotals(kind, totals)
    }
  }
}

/** When the value changes next though nothing happens, ms since 1970; undefined when it does not. */
export function nextExpiry(
  { within }: Pick<AggregateDefinition, 'within'>,
  aggregate: Aggregate | undefined,
  nowMs: number,
): number | undefined {
  if (!within || !aggregate) return undefined
  let next = Infinity
  for (const { startMs } of aggregate.units) next = sooner(next, expiryOf(within, startMs), nowMs)
  for (const { timeMs } of aggregate.values) next = sooner(next, expiryOf(within, timeMs), nowMs)
  return next === Infinity ? undefined : next
}

function sooner(next: number, expiry: number, nowMs: number): number {
  return expiry > nowMs && expiry < next ? expiry : next
}

function shown(json: string, truncated = false): ShownValue {
  return { json, truncated }
}

function valueOfTotals(
  kind: 'count' | 'sum' | 'min' | 'max' | 'average' | 'first' | 'last',
  totals: Totals,
): ShownValue | undefined {
  switch (kind) {
    case 'count':
      return shown(String(totals.count))
    case 'average':
      return shown(decimalText(divideDecimal(readDecimal(totals.sum), totals.count, AVERAGE_DIGITS)))
    case 'first':
    case 'last': {
      const end = totals[kind]
      return end && shown(end.json)
    }
    case 'sum':
    case 'min':
    case 'max':
      return shown(totals[kind])
  }
}

function valueOfValues(
  kind: 'mostFrequent' | 'uniqueList' | 'distinct',
  seen: readonly SeenValue[],
): ShownValue | undefined {
  if (seen.length === 0) return undefined
  const most = maxValues(kind)
  const cut = seen.length > most
  const values = latestValues(seen, most)
  if (kind === 'distinct') return shown(String(values.length), cut)
  return kind === 'uniqueList' ? uniqueList(values, cut) : shown(mostFrequent(values), cut)
}

/** E2. */
function mostFrequent(values: readonly SeenValue[]): string {
  const counts = new Map<string, SeenValue>()
  for (const { json, timeMs, count } of values) {
    const known = counts.get(json)
    counts.set(json, {
      json,
      timeMs: Math.max(timeMs, known?.timeMs ?? timeMs),
      count: count + (known?.count ?? 0),
    })
  }
  return [...counts.values()].reduce((best, each) =>
    (each.count - best.count || each.timeMs - best.timeMs || compareText(best.json, each.json)) > 0
      ? each
      : best,
  ).json
}

/** E3. */
function uniqueList(values: readonly SeenValue[], cut: boolean): ShownValue {
  const latest = values.toSorted((a, b) => b.timeMs - a.timeMs || compareText(a.json, b.json))
  let bytes = 2
  const fitting = latest.findIndex(({ json }) => (bytes += utf8Length(json) + 1) > MAX_LIST_BYTES)
  const kept = fitting < 0 ? latest : latest.slice(0, fitting)
  const texts = kept.map(({ json }) => json).sort(compareText)
  return shown(`[${texts.join(',')}]`, cut || kept.length < latest.length)
}

/** E4: from each first step on, the earliest time of every next one. */
function happened({ steps = [], takesAtMostMs = Infinity }: Shape, values: readonly SeenValue[]): boolean {
  const times = steps.map((_, step) =>
    values
      .filter(({ json }) => json === String(step))
      .map(({ timeMs }) => timeMs)
      .sort((a, b) => a - b),
  )
  const [firsts = [], ...rest] = times
  return firsts.some((first) => {
    let at = first
    for (const step of rest) {
      const next = step.find((time) => time > at)
      if (next === undefined) return false
      at = next
    }
    return at - first <= takesAtMostMs
  })
}
