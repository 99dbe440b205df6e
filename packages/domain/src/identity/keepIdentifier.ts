import { type IdentifierRow, type IdentityRows, indexKey } from './identityState.ts'

/** Writes the row of an identifier when it is another now, and keeps the index of members with it. */
export function keepIdentifier(
  rows: IdentityRows,
  identifierId: string,
  before: IdentifierRow,
  after: IdentifierRow,
): void {
  if (sameRow(before, after)) return
  rows.identifiers.put(identifierId, after)
  if (!after.profile || after.profile === before.profile) return
  if (before.profile) rows.membersOf.delete(indexKey(before.profile.identifierId, identifierId))
  rows.membersOf.put(indexKey(after.profile.identifierId, identifierId), true)
}

/** Of what a resolution may change. */
function sameRow(a: IdentifierRow, b: IdentifierRow): boolean {
  return (
    a.standing === b.standing &&
    a.rulesVersion === b.rulesVersion &&
    a.conflicts === b.conflicts &&
    a.evidenceRows === b.evidenceRows &&
    a.generation === b.generation &&
    a.profile === b.profile &&
    a.seenWith.length === b.seenWith.length &&
    a.seenWith.every((each, index) => each === b.seenWith[index])
  )
}
