import { type AssignmentChange, type Placement, assignmentChanges } from './assignmentChanges.ts'
import { declared } from './fact.ts'
import { type IdentityRows, type ProfileName, profileOf, profileText, sameProfile } from './identityState.ts'
import { type IdentityView } from './identityView.ts'
import { keepClusters } from './keepClusters.ts'
import { keepConflicts } from './keepConflicts.ts'
import { keepIdentifier } from './keepIdentifier.ts'
import { type Component, type ResolvedComponent, resolveComponent } from './resolveComponent.ts'
import { toTheEnd } from './toTheEnd.ts'

/** An identifier that has just been found to be shared, and what that took apart. */
export interface BecameShared {
  readonly identifierId: string
  readonly type: string
  /** How many profiles its profile has become, itself not counted; 1 when it had joined nobody. */
  readonly joined: number
}

/** What a fact says of an identifier that it did not say before. */
export interface BlockSaid {
  readonly identifierId: string
  readonly type: string
  readonly blocked: boolean
}

export interface Resolution {
  /** One per identifier, sorted. */
  readonly assignments: readonly AssignmentChange[]
  readonly becameShared: readonly BecameShared[]
  /** Whom a fact has blocked, or opened again. */
  readonly said: readonly BlockSaid[]
  readonly newConflicts: number
  readonly endedConflicts: number
  /** How many identifiers were looked at together. */
  readonly largestComponent: number
  /** Whether components were walked through and resolved anew; otherwise the input was resolved by itself. */
  readonly recomputed: boolean
  /** Why an input was not used. */
  readonly ignored?: string
}

/** The resolution of an input that changed nothing. */
export function nothing(ignored?: string): Resolution {
  return {
    assignments: [],
    becameShared: [],
    said: [],
    newConflicts: 0,
    endedConflicts: 0,
    largestComponent: 0,
    recomputed: false,
    ...(ignored !== undefined && { ignored }),
  }
}

/**
 * Resolves everything that the touched identifiers may have changed, keeps it in the rows, and says what is new.
 * `recheck`: those whose standing may be another now.
 */
export function resolveAffected(
  rows: IdentityRows,
  view: IdentityView,
  touched: Iterable<string>,
  recheck: Iterable<string>,
): Resolution {
  view.judgeAgain(recheck)
  const { affected, component } = toTheEnd(exploreAffected(view, touched))
  const resolved = resolveComponent(component, view.rules)
  const placements = placementsOf(view, affected, resolved)
  const assignments = assignmentChanges(placements)

  const sent = new Map(assignments.map((each) => [each.identifierId, each]))
  const kept = keepConflicts(
    rows,
    view,
    placements.map((each) => each.identifierId),
    resolved.conflicts,
  )
  for (const { identifierId } of placements)
    keepRow(rows, view, identifierId, kept.pairsOf(identifierId), sent.get(identifierId))
  // Whoever joins nobody, before and now, is not among them; what has been found out about it is kept all the same, or
  // each of its neighbours would look through its evidence again until the walk comes to it.
  for (const identifierId of view.judgedAnew())
    if (!affected.has(identifierId) && view.standing(identifierId) !== 'linked')
      keepRow(rows, view, identifierId, 0, undefined)
  keepClusters(rows, placements, resolved.clusters)
  return {
    assignments,
    becameShared: [...view.changedStandings()]
      .filter((id) => view.standing(id) === 'shared')
      .sort()
      .map((id) => ({ identifierId: id, type: view.row(id)!.type, joined: partsOf(id, placements) })),
    said: [],
    newConflicts: kept.added,
    endedConflicts: kept.ended,
    largestComponent: component.members.length,
    recomputed: true,
  }
}

interface Affected {
  readonly affected: ReadonlySet<string>
  readonly component: Component
}

/**
 * Everyone whose assignment may be another now. Whoever changed its standing no longer holds its neighbours together,
 * or begins to: they are looked at too, and every part of what it held together has one of them.
 *
 * Step by step: gives everyone who links or changed its standing when it is reached, and from each of them the same
 * would be reached.
 */
export function* exploreAffected(view: IdentityView, touched: Iterable<string>): Generator<string, Affected> {
  const affected = new Set(touched)
  const followed = new Set<string>()
  for (;;) {
    const component = yield* view.exploreComponent(affected)
    for (const each of component.members) affected.add(each.id)
    const changed = [...view.changedStandings()].filter((id) => !followed.has(id))
    if (changed.length === 0) return { affected, component }
    for (const id of changed) {
      followed.add(id)
      affected.add(id)
      yield id
      for (const each of view.neighbours(id)) affected.add(each)
    }
  }
}

export function placementsOf(
  view: IdentityView,
  affected: ReadonlySet<string>,
  resolved: ResolvedComponent,
): readonly Placement[] {
  const generationOf = (id: string): number =>
    (view.row(id)?.facts ?? 0) === 0 ? 0 : declared(view.activeFactsOf(id)).generation
  const homes = new Map<string, { name: ProfileName; size: number }>()
  for (const cluster of resolved.clusters) {
    const identifierId = cluster.members[0]!.id
    const name = { identifierId, generation: generationOf(identifierId) }
    const home = { name, size: cluster.members.length }
    for (const each of cluster.members) homes.set(each.id, home)
  }
  return [...affected].flatMap((id): Placement[] => {
    const row = view.row(id)
    if (!row) return []
    const generation = generationOf(id)
    const home = homes.get(id) ?? { name: { identifierId: id, generation }, size: 1 }
    return [
      {
        identifierId: id,
        type: row.type,
        generationBefore: row.generation,
        generation,
        before: profileOf(id, row),
        after: home.name,
        assigned: row.profile !== undefined,
        inCompany: home.size > 1,
      },
    ]
  })
}

function keepRow(
  rows: IdentityRows,
  view: IdentityView,
  identifierId: string,
  conflicts: number,
  sent: AssignmentChange | undefined,
): void {
  const row = view.row(identifierId)!
  const learned = view.learned(identifierId)
  keepIdentifier(rows, identifierId, row, {
    ...row,
    standing: view.standing(identifierId),
    rulesVersion: view.rulesVersion,
    conflicts,
    ...(learned && { seenWith: learned.seenWith, evidenceRows: learned.evidenceRows }),
    ...(sent && { generation: sent.generation, profile: sent.into }),
  })
}

function partsOf(identifierId: string, placements: readonly Placement[]): number {
  const before = placements.find((each) => each.identifierId === identifierId)?.before
  if (!before) return 1
  const others = placements.filter(
    (each) => each.identifierId !== identifierId && sameProfile(each.before, before),
  )
  return Math.max(1, new Set(others.map((each) => profileText(each.after))).size)
}
