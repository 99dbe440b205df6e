/**
 * The heart of identity: which identifiers of a component are one person. Pure; the order of its inputs is nothing.
 *
 *  R1. Joins are contracted first, in order of (time, ids); an operator or a trusted source may exceed limits, and a
 *      contracted group counts once per type.
 *  R2. Every set is a star around its best identifier; its links are considered in one total order: stronger class,
 *      stronger types, earlier first time, then ids.
 *  R3. A link is accepted unless the union would exceed a limit or unite a separated pair. A refused one is a
 *      conflict, kept and shown.
 *  R4. With the policy `nobody`, a weak identifier seen with several known users (not joined) links nothing.
 */
import { compareText } from './compareText.ts'
import { type EvidenceMember } from './evidence.ts'
import { groupBy } from './groupBy.ts'
import {
  type Link,
  type LinkPlace,
  type LinkedSet,
  compareLinks,
  laterPlace,
  placeOf,
  starsOf,
} from './link.ts'
import { type ReadyRules } from './resolverRules.ts'
import { type TypeCounts, type Unions, createUnions } from './unions.ts'

/** Two identifiers that an operator joined or separated. */
export interface FactPair {
  readonly factId: string
  readonly timeMs: number
  readonly a: string
  readonly b: string
}

/** All that may decide about some identifiers: closed under the sets and joins given. */
export interface Component {
  /** The identifiers that link. */
  readonly members: readonly EvidenceMember[]
  readonly sets: readonly LinkedSet[]
  readonly joins: readonly FactPair[]
  readonly separations: readonly FactPair[]
  /**
   * Whether it is a part of a component, of whole clusters: the sets may name others then. Links to them have been
   * refused, and are no conflicts of this part; but clusters know of them.
   */
  readonly isOpen?: true
}

export type Refusal =
  | { readonly reason: 'limit'; readonly type: string; readonly max: number }
  | { readonly reason: 'separated'; readonly factId: string }

export interface Conflict {
  readonly link: Link
  readonly refusal: Refusal
}

/** Identifiers that are one person, and what the next evidence has to know of them to be resolved without them. */
export interface Cluster {
  /** Best first: the first names the profile. */
  readonly members: readonly EvidenceMember[]
  readonly counts: TypeCounts
  /** The last link by evidence accepted within it. */
  readonly lastAccepted: LinkPlace | undefined
  /** The last refused link that has an end in it. Without one the cluster is a whole component. */
  readonly lastConflict: LinkPlace | undefined
  /** Whether a separation names one of its members. */
  readonly separated: boolean
}

export interface ResolvedComponent {
  readonly clusters: readonly Cluster[]
  readonly links: readonly Link[]
  readonly conflicts: readonly Conflict[]
  /** Seen with several known users under the policy `nobody`. */
  readonly contested: ReadonlySet<string>
}

export function resolveComponent(component: Component, rules: ReadyRules): ResolvedComponent {
  const members = new Map(component.members.map((each) => [each.id, each]))
  const unions = createUnions(component, rules)
  const links: Link[] = []
  const conflicts: Conflict[] = []
  const consider = (link: Link, refuse: (a: string, b: string) => Refusal | undefined): void => {
    if (unions.same(link.a.id, link.b.id)) return
    const refusal = refuse(link.a.id, link.b.id)
    if (refusal) conflicts.push({ link, refusal })
    else {
      unions.unite(link.a.id, link.b.id)
      links.push(link)
    }
  }

  // R1
  for (const link of joinsOf(component, members, rules)) consider(link, (a, b) => unions.separated(a, b))
  unions.contract()

  // R4, R2, R3
  const contested = rules.owner === 'nobody' ? contestedOf(component, unions.find, rules) : new Set<string>()
  const evidence = component.sets.filter((each) => each.class !== 'join')
  const stars = starsOf(evidence, contested, rules)
  const isWithin = ({ a, b }: Link): boolean => members.has(a.id) && members.has(b.id)
  const within = component.isOpen ? stars.filter(isWithin) : [...stars]
  for (const link of within.sort((a, b) => compareLinks(a, b, rules)))
    consider(link, (a, b) => unions.separated(a, b) ?? unions.overLimit(a, b))

  const leaving = component.isOpen ? stars.filter((link) => !isWithin(link)) : []
  const refused = [...conflicts.map(({ link }) => link), ...leaving]
  const clusters = clustersOf(component, members, unions, links, refused, rules)
  return { clusters, links, conflicts, contested }
}

/** Links accepted come in the order in which they were considered. */
function clustersOf(
  component: Component,
  members: ReadonlyMap<string, EvidenceMember>,
  unions: Unions,
  links: readonly Link[],
  refused: readonly Link[],
  rules: ReadyRules,
): readonly Cluster[] {
  const lastAccepted = new Map<string, LinkPlace>()
  const lastConflict = new Map<string, LinkPlace>()
  for (const link of links) if (link.class !== 'join') lastAccepted.set(unions.find(link.a.id), placeOf(link))
  for (const link of refused)
    for (const end of [link.a, link.b]) {
      if (!members.has(end.id)) continue
      const root = unions.find(end.id)
      const latest = laterPlace(lastConflict.get(root), placeOf(link), rules)
      if (latest) lastConflict.set(root, latest)
    }
  const separated = new Set(component.separations.flatMap((each) => [each.a, each.b]))
  return [...groupBy(component.members, (each) => unions.find(each.id))].map(([root, group]) => ({
    members: group.sort(rules.compare),
    counts: unions.countsOf(root),
    lastAccepted: lastAccepted.get(root),
    lastConflict: lastConflict.get(root),
    separated: group.some((each) => separated.has(each.id)),
  }))
}

function joinsOf(
  component: Component,
  members: ReadonlyMap<string, EvidenceMember>,
  rules: ReadyRules,
): readonly Link[] {
  const said = component.joins.flatMap((join): Link[] => {
    const [a, b] = [members.get(join.a), members.get(join.b)]
    if (!a || !b) return []
    const [best, other] = rules.compare(a, b) <= 0 ? [a, b] : [b, a]
    return [
      {
        a: best,
        b: other,
        class: 'join',
        timeMs: join.timeMs,
        because: { kind: 'fact', id: join.factId },
      },
    ]
  })
  const seen = starsOf(
    component.sets.filter((each) => each.class === 'join'),
    new Set(),
    rules,
  )
  return [...said, ...seen].sort(
    (a, b) =>
      a.timeMs - b.timeMs ||
      compareText(a.a.id, b.a.id) ||
      compareText(a.b.id, b.b.id) ||
      compareText(a.because.id, b.because.id),
  )
}

/** Weak identifiers seen with more than one known user, unless an authorised join says whose they are (R4). */
function contestedOf(
  component: Component,
  find: (id: string) => string,
  rules: ReadyRules,
): ReadonlySet<string> {
  const isStrong = (type: string): boolean => rules.ruleOf(type).strong
  const declaredOwner = new Set(
    component.members.filter((each) => isStrong(each.type)).map((each) => `${find(each.id)}|${each.type}`),
  )
  const owners = new Map<string, Set<string>>()
  for (const set of component.sets) {
    const strong = set.members.filter((each) => isStrong(each.type))
    for (const weak of set.members.filter((each) => !isStrong(each.type))) {
      for (const user of strong) {
        const key = `${weak.id}|${user.type}`
        const known = owners.get(key) ?? new Set()
        owners.set(key, known.add(find(user.id)))
      }
    }
  }
  const contested = new Set<string>()
  for (const [key, users] of owners) {
    const [weak, type] = key.split('|') as [string, string]
    if (users.size > 1 && !declaredOwner.has(`${find(weak)}|${type}`)) contested.add(weak)
  }
  return contested
}
