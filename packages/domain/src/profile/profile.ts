/**
 * A profile: a fold over the parts of one profile id.
 *
 *  R1. It is a function of the set of parts, of the preferences and of the computed traits in force; never of order.
 *  R2. Its identifiers are those among the keys of its parts. Their values come from its own fragments only: an
 *      e-mail that a fragment of this person once carried, but that belongs to somebody else, is not shown here.
 *  R3. Consent: the latest per (purpose, source), then the most restrictive of the sources.
 */
import { type Aggregate, type AggregateKind, aggregateValue } from './aggregate.ts'
import { MAX_IDENTIFIERS_PER_PROFILE, MAX_TRAITS_PER_PROFILE } from './caps.ts'
import { compareText } from './canonicalJson.ts'
import { type Fragment, type TraitValue, joinFragments } from './fragment.ts'
import { type Preferences, foldTraits } from './foldTraits.ts'

export interface ProfilePart {
  readonly identifierId: string
  /** Absent: the identifier belongs here, but no event was filed under it. */
  readonly fragment?: Fragment | undefined
}

/** A computed trait in force. */
export interface ComputedTrait {
  /** Id of the Trait document: its name in `computed`. */
  readonly id: string
  readonly hash: string
  readonly job: number
  readonly kind: AggregateKind
}

export interface Profile {
  readonly firstSeenMs: number
  readonly lastSeenMs: number
  readonly events: number
  /** Sorted by type, then value. */
  readonly identifiers: readonly { readonly type: string; readonly value: string }[]
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
}

/** Undefined when no event was ever folded into any of the parts. */
export function foldProfile(parts: readonly ProfilePart[], options: FoldOptions): Profile | undefined {
  const fragments = parts.flatMap(({ fragment }) => fragment ?? [])
  if (fragments.length === 0) return undefined
  const all = fragments.reduce(joinFragments)
  const belongs = new Set(parts.map(({ identifierId }) => identifierId))
  const identifiers = all.identifiers
    .filter(({ id }) => belongs.has(id))
    .map(({ type, value }) => ({ type, value }))
    .sort((a, b) => compareText(a.type, b.type) || compareText(a.value, b.value))
  const traits = foldTraits(all.traits, options.preferences)
  return {
    firstSeenMs: all.firstSeenMs,
    lastSeenMs: all.lastSeenMs,
    events: all.events,
    identifiers: identifiers.slice(0, MAX_IDENTIFIERS_PER_PROFILE),
    traits: traits.slice(0, MAX_TRAITS_PER_PROFILE),
    computed: computedOf(all.aggregates, options.computed),
    consent: consentOf(all),
    aggregates: all.aggregates,
    truncated:
      all.truncated ||
      identifiers.length > MAX_IDENTIFIERS_PER_PROFILE ||
      traits.length > MAX_TRAITS_PER_PROFILE,
  }
}

export function findAggregate(
  aggregates: readonly Aggregate[],
  wanted: { readonly document: string; readonly hash: string; readonly job: number },
): Aggregate | undefined {
  return aggregates.find(
    ({ document, hash, job }) => document === wanted.document && hash === wanted.hash && job === wanted.job,
  )
}

function computedOf(aggregates: readonly Aggregate[], traits: readonly ComputedTrait[]): Profile['computed'] {
  return traits
    .flatMap(({ id, hash, job, kind }) => {
      const json = aggregateValue(kind, findAggregate(aggregates, { document: `trait/${id}`, hash, job }))
      return json === undefined ? [] : [{ id, json }]
    })
    .sort((a, b) => compareText(a.id, b.id))
}

/** R3. */
function consentOf({ consents }: Fragment): Profile['consent'] {
  const granted = new Map<string, boolean>()
  for (const each of consents) granted.set(each.purpose, (granted.get(each.purpose) ?? true) && each.granted)
  return [...granted].map(([purpose, yes]) => ({ purpose, granted: yes }))
}
