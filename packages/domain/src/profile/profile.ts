/**
 * A profile: a fold over the parts of one profile id.
 *
 *  R1. It is a function of the set of parts, of the preferences, of the computed traits in force and, for their
 *      windows, of the moment; never of order.
 *  R2. Its identifiers are those among the keys of its parts. Their values come from its own fragments only: an
 *      e-mail that a fragment of this person once carried, but that belongs to somebody else, is not shown here.
 *  R3. Consent: the latest per (purpose, source), then the most restrictive of the sources.
 */
import { type Aggregate, compareAggregates } from '../aggregate/aggregate.ts'
import { type AggregateDefinition } from '../aggregate/aggregateDefinition.ts'
import { aggregateValue } from '../aggregate/aggregateValue.ts'
import { MAX_IDENTIFIERS_PER_PROFILE, MAX_TRAITS_PER_PROFILE } from './caps.ts'
import { compareText } from './canonicalJson.ts'
import { type Fragment, type IdentifierSeen, type TraitValue, joinFragments } from './fragment.ts'
import { type Preferences, foldTraits } from './foldTraits.ts'

export interface ProfilePart {
  readonly identifierId: string
  /** Absent: the identifier belongs here, but no event was filed under it. */
  readonly fragment?: Fragment | undefined
}

/** A computed trait in force: its aggregate, and the job that adopted it. */
export interface ComputedTrait {
  /** Id of the Trait document: its name in `computed`. */
  readonly id: string
  readonly aggregate: AggregateDefinition
  readonly job: number
}

export interface Profile {
  readonly firstSeenMs: number
  readonly lastSeenMs: number
  readonly events: number
  /** Sorted by type, then value; seen first and last, and by which source, on the events of the profile. */
  readonly identifiers: readonly IdentifierSeen[]
  /** What is shown and where it came from, sorted by path. */
  readonly traits: readonly TraitValue[]
  /** Sorted by id; one for which nothing counted is absent. */
  readonly computed: readonly { readonly id: string; readonly json: string }[]
  /** Sorted by purpose. */
  readonly consent: readonly { readonly purpose: string; readonly granted: boolean }[]
  /** Every aggregate of the parts, for the audiences. */
  readonly aggregates: readonly Aggregate[]
  readonly truncated: boolean
}

export interface FoldOptions {
  readonly preferences: Preferences
  readonly computed: readonly ComputedTrait[]
  /** The moment that windows look back from, ms since 1970. */
  readonly nowMs: number
}

/** Undefined when no event was ever folded into any of the parts. */
export function foldProfile(parts: readonly ProfilePart[], options: FoldOptions): Profile | undefined {
  const fragments = parts.flatMap(({ fragment }) => fragment ?? [])
  if (fragments.length === 0) return undefined
  const all = fragments.reduce((a, b) => joinFragments(a, b))
  const belongs = new Set(parts.map(({ identifierId }) => identifierId))
  const identifiers = all.identifiers
    .filter(({ id }) => belongs.has(id))
    .sort((a, b) => compareText(a.type, b.type) || compareText(a.value, b.value))
  const traits = foldTraits(all.traits, options.preferences)
  const computed = computedOf(all.aggregates, options)
  return {
    firstSeenMs: all.firstSeenMs,
    lastSeenMs: all.lastSeenMs,
    events: all.events,
    identifiers: identifiers.slice(0, MAX_IDENTIFIERS_PER_PROFILE),
    traits: traits.slice(0, MAX_TRAITS_PER_PROFILE),
    computed: computed.map(({ id, json }) => ({ id, json })),
    consent: consentOf(all),
    aggregates: all.aggregates,
    truncated:
      all.truncated ||
      computed.some(({ truncated }) => truncated) ||
      identifiers.length > MAX_IDENTIFIERS_PER_PROFILE ||
      traits.length > MAX_TRAITS_PER_PROFILE,
  }
}

/** Of a list sorted as fragments are. */
export function findAggregate(
  aggregates: readonly Aggregate[],
  wanted: { readonly document: string; readonly hash: string; readonly job: number },
): Aggregate | undefined {
  let [low, high] = [0, aggregates.length]
  while (low < high) {
    const middle = (low + high) >> 1
    if (compareAggregates(aggregates[middle]!, wanted) < 0) low = middle + 1
    else high = middle
  }
  const found = aggregates[low]
  return found && compareAggregates(found, wanted) === 0 && found.job === wanted.job ? found : undefined
}

function computedOf(
  aggregates: readonly Aggregate[],
  { computed, nowMs }: FoldOptions,
): { id: string; json: string; truncated: boolean }[] {
  return computed
    .flatMap(({ id, aggregate, job }) => {
      const { document, hash } = aggregate
      const value = aggregateValue(aggregate, findAggregate(aggregates, { document, hash, job }), nowMs)
      return value ? [{ id, ...value }] : []
    })
    .sort((a, b) => compareText(a.id, b.id))
}

/** R3. */
function consentOf({ consents }: Fragment): Profile['consent'] {
  const granted = new Map<string, boolean>()
  for (const each of consents) granted.set(each.purpose, (granted.get(each.purpose) ?? true) && each.granted)
  return [...granted].map(([purpose, yes]) => ({ purpose, granted: yes }))
}
