import { expect } from '@jest/globals'
import { type Learned } from '../learn.ts'
import { type LinkPlace, comparePlaces } from '../link.ts'
import { resolveComponent } from '../resolveComponent.ts'
import { viewIdentity } from '../identityView.ts'
import { type Program } from './arbitraryPrograms.ts'
import { type Scenario } from './identityScenario.ts'
import { resolveAll } from './resolveAll.ts'

/** Everything about everyone that is not history. */
export function stateOf(it: Scenario) {
  const rows = [...it.rows.identifiers.range('', '~')]
  return {
    profiles: Object.fromEntries(rows.map(([id]) => [id, it.profile(id)])),
    conflicts: it.conflicts(),
    shared: rows.filter(([, row]) => row.standing === 'shared').map(([id]) => id),
    blocked: rows.filter(([, row]) => row.standing === 'blocked').map(([id]) => id),
  }
}

export function oracleOf(program: Program) {
  const resolved = resolveAll([{ kind: 'rules', rules: program.rules, configOffset: 0 }, ...program.inputs])
  return {
    profiles: Object.fromEntries(resolved.profiles),
    conflicts: [...resolved.conflicts].sort(),
    shared: [...resolved.shared].sort(),
    blocked: [...resolved.blocked].sort(),
  }
}

/** What resolving everyone anew gives, beside what is kept. */
export function expectKeptAsRecomputed(it: Scenario): void {
  const view = viewIdentity(it.rows)
  const ids = [...it.rows.identifiers.range('', '~')].map(([id]) => id)
  const { conflicts, clusters } = resolveComponent(view.componentOf(ids), view.rules)
  const keptConflicts = Object.fromEntries(it.rows.conflicts.range('', '~'))
  expect(keptConflicts).toEqual(
    Object.fromEntries(conflicts.map((each) => [`${each.link.a.id}|${each.link.b.id}`, each])),
  )
  const rows = Object.fromEntries(it.rows.clusters.range('', '~'))
  const worthARow = clusters.filter((each) => each.members.length > 1 || each.lastConflict)
  expect(Object.fromEntries(Object.entries(rows).map(([id, row]) => [id, row.counts]))).toEqual(
    Object.fromEntries(worthARow.map((each) => [each.members[0]!.id, Object.fromEntries(each.counts)])),
  )
  // The places may be later than they need be, never earlier; whether there is a conflict must be known.
  const tooEarly = (kept: LinkPlace | undefined, least: LinkPlace | undefined): boolean =>
    least !== undefined && (kept === undefined || comparePlaces(kept, least, view.rules) < 0)
  const wrong = worthARow.filter(({ members, lastAccepted, lastConflict, separated }) => {
    const row = rows[members[0]!.id]!
    return (
      (row.lastConflict === undefined) !== (lastConflict === undefined) ||
      tooEarly(row.lastAccepted, lastAccepted) ||
      tooEarly(row.lastConflict, lastConflict) ||
      (separated && !row.separated)
    )
  })
  expect(wrong).toEqual([])
  const judged = viewIdentity(it.rows)
  judged.judgeAgain(ids)
  const linked = ids.filter((id) => judged.learned(id) && it.rows.identifiers.get(id)!.standing === 'linked')
  const learnedOf = (id: string, from: Pick<Learned, 'seenWith' | 'evidenceRows'>) => [
    id,
    from.seenWith,
    from.evidenceRows,
  ]
  expect(linked.map((id) => learnedOf(id, it.rows.identifiers.get(id)!))).toEqual(
    linked.map((id) => learnedOf(id, judged.learned(id)!)),
  )
}
