/**
 * The fast path: resolves new evidence from the rows of the clusters it touches, without walking through components.
 * Exact, or not done at all (then undefined, and nothing has been written).
 *
 *  A1. A cluster without a conflict is a whole component, and what it holds breaks no limit. Whatever else is united
 *      with it, the order of its links decides nothing as long as the union breaks no limit either: union-find is exact.
 *  A2. A link between two clusters whose union breaks a limit is refused, when it comes after every link accepted
 *      within either: both are then what they are in the end. A refused link changes nothing but the conflicts.
 *  A3. Where there are conflicts, an accepted link must come after them, since it may change what they are refused for.
 *  A4. Of one pair the strongest and earliest link counts, so a worse one changes nothing.
 */
import { type Placement, assignmentChanges } from './assignmentChanges.ts'
import { type EvidenceMember } from './evidence.ts'
import {
  type ClusterRow,
  type EvidenceRow,
  type IdentifierRow,
  type IdentityRows,
  NEVER_JUDGED,
  indexKey,
  indexed,
  profileOf,
} from './identityState.ts'
import { type IdentityView } from './identityView.ts'
import { keepIdentifier } from './keepIdentifier.ts'
import { learnMore } from './learn.ts'
import {
  type Link,
  type LinkPlace,
  compareLinks,
  comparePlaces,
  compareSamePair,
  laterPlace,
  placeOf,
  starOf,
} from './link.ts'
import { type Resolution, nothing } from './resolveAffected.ts'
import { type Conflict } from './resolveComponent.ts'
import { type TypeCounts, overLimit } from './unions.ts'

/** 32 rows of evidence are looked through for a better link of the same pair: less than what a walk would cost. */
const MAX_PROBED = 32

/** A cluster as it was: its naming identifier, and whether it has a row; one without is that identifier alone. */
interface Home {
  readonly id: string
  readonly stored: boolean
}

/** A cluster as it is after the links considered so far. */
interface Side {
  naming: EvidenceMember
  counts: TypeCounts
  lastAccepted: LinkPlace | undefined
  lastConflict: LinkPlace | undefined
  separated: boolean
  /** The clusters it has been made of. */
  readonly homes: Home[]
  changed: boolean
}

export function appendEvidence(
  rows: IdentityRows,
  view: IdentityView,
  seen: EvidenceRow,
): Resolution | undefined {
  if (seen.class === 'join') return undefined
  const updated = standingsAfter(view, seen)
  if (!updated) return undefined
  const set = linkingOf(view, seen, updated)
  if (view.rules.owner === 'nobody' && set.some((each) => isContested(view, updated.get(each.id)!)))
    return undefined

  const sides = new Map<string, Side>()
  const conflicts: Conflict[] = []
  const links = starOf(
    { evidenceId: seen.id, class: seen.class, firstTimeMs: seen.firstTimeMs, members: set },
    new Set(),
    view.rules,
  )
  for (const link of [...links].sort((x, y) => compareLinks(x, y, view.rules))) {
    const a = sideOf(rows, view, sides, link.a, updated)
    const b = sideOf(rows, view, sides, link.b, updated)
    if (!a || !b) return undefined
    const considered = consider(rows, view, seen, link, a, b)
    if (!considered) return undefined
    if (considered.conflict) conflicts.push(considered.conflict)
    if (considered.united) for (const home of b.homes) sides.set(home.id, a)
  }
  return keep(rows, view, updated, new Set(sides.values()), conflicts)
}

/** Known evidence that is earlier than it was known to be. Without a conflict order decides nothing (A1). */
export function isOrderIndifferent(rows: IdentityRows, view: IdentityView, seen: EvidenceRow): boolean {
  if (seen.class === 'join') return false
  return seen.members.every(({ id }) => {
    const row = view.row(id)
    if (!row || row.rulesVersion !== view.rulesVersion) return false
    if (row.standing !== 'linked') return true
    return (
      rows.clusters.get(profileOf(id, row).identifierId)?.lastConflict === undefined && row.conflicts === 0
    )
  })
}

/** The rows of the members with what this evidence teaches; undefined when somebody's standing has to be judged. */
export function standingsAfter(
  view: IdentityView,
  seen: EvidenceRow,
): Map<string, IdentifierRow> | undefined {
  const left = view.remaining(seen)
  const isLeft = new Set(left.map((each) => each.id))
  const updated = new Map<string, IdentifierRow>()
  for (const { id } of seen.members) {
    const row = view.row(id)!
    const isNew = row.rulesVersion === NEVER_JUDGED
    if (!isNew && row.rulesVersion !== view.rulesVersion) return undefined
    // One that is new and not left is blocked by the rules: nothing about it has been forgotten yet.
    const standing = isNew ? (isLeft.has(id) ? 'linked' : 'blocked') : row.standing
    const judged = { ...row, standing, rulesVersion: view.rulesVersion }
    const learns =
      standing === 'linked' && row.sharedByFact === undefined && !view.rules.ruleOf(row.type).strong
    if (!learns) {
      updated.set(id, judged)
      continue
    }
    const learned = learnMore(id, row, view.rules, left, (user) => view.row(user)?.type ?? '')
    if (!learned) return undefined
    updated.set(id, { ...judged, seenWith: learned.seenWith, evidenceRows: learned.evidenceRows })
  }
  return updated
}

function linkingOf(
  view: IdentityView,
  seen: EvidenceRow,
  updated: ReadonlyMap<string, IdentifierRow>,
): readonly EvidenceMember[] {
  const linking = view.remaining(seen).filter((each) => updated.get(each.id)!.standing === 'linked')
  return linking.length < 2 ? [] : linking
}

/** Whether it may belong to nobody (R4): with the policy `nobody` its component is looked at. */
function isContested(view: IdentityView, row: IdentifierRow): boolean {
  // Who has been declared not to be shared may be seen with any number.
  if (row.sharedByFact) return true
  const types = row.seenWith.map((id) => view.row(id)?.type)
  return new Set(types).size < types.length
}

function sideOf(
  rows: IdentityRows,
  view: IdentityView,
  sides: Map<string, Side>,
  member: EvidenceMember,
  updated: ReadonlyMap<string, IdentifierRow>,
): Side | undefined {
  const row = updated.get(member.id)!
  const isNew = view.row(member.id)!.rulesVersion === NEVER_JUDGED
  const name = profileOf(member.id, row).identifierId
  const known = sides.get(name)
  if (known) return known
  // Nobody has resolved a new one yet.
  const stored = isNew ? undefined : rows.clusters.get(name)
  // Who stands alone without a conflict has no row; who belongs to another cannot be without.
  if (!stored && name !== member.id) return undefined
  const type = stored ? rows.identifiers.get(name)?.type : row.type
  if (type === undefined) return undefined
  const side: Side = {
    naming: { id: name, type },
    counts: stored ? new Map(Object.entries(stored.counts)) : new Map([[type, 1]]),
    lastAccepted: stored?.lastAccepted,
    lastConflict: stored?.lastConflict,
    separated: stored?.separated ?? row.facts > 0,
    homes: [{ id: name, stored: stored !== undefined }],
    changed: false,
  }
  sides.set(name, side)
  return side
}

/** What becomes of one link; undefined when that cannot be said from the two sides alone. */
function consider(
  rows: IdentityRows,
  view: IdentityView,
  seen: EvidenceRow,
  link: Link,
  a: Side,
  b: Side,
): { readonly conflict?: Conflict; readonly united?: true } | undefined {
  const { rules } = view
  const place = placeOf(link)
  const isAfter = (other: LinkPlace | undefined): boolean => !other || comparePlaces(place, other, rules) > 0
  if (a === b)
    return isAfter(a.lastConflict) ||
      (a.lastAccepted && isAfter(a.lastAccepted)) ||
      hasBetterLink(rows, view, link, seen)
      ? {}
      : undefined

  if (a.separated && b.separated) return undefined
  const refusal = overLimit(a.counts, b.counts, rules)
  if (!refusal) {
    if (!isAfter(a.lastConflict) || !isAfter(b.lastConflict)) return undefined
    unite(view, a, b, place)
    return { united: true }
  }
  if (!isAfter(a.lastAccepted) || !isAfter(b.lastAccepted))
    return hasBetterLink(rows, view, link, seen) ? {} : undefined
  for (const side of [a, b]) {
    side.lastConflict = laterPlace(side.lastConflict, place, rules)
    side.changed = true
  }
  return { conflict: { link, refusal } }
}

/** Makes `a` of both. */
function unite(view: IdentityView, a: Side, b: Side, place: LinkPlace): void {
  const { rules } = view
  const counts = new Map(a.counts)
  for (const [type, count] of b.counts) counts.set(type, (counts.get(type) ?? 0) + count)
  a.counts = counts
  a.lastAccepted = laterPlace(laterPlace(a.lastAccepted, b.lastAccepted, rules), place, rules)
  a.lastConflict = laterPlace(a.lastConflict, b.lastConflict, rules)
  a.separated ||= b.separated
  a.homes.push(...b.homes)
  if (rules.compare(b.naming, a.naming) < 0) a.naming = b.naming
  a.changed = true
}

/** Whether other evidence has the same pair, and counts before this (A4). Looks at some of it only. */
function hasBetterLink(rows: IdentityRows, view: IdentityView, link: Link, seen: EvidenceRow): boolean {
  // Who is contested is in no star, and who that is would have to be worked out.
  if (view.rules.owner === 'nobody') return false
  for (const evidenceId of indexed(rows.evidenceOf, link.b.id, MAX_PROBED)) {
    const other = evidenceId === seen.id ? undefined : view.evidence(evidenceId)
    if (!other || other.retracted || other.class === 'join') continue
    const set = view.linkedSet(other)
    const same = set && starOf(set, new Set(), view.rules).find((each) => samePair(each, link))
    if (same && compareSamePair(same, link) < 0) return true
  }
  return false
}

function samePair(x: Link, y: Link): boolean {
  return x.a.id === y.a.id && x.b.id === y.b.id
}

function keep(
  rows: IdentityRows,
  view: IdentityView,
  updated: ReadonlyMap<string, IdentifierRow>,
  sides: ReadonlySet<Side>,
  conflicts: readonly Conflict[],
): Resolution {
  const after = new Map(updated)
  let newConflicts = 0
  for (const conflict of conflicts) {
    const { a, b } = conflict.link
    const key = indexKey(a.id, b.id)
    const known = rows.conflicts.get(key)
    if (known && compareSamePair(known.link, conflict.link) <= 0) continue
    rows.conflicts.put(key, conflict)
    if (known) continue
    newConflicts++
    const row = after.get(a.id)!
    after.set(a.id, { ...row, conflicts: row.conflicts + 1 })
  }

  const placements: Placement[] = []
  for (const side of sides) {
    if (side.homes.length > 1) placements.push(...placementsOf(rows, view, side))
    if (side.changed) keepCluster(rows, side)
  }
  const assignments = assignmentChanges(placements)
  for (const { identifierId, into } of assignments)
    after.set(identifierId, {
      ...(after.get(identifierId) ?? view.row(identifierId)!),
      profile: into,
    })
  for (const [id, row] of after) keepIdentifier(rows, id, view.row(id)!, row)
  return {
    ...nothing(),
    assignments,
    newConflicts,
    largestComponent: Math.max(0, ...[...sides].map((side) => sizeOf(side.counts))),
  }
}

/** Everyone who comes into the cluster, and the one it is named after. */
function placementsOf(rows: IdentityRows, view: IdentityView, side: Side): readonly Placement[] {
  const { naming } = side
  const name = { identifierId: naming.id, generation: view.row(naming.id)!.generation }
  return side.homes.flatMap((home) => {
    const others = home.stored && home.id !== naming.id ? [...indexed(rows.membersOf, home.id)] : []
    return (others.length > 0 ? others : [home.id]).map((id): Placement => {
      const row = view.row(id)!
      return {
        identifierId: id,
        type: row.type,
        generationBefore: row.generation,
        generation: row.generation,
        before: profileOf(id, row),
        after: name,
        assigned: row.profile !== undefined,
        inCompany: true,
      }
    })
  })
}

function keepCluster(rows: IdentityRows, side: Side): void {
  for (const home of side.homes) if (home.stored && home.id !== side.naming.id) rows.clusters.delete(home.id)
  const { counts, lastAccepted, lastConflict, separated } = side
  const row: ClusterRow = { counts: Object.fromEntries(counts), lastAccepted, lastConflict, separated }
  rows.clusters.put(side.naming.id, row)
}

function sizeOf(counts: TypeCounts): number {
  let size = 0
  for (const count of counts.values()) size += count
  return size
}
