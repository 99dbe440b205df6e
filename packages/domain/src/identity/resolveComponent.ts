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
import { type EvidenceClass, type EvidenceMember, classStrength } from './evidence.ts'
import { groupBy } from './groupBy.ts'
import { type ReadyRules } from './resolverRules.ts'

/** Evidence without the members that do not link; two or more remain. */
export interface LinkedSet {
  readonly evidenceId: string
  readonly class: EvidenceClass
  readonly firstTimeMs: number
  readonly members: readonly EvidenceMember[]
}

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
}

/** One reason to unite two identifiers: the strongest and earliest there is for the pair. */
export interface Link {
  /** The better of the two: the centre of the star. */
  readonly a: EvidenceMember
  readonly b: EvidenceMember
  readonly class: EvidenceClass
  readonly timeMs: number
  readonly because: { readonly kind: 'evidence' | 'fact'; readonly id: string }
}

export type Refusal =
  | { readonly reason: 'limit'; readonly type: string; readonly max: number }
  | { readonly reason: 'separated'; readonly factId: string }

export interface Conflict {
  readonly link: Link
  readonly refusal: Refusal
}

export interface ResolvedComponent {
  /** Each sorted, best first: the first names the profile. */
  readonly clusters: readonly (readonly EvidenceMember[])[]
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
  for (const link of starsOf(evidence, contested, rules).sort((a, b) => compareLinks(a, b, rules)))
    consider(link, (a, b) => unions.separated(a, b) ?? unions.overLimit(a, b))

  const clusters = groupBy(component.members, (each) => unions.find(each.id))
  return {
    clusters: [...clusters.values()].map((each) => each.sort(rules.compare)),
    links,
    conflicts,
    contested,
  }
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

/** Each set as links from its best identifier to the others; of one pair and class strength only the first. */
function starsOf(sets: readonly LinkedSet[], without: ReadonlySet<string>, rules: ReadyRules): Link[] {
  const best = new Map<string, Link>()
  for (const set of sets) {
    const remaining = set.members.filter((each) => !without.has(each.id)).sort(rules.compare)
    const [centre, ...others] = remaining
    if (!centre) continue
    for (const other of others) {
      const link: Link = {
        a: centre,
        b: other,
        class: set.class,
        timeMs: set.firstTimeMs,
        because: { kind: 'evidence', id: set.evidenceId },
      }
      const key = `${centre.id}|${other.id}`
      const known = best.get(key)
      if (!known || compareSamePair(link, known) < 0) best.set(key, link)
    }
  }
  return [...best.values()]
}

/** Total over the links of different pairs (R2). */
function compareLinks(x: Link, y: Link, rules: ReadyRules): number {
  return (
    classStrength(y.class) - classStrength(x.class) ||
    rules.compareTypes(x.a.type, y.a.type) ||
    rules.compareTypes(x.b.type, y.b.type) ||
    x.timeMs - y.timeMs ||
    compareText(x.a.id, y.a.id) ||
    compareText(x.b.id, y.b.id)
  )
}

function compareSamePair(x: Link, y: Link): number {
  return (
    classStrength(y.class) - classStrength(x.class) ||
    x.timeMs - y.timeMs ||
    compareText(x.because.id, y.because.id)
  )
}

function compareText(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0
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

/** Union-find that knows how many of each type a cluster holds and who may never meet in one. */
function createUnions(component: Component, rules: ReadyRules) {
  const parents = new Map(component.members.map((each) => [each.id, each.id]))
  const sizes = new Map<string, number>()
  const counts = new Map<string, Map<string, number>>()
  const separations = component.separations
    .filter((each) => parents.has(each.a) && parents.has(each.b))
    .sort((x, y) => compareText(x.factId, y.factId))

  const find = (id: string): string => {
    let root = id
    while (parents.get(root) !== root) root = parents.get(root)!
    for (let each = id; each !== root;) {
      const next = parents.get(each)!
      parents.set(each, root)
      each = next
    }
    return root
  }

  return {
    find,
    same: (a: string, b: string): boolean => find(a) === find(b),

    unite(a: string, b: string): void {
      let [into, from] = [find(a), find(b)]
      if ((sizes.get(into) ?? 1) < (sizes.get(from) ?? 1)) [into, from] = [from, into]
      parents.set(from, into)
      sizes.set(into, (sizes.get(into) ?? 1) + (sizes.get(from) ?? 1))
      const mine = counts.get(into)
      for (const [type, count] of counts.get(from) ?? []) mine?.set(type, (mine.get(type) ?? 0) + count)
      counts.delete(from)
    },

    /** From here on every group counts once per type it holds, however many it holds. */
    contract(): void {
      for (const each of component.members) {
        const root = find(each.id)
        const held = counts.get(root) ?? new Map<string, number>()
        counts.set(root, held.set(each.type, 1))
      }
    },

    separated(a: string, b: string): Refusal | undefined {
      if (separations.length === 0) return undefined
      const [x, y] = [find(a), find(b)]
      const broken = separations.find((each) => {
        const [p, q] = [find(each.a), find(each.b)]
        return (p === x && q === y) || (p === y && q === x)
      })
      return broken && { reason: 'separated', factId: broken.factId }
    },

    overLimit(a: string, b: string): Refusal | undefined {
      const [x, y] = [counts.get(find(a))!, counts.get(find(b))!]
      const over = [...x.keys()]
        .filter((type) => (x.get(type) ?? 0) + (y.get(type) ?? 0) > rules.limitOf(type) && y.has(type))
        .sort(rules.compareTypes)[0]
      return over === undefined ? undefined : { reason: 'limit', type: over, max: rules.limitOf(over) }
    },
  }
}
