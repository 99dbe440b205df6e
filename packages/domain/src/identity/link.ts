/** Links between two identifiers, and the one total order in which they are considered (R2). */
import { compareText } from './compareText.ts'
import { type EvidenceClass, type EvidenceMember, classStrength } from './evidence.ts'
import { type ReadyRules } from './resolverRules.ts'

/** One reason to unite two identifiers: the strongest and earliest there is for the pair. */
export interface Link {
  /** The better of the two: the centre of the star. */
  readonly a: EvidenceMember
  readonly b: EvidenceMember
  readonly class: EvidenceClass
  readonly timeMs: number
  readonly because: { readonly kind: 'evidence' | 'fact'; readonly id: string }
}

/** Evidence without the members that do not link; two or more remain. */
export interface LinkedSet {
  readonly evidenceId: string
  readonly class: EvidenceClass
  readonly firstTimeMs: number
  readonly members: readonly EvidenceMember[]
}

/** A set as links from its best identifier to the others. */
export function starOf(set: LinkedSet, without: ReadonlySet<string>, rules: ReadyRules): readonly Link[] {
  const remaining = set.members.filter((each) => !without.has(each.id)).sort(rules.compare)
  const [centre, ...others] = remaining
  if (!centre) return []
  return others.map((other) => ({
    a: centre,
    b: other,
    class: set.class,
    timeMs: set.firstTimeMs,
    because: { kind: 'evidence', id: set.evidenceId },
  }))
}

/** The stars of all sets; of one pair only the first in order. */
export function starsOf(
  sets: readonly LinkedSet[],
  without: ReadonlySet<string>,
  rules: ReadyRules,
): readonly Link[] {
  const best = new Map<string, Link>()
  for (const set of sets)
    for (const link of starOf(set, without, rules)) {
      const key = `${link.a.id}|${link.b.id}`
      const known = best.get(key)
      if (!known || compareSamePair(link, known) < 0) best.set(key, link)
    }
  return [...best.values()]
}

/** Total over the links of different pairs. */
export function compareLinks(x: Link, y: Link, rules: ReadyRules): number {
  return (
    comparePlaces(placeOf(x), placeOf(y), rules) || compareText(x.a.id, y.a.id) || compareText(x.b.id, y.b.id)
  )
}

/** Which of two links of one pair counts. */
export function compareSamePair(x: Link, y: Link): number {
  return (
    classStrength(y.class) - classStrength(x.class) ||
    x.timeMs - y.timeMs ||
    compareText(x.because.id, y.because.id)
  )
}

/** Where a link stands in the order, but for the ids that decide between equals. */
export interface LinkPlace {
  readonly class: EvidenceClass
  /** Types of the two ends. */
  readonly a: string
  readonly b: string
  readonly timeMs: number
}

export function placeOf(link: Link): LinkPlace {
  return { class: link.class, a: link.a.type, b: link.b.type, timeMs: link.timeMs }
}

export function comparePlaces(x: LinkPlace, y: LinkPlace, rules: ReadyRules): number {
  return (
    classStrength(y.class) - classStrength(x.class) ||
    rules.compareTypes(x.a, y.a) ||
    rules.compareTypes(x.b, y.b) ||
    x.timeMs - y.timeMs
  )
}

export function laterPlace(
  x: LinkPlace | undefined,
  y: LinkPlace | undefined,
  rules: ReadyRules,
): LinkPlace | undefined {
  if (!x || !y) return x ?? y
  return comparePlaces(x, y, rules) >= 0 ? x : y
}
