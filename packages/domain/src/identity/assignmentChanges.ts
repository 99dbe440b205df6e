import { type ProfileName, profileText, sameProfile } from './identityState.ts'

/** Where an identifier was before a resolution and where it is after. */
export interface Placement {
  readonly identifierId: string
  readonly type: string
  /** Of the identifier, before and after: an erasure gives a new one. */
  readonly generationBefore: number
  readonly generation: number
  readonly before: ProfileName
  readonly after: ProfileName
  /** Whether an assignment has ever been sent for it. */
  readonly assigned: boolean
  /** Whether it shares its profile with another identifier now. */
  readonly inCompany: boolean
}

export type AssignmentKind = 'merge' | 'split' | 'rename' | 'erase'

/** One assignment to send: rows exist only where they are needed. */
export interface AssignmentChange {
  readonly identifierId: string
  readonly type: string
  readonly generation: number
  readonly kind: AssignmentKind
  readonly from: ProfileName
  /** The same as `from` for the identifier that gives its name to a profile others come into. */
  readonly into: ProfileName
}

/**
 * The assignments to send after a resolution, sorted by identifier. `placements` must hold everyone of every profile
 * that lost or won somebody.
 *
 * Of a profile's members: all of them moved, and others were or came there, is a merge; all of them moved and
 * nobody else is there, a rename; only some of them moved, a split. A new generation is an erasure.
 */
export function assignmentChanges(placements: readonly Placement[]): readonly AssignmentChange[] {
  const scattered = new Set<string>()
  const mixed = new Set<string>()
  const [wentTo, cameFrom] = [new Map<string, ProfileName>(), new Map<string, ProfileName>()]
  for (const { before, after } of placements) {
    noteOther(wentTo, scattered, profileText(before), after)
    noteOther(cameFrom, mixed, profileText(after), before)
  }
  const kindOf = (each: Placement): AssignmentKind => {
    if (each.generation !== each.generationBefore) return 'erase'
    if (sameProfile(each.before, each.after)) return 'merge'
    if (scattered.has(profileText(each.before))) return 'split'
    return mixed.has(profileText(each.after)) ? 'merge' : 'rename'
  }
  return placements
    .filter(isToBeSent)
    .map((each) => ({
      identifierId: each.identifierId,
      type: each.type,
      generation: each.generation,
      kind: kindOf(each),
      from: each.before,
      into: each.after,
    }))
    .sort((a, b) => (a.identifierId < b.identifierId ? -1 : 1))
}

/** Adds to `several` the profile that another one is noted for already. */
function noteOther(
  noted: Map<string, ProfileName>,
  several: Set<string>,
  profile: string,
  other: ProfileName,
): void {
  const known = noted.get(profile)
  if (!known) noted.set(profile, other)
  else if (!sameProfile(known, other)) several.add(profile)
}

/** A row is sent where it changes, and once for whoever gives the name to a profile of two or more. */
function isToBeSent(each: Placement): boolean {
  return (
    each.generation !== each.generationBefore ||
    !sameProfile(each.before, each.after) ||
    (each.inCompany && !each.assigned)
  )
}
