/**
 * Resolves evidence again that comes late into a component with conflicts, from the clusters around it only: a component
 * may hold ten thousand identifiers, of which it concerns ten. Exact, or not done at all (then undefined, and nothing
 * has been written).
 *
 * The core are the clusters that the evidence names; the ring are the clusters that the core has refused links to. Both
 * are resolved twice, as they were before and as they are now.
 *
 *  N1. A link between two clusters was refused, and is refused again as long as its ends had the same company when its
 *      turn came: what a cluster holds at some place of the order follows from the links accepted within it.
 *  N2. So where the ring accepts the same links before and now, everything beyond it does too, and stays as it was.
 *      A cluster of the ring that accepts others joins the core, and the ring is drawn anew around it.
 *  N3. Facts, policies that look at who is known to whom, and changed standings reach farther: they are not done here.
 */
import { assignmentChanges } from './assignmentChanges.ts'
import { standingsAfter } from './appendEvidence.ts'
import { type EvidenceMember } from './evidence.ts'
import {
  type EvidenceRow,
  type IdentifierRow,
  type IdentityRows,
  indexed,
  profileOf,
} from './identityState.ts'
import { type IdentityView } from './identityView.ts'
import { keepClusters } from './keepClusters.ts'
import { keepConflicts } from './keepConflicts.ts'
import { keepIdentifier } from './keepIdentifier.ts'
import { type Link, type LinkedSet } from './link.ts'
import { type Resolution, nothing, placementsOf } from './resolveAffected.ts'
import { type Component, type ResolvedComponent, resolveComponent } from './resolveComponent.ts'

/** 1,000 identifiers and 4,000 pieces of evidence, some tens of milliseconds; beyond it the whole component is looked at. */
const MAX_IDENTIFIERS = 1_000
const MAX_EVIDENCE = 4_000

/** Something looked at is not for this. */
class TooFar extends Error {}

/** `before`: the same evidence as it was known, with a later first time. */
export function resolveNearby(
  rows: IdentityRows,
  view: IdentityView,
  seen: EvidenceRow,
  before: EvidenceRow | undefined,
): Resolution | undefined {
  // N3
  if (seen.class === 'join' || view.rules.owner === 'nobody') return undefined
  const updated = before ? asTheyAre(view, seen) : standingsAfter(view, seen)
  if (!updated) return undefined
  const nearby = createNearby(rows, view, updated)
  try {
    let core = nearby.clustersOf(seen.members.filter((each) => updated.get(each.id)!.standing === 'linked'))
    for (;;) {
      const component = nearby.around(core)
      const now = resolveComponent(component, view.rules)
      const then = resolveComponent(
        { ...component, sets: setsBefore(view, component, seen, before) },
        view.rules,
      )
      const changed = changedBeyond(core, then, now)
      if (changed.length === 0) return keep(rows, view, updated, component, now)
      core = nearby.clustersOf([...core.values(), ...changed])
    }
  } catch (error) {
    if (error instanceof TooFar) return undefined
    throw error
  }
}

/** Undefined when somebody has not been judged under the rules in force. */
function asTheyAre(view: IdentityView, seen: EvidenceRow): ReadonlyMap<string, IdentifierRow> | undefined {
  const found = seen.members.map(({ id }) => [id, view.row(id)!] as const)
  return found.every(([, row]) => row.rulesVersion === view.rulesVersion) ? new Map(found) : undefined
}

type Members = ReadonlyMap<string, EvidenceMember>

function createNearby(rows: IdentityRows, view: IdentityView, updated: ReadonlyMap<string, IdentifierRow>) {
  const sets = new Map<string, LinkedSet>()
  const setsOf = new Map<string, readonly LinkedSet[]>()
  const members = new Map<string, EvidenceMember>()

  const memberOf = (id: string): EvidenceMember => {
    const row = updated.get(id) ?? view.row(id)
    // N3
    if (!row || row.facts > 0 || row.rulesVersion !== view.rulesVersion || row.standing !== 'linked')
      throw new TooFar()
    const member = { id, type: row.type }
    members.set(id, member)
    if (members.size > MAX_IDENTIFIERS) throw new TooFar()
    return member
  }

  /** Everyone of the clusters that these are in. */
  const clustersOf = (some: readonly EvidenceMember[]): Members => {
    const found = new Map<string, EvidenceMember>()
    for (const each of some) {
      if (found.has(each.id)) continue
      const name = profileOf(each.id, view.row(each.id)).identifierId
      const others = rows.clusters.get(name) ? [...indexed(rows.membersOf, name)] : []
      for (const id of others.length > 0 ? others : [each.id]) found.set(id, memberOf(id))
      if (!found.has(each.id)) throw new TooFar()
    }
    return found
  }

  const evidenceAt = (id: string): readonly LinkedSet[] => {
    const known = setsOf.get(id)
    if (known) return known
    const found: LinkedSet[] = []
    for (const evidence of view.activeEvidenceOf(id)) {
      const set = sets.get(evidence.id) ?? view.linkedSet(evidence)
      if (!set || !set.members.some((each) => each.id === id)) continue
      sets.set(evidence.id, set)
      if (sets.size > MAX_EVIDENCE) throw new TooFar()
      found.push(set)
    }
    setsOf.set(id, found)
    return found
  }

  return {
    clustersOf,

    /** The core with its ring, and the evidence of both. */
    around(core: Members): Component {
      const beyond = new Map<string, EvidenceMember>()
      for (const id of core.keys())
        for (const set of evidenceAt(id))
          for (const each of set.members) if (!core.has(each.id)) beyond.set(each.id, each)
      const all = new Map([...core, ...clustersOf([...beyond.values()])])
      const near = new Set<LinkedSet>()
      for (const id of all.keys()) for (const set of evidenceAt(id)) near.add(set)
      return { members: [...all.values()], sets: [...near], joins: [], separations: [], isOpen: true }
    },
  }
}

function setsBefore(
  view: IdentityView,
  component: Component,
  seen: EvidenceRow,
  before: EvidenceRow | undefined,
): readonly LinkedSet[] {
  const others = component.sets.filter((each) => each.evidenceId !== seen.id)
  const set = before && view.linkedSet(before)
  return set ? [...others, set] : others
}

/** Ends outside the core of links accepted only before or only now (N2). */
function changedBeyond(
  core: Members,
  then: ResolvedComponent,
  now: ResolvedComponent,
): readonly EvidenceMember[] {
  const outer = ({ links }: ResolvedComponent): ReadonlyMap<string, Link> =>
    new Map(
      links
        .filter(({ a, b }) => !core.has(a.id) || !core.has(b.id))
        .map((link) => [JSON.stringify([link.a.id, link.b.id, link.class, link.timeMs]), link]),
    )
  const [was, is] = [outer(then), outer(now)]
  const only = (some: ReadonlyMap<string, Link>, others: ReadonlyMap<string, Link>): readonly Link[] =>
    [...some].filter(([key]) => !others.has(key)).map(([, link]) => link)
  return [...only(was, is), ...only(is, was)].flatMap(({ a, b }) => [a, b])
}

function keep(
  rows: IdentityRows,
  view: IdentityView,
  updated: ReadonlyMap<string, IdentifierRow>,
  component: Component,
  resolved: ResolvedComponent,
): Resolution {
  const near = new Set(component.members.map((each) => each.id))
  const placements = placementsOf(view, near, resolved)
  const assignments = assignmentChanges(placements)
  const after = new Map(updated)
  const kept = keepConflicts(rows, view, near, resolved.conflicts, near)
  for (const id of near) after.set(id, { ...(after.get(id) ?? view.row(id)!), conflicts: kept.pairsOf(id) })
  for (const { identifierId, generation, into } of assignments)
    after.set(identifierId, { ...after.get(identifierId)!, generation, profile: into })
  for (const [id, row] of after) keepIdentifier(rows, id, view.row(id)!, row)
  keepClusters(rows, placements, resolved.clusters)
  return {
    ...nothing(),
    assignments,
    newConflicts: kept.added,
    endedConflicts: kept.ended,
    largestComponent: near.size,
    recomputed: true,
  }
}
