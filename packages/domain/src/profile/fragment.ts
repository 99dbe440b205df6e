/**
 * A fragment: everything known from the events of one anchor.
 *
 *  F1. A fold is commutative and associative: the same events in any order and any batches give the same fragment,
 *      byte for byte. Traits, identifiers and consents are idempotent besides; counts and sums are not, so each event
 *      is folded once (deduplication is before this).
 *  F2. Traits: per (path, source) the last value by (event time, message id, canonical text). Nothing is hidden or
 *      decided here: which of the values show is decided where the profile is folded (foldTraits).
 *  F3. Every list is sorted by its key, so equal fragments have equal bytes.
 *  F4. Caps: caps.ts.
 *  F5. A fragment handed out is never changed.
 */
import { type Aggregate, addAggregates, compareAggregates } from '../aggregate/aggregate.ts'
import { type KeptAggregates } from '../aggregate/keepAggregates.ts'
import {
  MAX_CONSENTS_PER_FRAGMENT,
  MAX_IDENTIFIERS_PER_FRAGMENT,
  MAX_TRAIT_VALUES_PER_FRAGMENT,
} from './caps.ts'
import { compareText } from './canonicalJson.ts'
import { type EventFacts } from './eventFacts.ts'
import { mergeSorted } from './mergeSorted.ts'

export interface TraitValue {
  path: string
  sourceId: string
  /** JSON text. "null" is a value too: it hides (foldTraits). */
  json: string
  timeMs: number
  messageId: string
}

export interface IdentifierSeen {
  type: string
  value: string
  id: string
  firstSeenMs: number
  lastSeenMs: number
  /** Source of the first sight; of several at that time the smallest. */
  sourceId: string
}

export interface ConsentValue {
  purpose: string
  sourceId: string
  granted: boolean
  timeMs: number
  messageId: string
}

export interface Fragment {
  firstSeenMs: number
  lastSeenMs: number
  events: number
  traits: TraitValue[]
  identifiers: IdentifierSeen[]
  aggregates: Aggregate[]
  consents: ConsentValue[]
  truncated: boolean
}

/** The fragment of one event. */
export function fragmentOf(facts: EventFacts, kept: KeptAggregates): Fragment {
  const { event } = facts
  const { timeMs, messageId, sourceId } = event
  return cap(
    {
      firstSeenMs: timeMs,
      lastSeenMs: timeMs,
      events: 1,
      traits: facts.traits.map(({ path, json }) => ({ path, sourceId, json, timeMs, messageId })),
      identifiers: [...new Map(event.identifiers.map((each) => [each.id, each])).values()]
        .map(({ type, value, id }) => ({
          type,
          value,
          id,
          firstSeenMs: timeMs,
          lastSeenMs: timeMs,
          sourceId,
        }))
        .sort((a, b) => compareText(a.id, b.id)),
      aggregates: kept.of(event),
      consents: facts.consents.map(({ purpose, granted }) => ({
        purpose,
        sourceId,
        granted,
        timeMs,
        messageId,
      })),
      truncated: facts.truncated,
    },
    event.identifiers[0]?.id,
  )
}

/** Folds one event into a fragment. `kept` is every aggregate adopted now: what else the fragment holds is dropped. */
export function foldEvent(fragment: Fragment | undefined, facts: EventFacts, kept: KeptAggregates): Fragment {
  const one = fragmentOf(facts, kept)
  if (!fragment) return one
  const joined = joinFragments(dropForgotten(fragment, kept), one, (a, b) => kept.trim(addAggregates(a, b)))
  return cap(joined, facts.event.identifiers[0]?.id)
}

/**
 * Adds aggregates of events that came before their adoption (A5). `undefined` when there is nothing to add: a second
 * time, or by a job that something newer has overtaken.
 */
export function fillFragment(
  fragment: Fragment,
  aggregates: readonly Aggregate[],
  kept: KeptAggregates,
): Fragment | undefined {
  const filled = new Set(fragment.aggregates.filter((each) => each.filled).map(filledName))
  const missing = aggregates.filter((each) => kept.keeps(each) && !filled.has(filledName(each)))
  if (missing.length === 0) return undefined
  const before = missing.map((each) => ({ ...each, filled: true })).sort(compareAggregates)
  return {
    ...fragment,
    aggregates: mergeSorted(fragment.aggregates, before, compareAggregates, (a, b) =>
      kept.trim(addAggregates(a, b)),
    ),
  }
}

const filledName = ({ document, hash, job }: Aggregate) => `${document}@${hash}@${job}`

/** The same within the caps of one fragment: what an identifier tells that has several. */
export function joinWithinCaps(
  fragments: readonly Fragment[],
  anchor: string,
  kept: KeptAggregates,
): Fragment | undefined {
  if (fragments.length < 2) return fragments[0]
  const add = (a: Aggregate, b: Aggregate) => kept.trim(addAggregates(a, b))
  return cap(
    fragments.map((each) => dropForgotten(each, kept)).reduce((a, b) => joinFragments(a, b, add)),
    anchor,
  )
}

/** Two fragments over different events as one, without caps: what a profile folds its parts with. */
export function joinFragments(a: Fragment, b: Fragment, add = addAggregates): Fragment {
  return {
    firstSeenMs: Math.min(a.firstSeenMs, b.firstSeenMs),
    lastSeenMs: Math.max(a.lastSeenMs, b.lastSeenMs),
    events: a.events + b.events,
    traits: mergeSorted(a.traits, b.traits, compareTraitKeys, (x, y) => (compareValues(x, y) >= 0 ? x : y)),
    identifiers: mergeSorted(
      a.identifiers,
      b.identifiers,
      (x, y) => compareText(x.id, y.id),
      joinIdentifiers,
    ),
    aggregates: mergeSorted(a.aggregates, b.aggregates, compareAggregates, add),
    consents: mergeSorted(
      a.consents,
      b.consents,
      (x, y) => compareText(x.purpose, y.purpose) || compareText(x.sourceId, y.sourceId),
      laterConsent,
    ),
    truncated: a.truncated || b.truncated,
  }
}

/** Order of trait values in time: by event time, then message id, then text. */
export function compareValues(a: TraitValue, b: TraitValue): number {
  return a.timeMs - b.timeMs || compareText(a.messageId, b.messageId) || compareText(a.json, b.json)
}

function compareTraitKeys(a: TraitValue, b: TraitValue): number {
  return compareText(a.path, b.path) || compareText(a.sourceId, b.sourceId)
}

function joinIdentifiers(a: IdentifierSeen, b: IdentifierSeen): IdentifierSeen {
  const first =
    a.firstSeenMs - b.firstSeenMs || compareText(a.sourceId, b.sourceId) || compareText(a.value, b.value)
  return { ...(first <= 0 ? a : b), lastSeenMs: Math.max(a.lastSeenMs, b.lastSeenMs) }
}

/** By event time, then message id; of two said at once, the refusal. */
function laterConsent(a: ConsentValue, b: ConsentValue): ConsentValue {
  const order =
    a.timeMs - b.timeMs || compareText(a.messageId, b.messageId) || Number(b.granted) - Number(a.granted)
  return order >= 0 ? a : b
}

function dropForgotten(fragment: Fragment, kept: KeptAggregates): Fragment {
  return fragment.aggregates.every(kept.keeps)
    ? fragment
    : { ...fragment, aggregates: fragment.aggregates.filter(kept.keeps) }
}

function cap(fragment: Fragment, anchor: string | undefined): Fragment {
  const traits = fragment.traits.slice(0, MAX_TRAIT_VALUES_PER_FRAGMENT)
  const consents = fragment.consents.slice(0, MAX_CONSENTS_PER_FRAGMENT)
  const identifiers = capIdentifiers(fragment.identifiers, anchor)
  const cut =
    traits.length < fragment.traits.length ||
    consents.length < fragment.consents.length ||
    identifiers.length < fragment.identifiers.length
  return cut ? { ...fragment, traits, consents, identifiers, truncated: true } : fragment
}

/** The anchor always stays: without its value nobody could say who the fragment is about. */
function capIdentifiers(identifiers: IdentifierSeen[], anchor: string | undefined): IdentifierSeen[] {
  if (identifiers.length <= MAX_IDENTIFIERS_PER_FRAGMENT) return identifiers
  const first = identifiers.filter((each) => each.id !== anchor).slice(0, MAX_IDENTIFIERS_PER_FRAGMENT - 1)
  return identifiers.filter((each) => each.id === anchor || each.id <= (first.at(-1)?.id ?? ''))
}
