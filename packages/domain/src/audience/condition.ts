/**
 * The grammar of the `where` of an Audience document, as @tributary/configuration validates it.
 */
import { type Comparison, type NumberComparison } from './comparison.ts'
import { type EventFilter } from './eventFilter.ts'

/** A trait of the profile: the id of a Trait document, or `traits.<path>`. No operator: that it has a value. */
export interface TraitLeaf extends Comparison {
  trait: string
}

export interface ValueComparison extends NumberComparison {
  path: string
}

/** Events of the profile. Without count or another aggregate: at least one. */
export interface EventLeaf {
  event: string
  filter?: EventFilter
  count?: NumberComparison
  sum?: ValueComparison
  average?: ValueComparison
  min?: ValueComparison
  max?: ValueComparison
  distinct?: ValueComparison
  within?: string
  between?: { from: string; to: string }
  since?: string
  ever?: true
}

export interface SequenceLeaf {
  sequence: { steps: { event: string; filter?: EventFilter }[]; within?: string }
}

export interface InactiveLeaf {
  inactive: { for: string; event?: string }
}

export interface AudienceLeaf {
  audience: string
}

export interface IdentifierLeaf {
  identifier: string
  exists?: boolean
}

export interface ConsentLeaf {
  consent: string
  granted?: boolean
}

export interface SampleLeaf {
  sample: { percent: number; salt?: string }
}

export type Condition = { all: Condition[] } | { any: Condition[] } | { not: Condition } | Leaf

export type Leaf =
  | TraitLeaf
  | EventLeaf
  | SequenceLeaf
  | InactiveLeaf
  | AudienceLeaf
  | IdentifierLeaf
  | ConsentLeaf
  | SampleLeaf
