import { groupBy } from './groupBy.ts'
import { type IdentityRows, indexKey, indexed } from './identityState.ts'
import { type IdentityView } from './identityView.ts'
import { type Conflict } from './resolveComponent.ts'

export interface KeptConflicts {
  readonly added: number
  readonly ended: number
  /** How many conflicts have it as the better side now. */
  pairsOf(identifierId: string): number
}

/**
 * Rows of the conflicts that a resolution found among some identifiers, in place of those that were. `within`: whoever was
 * resolved with them, when that was not everyone they are linked to; conflicts with others stay.
 */
export function keepConflicts(
  rows: IdentityRows,
  view: IdentityView,
  identifierIds: Iterable<string>,
  conflicts: readonly Conflict[],
  within?: ReadonlySet<string>,
): KeptConflicts {
  const found = groupBy(conflicts, (each) => each.link.a.id)
  const pairs = new Map<string, number>()
  let [added, ended] = [0, 0]
  for (const identifierId of identifierIds) {
    const now = new Map((found.get(identifierId) ?? []).map((each) => [each.link.b.id, each]))
    const stored = view.row(identifierId)?.conflicts ?? 0
    const known = new Set(stored === 0 ? [] : indexed(rows.conflicts, identifierId))
    let staying = 0
    for (const other of known) {
      if (now.has(other)) continue
      if (within && !within.has(other)) staying++
      else {
        rows.conflicts.delete(indexKey(identifierId, other))
        ended++
      }
    }
    for (const [other, conflict] of now) {
      if (!known.has(other)) added++
      rows.conflicts.put(indexKey(identifierId, other), conflict)
    }
    if (now.size + staying > 0) pairs.set(identifierId, now.size + staying)
  }
  return { added, ended, pairsOf: (identifierId) => pairs.get(identifierId) ?? 0 }
}
