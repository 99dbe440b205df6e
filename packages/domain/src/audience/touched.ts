/**
 * What of a profile may read differently than when it was judged last, in the words of leaves.
 *
 *  N1. More may be named than changed, never less: what is not named reads as before, whatever else happened.
 *  N2. A change of parts is what the fragments of an identifier before and after it differ in, and that an identifier
 *      came or went; the order in which parts change does not matter.
 *  N3. A list that is cut, or was, may show something else than what changed: whoever folds the profile then names
 *      everything.
 */
import { type Aggregate, type AggregateUnit, compareAggregates } from '../aggregate/aggregate.ts'
import { type SeenValue } from '../aggregate/seenValues.ts'
import { type AggregateEnd, type Totals } from '../aggregate/totals.ts'
import { compareText } from '../profile/canonicalJson.ts'
import { type ConsentValue, type Fragment, type TraitValue } from '../profile/fragment.ts'
import { firstKey } from '../profile/traitPath.ts'

export interface Touched {
  /** N3. */
  everything: boolean
  /** First keys of paths of traits. */
  readonly traits: Set<string>
  /** Documents of aggregates. */
  readonly aggregates: Set<string>
  /** Types of identifiers. */
  readonly identifiers: Set<string>
  /** Purposes. */
  readonly consents: Set<string>
  /** When something was last done, or that there is anything at all. */
  activity: boolean
  /** Time has passed a moment at which a window moves. */
  time: boolean
}

export function nothingTouched(): Touched {
  return {
    everything: false,
    traits: new Set(),
    aggregates: new Set(),
    identifiers: new Set(),
    consents: new Set(),
    activity: false,
    time: false,
  }
}

/** A part of a profile: an identifier that belongs to it, and what is known of it. */
export interface TouchedPart {
  readonly identifierType: string
  readonly fragment?: Fragment | undefined
}

/** Notes what differs between a part before and after; undefined where it is not there (N2). */
export function touchPart(
  touched: Touched,
  before: TouchedPart | undefined,
  after: TouchedPart | undefined,
): void {
  if (!before !== !after) touched.identifiers.add((after ?? before)!.identifierType)
  const [old, now] = [before?.fragment, after?.fragment]
  if (!old && !now) return
  touched.activity = true
  eachDifference(old?.traits ?? [], now?.traits ?? [], traitKeys, sameTrait, ({ path }) =>
    touched.traits.add(firstKey(path)),
  )
  eachDifference(
    old?.aggregates ?? [],
    now?.aggregates ?? [],
    compareAggregates,
    sameAggregate,
    ({ document }) => touched.aggregates.add(document),
  )
  eachDifference(old?.consents ?? [], now?.consents ?? [], consentKeys, sameConsent, ({ purpose }) =>
    touched.consents.add(purpose),
  )
  eachDifference(
    old?.identifiers ?? [],
    now?.identifiers ?? [],
    (a, b) => compareText(a.id, b.id),
    (a, b) => a.type === b.type,
    ({ type }) => touched.identifiers.add(type),
  )
}

/** Of two lists that are sorted by a key, what is in one only or differs; of the latter both. */
function eachDifference<V>(
  before: readonly V[],
  after: readonly V[],
  compare: (a: V, b: V) => number,
  same: (a: V, b: V) => boolean,
  note: (value: V) => unknown,
): void {
  let [i, j] = [0, 0]
  while (i < before.length || j < after.length) {
    const [a, b] = [before[i], after[j]]
    const order = a === undefined ? 1 : b === undefined ? -1 : compare(a, b)
    if (order < 0) note(a!)
    else if (order > 0) note(b!)
    else if (!same(a!, b!)) {
      note(a!)
      note(b!)
    }
    if (order <= 0) i++
    if (order >= 0) j++
  }
}

const traitKeys = (a: TraitValue, b: TraitValue) =>
  compareText(a.path, b.path) || compareText(a.sourceId, b.sourceId)

const sameTrait = (a: TraitValue, b: TraitValue) =>
  a.timeMs === b.timeMs && a.messageId === b.messageId && a.json === b.json

const consentKeys = (a: ConsentValue, b: ConsentValue) =>
  compareText(a.purpose, b.purpose) || compareText(a.sourceId, b.sourceId)

/** Its time decides against another fragment's. */
const sameConsent = (a: ConsentValue, b: ConsentValue) =>
  a.timeMs === b.timeMs && a.messageId === b.messageId && a.granted === b.granted

function sameAggregate(a: Aggregate, b: Aggregate): boolean {
  return (
    a.job === b.job &&
    sameTotals(a, b) &&
    sameList(a.units, b.units, sameUnit) &&
    sameList(a.values, b.values, sameValue)
  )
}

function sameTotals(a: Totals, b: Totals): boolean {
  return (
    a.count === b.count &&
    a.sum === b.sum &&
    a.min === b.min &&
    a.max === b.max &&
    sameEnd(a.first, b.first) &&
    sameEnd(a.last, b.last)
  )
}

const sameEnd = (a: AggregateEnd | undefined, b: AggregateEnd | undefined) =>
  a?.timeMs === b?.timeMs && a?.messageId === b?.messageId && a?.json === b?.json

const sameUnit = (a: AggregateUnit, b: AggregateUnit) => a.startMs === b.startMs && sameTotals(a, b)

const sameValue = (a: SeenValue, b: SeenValue) =>
  a.timeMs === b.timeMs && a.count === b.count && a.json === b.json

/** The end first: what is new is there. */
function sameList<V>(a: readonly V[], b: readonly V[], same: (a: V, b: V) => boolean): boolean {
  if (a.length !== b.length) return false
  for (let i = a.length - 1; i >= 0; i--) if (!same(a[i]!, b[i]!)) return false
  return true
}
