/**
 * The oracle: resolves everything at once from what was ever said, as plainly as identity.md says it, with no regard
 * for cost. It shares the rules' order of types with the real resolver and nothing else.
 */
import { type Evidence, type EvidenceMember, evidenceClasses } from '../evidence.ts'
import { type Fact } from '../fact.ts'
import { MAX_EVIDENCE_ROWS, type ResolverRules, defaultResolverRules, readyRules } from '../resolverRules.ts'

/** Inputs of the resolver, in any order except that of rules. */
export type ResolverInput =
  | { readonly kind: 'evidence'; readonly evidence: Evidence }
  | { readonly kind: 'fact'; readonly fact: Fact }
  | { readonly kind: 'rules'; readonly rules: ResolverRules; readonly configOffset: number }

export interface Resolved {
  /** Identifier id → "<naming identifier>-<generation>", for everyone ever named. */
  readonly profiles: ReadonlyMap<string, string>
  /** "better|other" of every refused link. */
  readonly conflicts: ReadonlySet<string>
  readonly shared: ReadonlySet<string>
  readonly blocked: ReadonlySet<string>
}

interface PlainLink {
  readonly a: EvidenceMember
  readonly b: EvidenceMember
  readonly strength: number
  readonly timeMs: number
}

export function resolveAll(inputs: readonly ResolverInput[]): Resolved {
  const rules = rulesOf(inputs)
  const order = readyRules(rules)
  const typeOf = new Map<string, string>()
  const facts = activeFacts(inputs)
  const latest = (id: string, kinds: readonly string[]): Fact | undefined =>
    facts
      .filter((fact) => kinds.includes(fact.kind) && names(fact, id))
      .sort(byTime)
      .at(-1)
  const erasures = (id: string): Fact[] => facts.filter((fact) => fact.kind === 'erase' && names(fact, id))
  for (const input of inputs) {
    const members =
      input.kind === 'evidence' ? input.evidence.members : input.kind === 'fact' ? input.fact.members : []
    for (const each of members) typeOf.set(each.id, each.type)
  }
  const everyone = [...typeOf].map(([id, type]) => ({ id, type }))

  // Drop what is blocked or erased, then what is shared.
  const blocked = new Set(
    everyone
      .filter(({ id }) => order.isBlocked(id) || latest(id, ['block', 'unblock'])?.kind === 'block')
      .map(({ id }) => id),
  )
  const seen = evidenceOf(inputs, facts).map((evidence) => ({
    ...evidence,
    members: evidence.members.filter(
      ({ id }) =>
        !blocked.has(id) && !erasures(id).some((erasure) => evidence.receivedTimeMs <= erasure.timeMs),
    ),
  }))
  const shared = new Set(
    everyone
      .filter(({ id, type }) => {
        if (blocked.has(id)) return false
        const said = latest(id, ['shared', 'not-shared'])
        if (said) return said.kind === 'shared'
        const { strong, sharedAfter } = order.ruleOf(type)
        if (strong) return false
        const own = seen.filter(
          (each) => each.members.length > 1 && each.members.some((member) => member.id === id),
        )
        const others = own.flatMap((each) => each.members)
        const strongTypes = new Set(
          others.filter((each) => order.ruleOf(each.type).strong).map((each) => each.type),
        )
        const tooMany = [...strongTypes].some(
          (strongType) =>
            new Set(others.filter((each) => each.type === strongType).map((each) => each.id)).size >
            sharedAfter,
        )
        const rows = new Set(own.map((each) => JSON.stringify([each.members, each.class, each.sourceId])))
        return (sharedAfter > 0 && tooMany) || rows.size > MAX_EVIDENCE_ROWS
      })
      .map(({ id }) => id),
  )
  const linking = (member: EvidenceMember): boolean => !blocked.has(member.id) && !shared.has(member.id)
  const sets = seen
    .map((each) => ({ ...each, members: each.members.filter(linking) }))
    .filter((each) => each.members.length > 1)

  // Joins first: they may exceed limits, and a joined group counts once.
  let clusters: EvidenceMember[][] = everyone.map((each) => [each])
  const conflicts = new Set<string>()
  const clusterOf = (id: string): EvidenceMember[] =>
    clusters.find((cluster) => cluster.some((each) => each.id === id))!
  const separated = (union: readonly EvidenceMember[]): boolean =>
    facts.some(
      (fact) =>
        fact.kind === 'separate' &&
        fact.members.every((each) => linking(each) && union.some((member) => member.id === each.id)),
    )
  const consider = (link: PlainLink, allowed: (union: EvidenceMember[]) => boolean): void => {
    const [x, y] = [clusterOf(link.a.id), clusterOf(link.b.id)]
    if (x === y) return
    const union = [...x, ...y]
    if (separated(union) || !allowed(union)) conflicts.add(`${link.a.id}|${link.b.id}`)
    else clusters = [...clusters.filter((each) => each !== x && each !== y), union]
  }
  const star = (members: readonly EvidenceMember[]): [EvidenceMember, EvidenceMember][] => {
    const [centre, ...others] = [...members].sort(order.compare)
    return centre ? others.map((other) => [centre, other]) : []
  }
  const joins = [
    ...facts
      .filter((fact) => fact.kind === 'join' && fact.members.every(linking))
      .flatMap((fact) => star(fact.members).map(([a, b]) => ({ a, b, strength: 3, timeMs: fact.timeMs }))),
    ...sets
      .filter((set) => set.class === 'join')
      .flatMap((set) => star(set.members).map(([a, b]) => ({ a, b, strength: 3, timeMs: set.firstTimeMs }))),
  ].sort((x, y) => x.timeMs - y.timeMs || compareIds(x, y))
  for (const link of joins) consider(link, () => true)
  const groups = clusters

  const groupOf = (id: string): EvidenceMember[] =>
    groups.find((group) => group.some((each) => each.id === id))!
  const contested = new Set<string>()
  if (rules.owner === 'nobody')
    for (const weak of everyone.filter((each) => linking(each) && !order.ruleOf(each.type).strong)) {
      const own = sets.filter((set) => set.members.some((each) => each.id === weak.id))
      for (const type of rules.types.filter((each) => each.strong).map((each) => each.type)) {
        const users = own.flatMap((set) => set.members).filter((each) => each.type === type)
        const persons = new Set(users.map((each) => groupOf(each.id)))
        if (persons.size > 1 && !groupOf(weak.id).some((each) => each.type === type)) contested.add(weak.id)
      }
    }

  // Then evidence, in the total order, within the limits.
  const holds = (union: readonly EvidenceMember[]): boolean =>
    [...new Set(union.map((each) => each.type))].every((type) => {
      const counted = groups.filter(
        (group) => group.some((each) => each.type === type) && group.some((each) => union.includes(each)),
      )
      return counted.length <= order.limitOf(type)
    })
  const links = sets
    .filter((set) => set.class !== 'join')
    .flatMap((set) =>
      star(set.members.filter((each) => !contested.has(each.id))).map(([a, b]) => ({
        a,
        b,
        strength: evidenceClasses.indexOf(set.class),
        timeMs: set.firstTimeMs,
      })),
    )
    .sort(
      (x, y) =>
        y.strength - x.strength ||
        order.compareTypes(x.a.type, y.a.type) ||
        order.compareTypes(x.b.type, y.b.type) ||
        x.timeMs - y.timeMs ||
        compareIds(x, y),
    )
  for (const link of links) consider(link, holds)

  const profiles = new Map<string, string>()
  for (const cluster of clusters) {
    const naming = [...cluster].sort(order.compare)[0]!
    for (const each of cluster) profiles.set(each.id, `${naming.id}-${erasures(naming.id).length}`)
  }
  return { profiles, conflicts, shared, blocked }
}

function rulesOf(inputs: readonly ResolverInput[]): ResolverRules {
  let inForce = { rules: defaultResolverRules, configOffset: -1 }
  for (const input of inputs)
    if (input.kind === 'rules' && input.configOffset >= inForce.configOffset) inForce = input
  return inForce.rules
}

function activeFacts(inputs: readonly ResolverInput[]): readonly Fact[] {
  const first = new Map<string, Fact>()
  for (const input of inputs)
    if (input.kind === 'fact' && !first.has(input.fact.id)) first.set(input.fact.id, input.fact)
  // From the latest back: whether a retraction counts is known before what it retracts is looked at.
  const active: Fact[] = []
  for (const fact of [...first.values()].sort(byTime).toReversed())
    if (fact.kind === 'erase' || !active.some((each) => each.kind === 'retract' && each.retracts === fact.id))
      active.push(fact)
  return active
}

function evidenceOf(inputs: readonly ResolverInput[], facts: readonly Fact[]): readonly Evidence[] {
  const retracted = new Set(facts.filter((fact) => fact.kind === 'retract').map((fact) => fact.retracts))
  const all = inputs.flatMap((input) => (input.kind === 'evidence' ? [input.evidence] : []))
  const ids = [...new Set(all.map((each) => each.id))].filter((id) => !retracted.has(id))
  return ids.map((id) => {
    const sightings = all.filter((each) => each.id === id)
    return {
      ...sightings[0]!,
      firstTimeMs: Math.min(...sightings.map((each) => each.firstTimeMs)),
      receivedTimeMs: Math.max(...sightings.map((each) => each.receivedTimeMs)),
    }
  })
}

function names(fact: Fact, id: string): boolean {
  return fact.members.some((each) => each.id === id)
}

function byTime(a: Fact, b: Fact): number {
  return a.timeMs - b.timeMs || (a.id < b.id ? -1 : 1)
}

function compareIds(x: PlainLink, y: PlainLink): number {
  const [p, q] = [`${x.a.id} ${x.b.id}`, `${y.a.id} ${y.b.id}`]
  return p < q ? -1 : p > q ? 1 : 0
}
