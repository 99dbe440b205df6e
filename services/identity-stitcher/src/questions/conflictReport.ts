import type {
  ConflictReport,
  ResolvedMember,
} from '@tributary/contracts/generated/tributary/identity/v1/identity_service'
import {
  type Conflict,
  type EvidenceMember,
  type IdentityView,
  type NameOf,
  type ReadIdentityRows,
  describeStep,
  profileOf,
  profileText,
} from '@tributary/domain'

/** Who nobody has named is called by the beginning of its id: values are not stored. */
export const byId: NameOf = ({ type, id }) => `${type || 'identifier'} ${id.slice(0, 8)}…`

export function memberMessage({ type, id }: EvidenceMember): ResolvedMember {
  return { type, identifierId: id }
}

export function conflictReport(
  rows: ReadIdentityRows,
  view: IdentityView,
  conflict: Conflict,
  nameOf: NameOf = byId,
): ConflictReport {
  const { link, refusal } = conflict
  const profileId = ({ id }: EvidenceMember): string => profileText(profileOf(id, view.row(id)))
  const because =
    link.because.kind === 'evidence' ? view.evidence(link.because.id) : rows.facts.get(link.because.id)
  const separation = refusal.reason === 'separated' ? rows.facts.get(refusal.factId) : undefined
  return {
    a: memberMessage(link.a),
    b: memberMessage(link.b),
    profileA: profileId(link.a),
    profileB: profileId(link.b),
    because: link.because.id,
    time: new Date(link.timeMs),
    detail: describeStep({ kind: 'refused', conflict, because, separation }, nameOf),
  }
}
