/**
 * Aggregates that fragments keep: one per adopted Trait document, and one per event leaf of the adopted audiences.
 *
 *  A1. Each event is added once (the fragment task takes duplicates out), in any order, with the same result.
 *  A2. Aggregates of two fragments add up: their events are not the same ones.
 *  A3. An aggregate belongs to the job that adopted it; what is left of an earlier adoption of the same document is
 *      forgotten, so a trait that was removed and comes back does not go on from where it was.
 *  A4. What is kept is bounded and depends on the set of events alone: what has left the window for good goes (W4),
 *      and of values the latest stay (V2).
 *  A5. What came before the adoption is added once, `filled` (the back-fill).
 */
import { compareText } from '../profile/canonicalJson.ts'
import { mergeSorted } from '../profile/mergeSorted.ts'
import {
  MAX_DISTINCT_VALUES,
  MAX_FREQUENT_VALUES,
  MAX_LIST_VALUES,
  MAX_SEQUENCE_TIMES,
} from './aggregateCaps.ts'
import { type AggregateDefinition } from './aggregateDefinition.ts'
import { type SeenValue, joinValues, latestValues } from './seenValues.ts'
import { type Totals, addTotals } from './totals.ts'
import { isSpent } from './window.ts'

/** Totals of one unit of a window. */
export interface AggregateUnit extends Totals {
  /** When it began, ms since 1970. */
  startMs: number
}

/** The totals of its own are those of all events; of one with a window they are empty, and `units` has them. */
export interface Aggregate extends Totals {
  document: string
  hash: string
  /** Number of the job that adopted it. */
  job: number
  /** Sorted by time, none twice. */
  units: AggregateUnit[]
  values: SeenValue[]
  /** What came before the adoption is in it. */
  filled: boolean
}

export function compareAggregates(
  a: Pick<Aggregate, 'document' | 'hash'>,
  b: Pick<Aggregate, 'document' | 'hash'>,
): number {
  return compareText(a.document, b.document) || compareText(a.hash, b.hash)
}

/** Two aggregates of the same document and hash over different events (A2, A3). */
export function addAggregates(a: Aggregate, b: Aggregate): Aggregate {
  if (a.job !== b.job) return a.job > b.job ? a : b
  return {
    document: a.document,
    hash: a.hash,
    ...addTotals(a, b),
    job: a.job,
    units: mergeSorted(
      a.units,
      b.units,
      (x, y) => x.startMs - y.startMs,
      (x, y) => ({ startMs: x.startMs, ...addTotals(x, y) }),
    ),
    values: joinValues(a.values, b.values),
    filled: a.filled || b.filled,
  }
}

/** A4. */
export function trimAggregate(definition: AggregateDefinition, aggregate: Aggregate): Aggregate {
  const units = trimUnits(definition, aggregate.units)
  const values = trimValues(definition, aggregate.values)
  if (units === aggregate.units && values === aggregate.values) return aggregate
  return { ...aggregate, units: [...units], values: [...values] }
}

function trimUnits(
  { kind, within }: AggregateDefinition,
  units: readonly AggregateUnit[],
): readonly AggregateUnit[] {
  const newest = units.at(-1)
  if (!within || !newest || units.length === 1) return units
  if (kind === 'last') return [newest]
  const kept = units.findIndex(({ startMs }) => !isSpent(within, startMs, newest.startMs))
  return kept === 0 ? units : units.slice(kept)
}

function trimValues(
  { kind, within }: AggregateDefinition,
  values: readonly SeenValue[],
): readonly SeenValue[] {
  if (values.length < 2) return values
  if (kind === 'sequence') return trimSteps(values)
  const newestMs = within && values.reduce((newest, { timeMs }) => Math.max(newest, timeMs), -Infinity)
  const alive =
    within && values.some(({ timeMs }) => isSpent(within, timeMs, newestMs!))
      ? values.filter(({ timeMs }) => !isSpent(within, timeMs, newestMs!))
      : values
  return latestValues(alive, maxValues(kind) + 1)
}

export function maxValues(kind: AggregateDefinition['kind']): number {
  if (kind === 'mostFrequent') return MAX_FREQUENT_VALUES
  return kind === 'uniqueList' ? MAX_LIST_VALUES : MAX_DISTINCT_VALUES
}

/** Times of one step stand together: the latest of each. */
function trimSteps(values: readonly SeenValue[]): readonly SeenValue[] {
  if (values.length <= MAX_SEQUENCE_TIMES) return values
  return values.filter(({ json }, i) => values[i + MAX_SEQUENCE_TIMES + 1]?.json !== json)
}
