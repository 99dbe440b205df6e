/**
 * What changed rules would do to everyone known, found out without changing anything.
 *
 *  P1. Whoever one change of somebody's standing or of a limit may touch together is looked at together, with the code
 *      that carries the change out: what is reported is what would be done.
 *  P2. Such a group is counted once, from its smallest identifier: from any other a smaller one is soon met.
 *  P3. Memory holds one group at a time, the largest samples, and a bounded number of identifiers that are done with.
 *  P4. It proceeds in steps of one identifier, so that whoever runs it decides how long others wait.
 */
import { type AssignmentChange, type Placement, assignmentChanges } from './assignmentChanges.ts'
import { type EvidenceMember } from './evidence.ts'
import { type Explanation, type ExplanationStep, explainWithin } from './explainIdentity.ts'
import { groupBy } from './groupBy.ts'
import {
  type ProfileName,
  type ReadIdentityRows,
  afterIndexOf,
  profileText,
  sameProfile,
} from './identityState.ts'
import { type IdentityView, rulesInForce, viewIdentity } from './identityView.ts'
import { type PlannedKind, type PlannedMove, type RulesPlan, RulesTally } from './rulesPlan.ts'
import { exploreAffected, placementsOf } from './resolveAffected.ts'
import { type ResolvedComponent, resolveComponent } from './resolveComponent.ts'
import { type ResolverRules, readyRules } from './resolverRules.ts'

/** No record brings rules under this version, so every standing is judged anew. */
const PROPOSED_VERSION = -3
/**
 * 20,000 identifiers in one group: a value that joins the 5,000 it may at most, with three identifiers each, has 15,000,
 * and the longest step of that is 0.12 s of computing.
 */
const MAX_PLANNED_GROUP = 20_000
/** 200,000 identifiers, some 20 MiB, of groups done with are not walked into again. */
const MAX_REMEMBERED = 200_000
/** Identifiers of one sample that are named. */
const MAX_NAMED = 10

export interface PlanRulesOptions {
  /** Samples of each kind, the largest. */
  readonly samples: number
  readonly maxGroup?: number
}

export interface PlanProgress {
  /** Identifiers the walk has passed. */
  readonly lookedAt: number
  /** The identifier it is at. */
  readonly at: string
}

/**
 * `rowsNow`: the rows as they are at the moment; asked again for each group, so each is of one moment, and all of them
 * together are not when others write meanwhile.
 */
export function* planRules(
  rowsNow: () => ReadIdentityRows,
  rules: ResolverRules,
  options: PlanRulesOptions,
): Generator<PlanProgress, RulesPlan> {
  const tally = new RulesTally(options.samples)
  const done = new Set<string>()
  const cache = { version: PROPOSED_VERSION, ready: readyRules(rules), shared: new Set<string>() }
  const progress = { lookedAt: 0, at: '' }
  for (;;) {
    const id = identifierAfter(rowsNow(), progress.at)
    if (id === undefined) return tally.plan(progress.lookedAt)
    progress.at = id
    progress.lookedAt++
    yield progress
    if (done.delete(id)) continue
    const rows = underRules(rowsNow(), rules)
    const view = viewIdentity(rows, cache)
    const group = yield* explore(view, id, done, options.maxGroup ?? MAX_PLANNED_GROUP, progress)
    if (group.kind === 'counted-elsewhere') continue
    for (const each of group.reached) if (each > id && done.size < MAX_REMEMBERED) done.add(each)
    if (group.kind === 'too-large') tally.addTooLarge(group.reached.size)
    else yield* addGroup(tally, rows, view, group, progress)
  }
}

/**
 * Ids are of one length, and what is about one lies behind its row: a million pieces of evidence about one identifier
 * are not walked over to find the next.
 */
function identifierAfter({ identifiers }: ReadIdentityRows, id: string): string | undefined {
  for (const [next] of identifiers.range(id === '' ? '' : afterIndexOf(id), '~', 1)) return next
  return undefined
}

/** The rows as they would be when the change has only been announced. */
function underRules(rows: ReadIdentityRows, rules: ResolverRules): ReadIdentityRows {
  const proposed = { rules, version: PROPOSED_VERSION, configOffset: rulesInForce(rows).configOffset }
  return { ...rows, rules: { get: () => proposed, range: () => [] } }
}

type Group =
  | { readonly kind: 'counted-elsewhere' }
  | { readonly kind: 'too-large'; readonly reached: ReadonlySet<string> }
  | {
      readonly kind: 'whole'
      readonly reached: ReadonlySet<string>
      readonly placements: readonly Placement[]
      readonly resolved: ResolvedComponent
    }

/** P2. */
function* explore(
  view: IdentityView,
  seed: string,
  done: ReadonlySet<string>,
  maxGroup: number,
  progress: PlanProgress,
): Generator<PlanProgress, Group> {
  const reached = new Set<string>()
  const steps = exploreAffected(view, [seed])
  for (;;) {
    const step = steps.next()
    if (step.done) {
      const { affected, component } = step.value
      yield progress
      const resolved = resolveComponent(component, view.rules)
      yield progress
      return { kind: 'whole', reached, placements: placementsOf(view, affected, resolved), resolved }
    }
    if (step.value < seed || done.has(step.value)) return { kind: 'counted-elsewhere' }
    reached.add(step.value)
    if (reached.size > maxGroup) return { kind: 'too-large', reached }
    yield progress
  }
}

function* addGroup(
  tally: RulesTally,
  rows: ReadIdentityRows,
  view: IdentityView,
  { placements, resolved }: Extract<Group, { kind: 'whole' }>,
  progress: PlanProgress,
): Generator<PlanProgress, void> {
  tally.addPlacements(placements)
  tally.addConflicts(
    placements.reduce((sum, { identifierId }) => sum + (view.row(identifierId)?.conflicts ?? 0), 0),
    new Set(resolved.conflicts.map(({ link }) => `${link.a.id}|${link.b.id}`)).size,
  )
  for (const id of view.changedStandings()) tally.addStanding(view.row(id)!.standing, view.standing(id))
  yield progress
  const moves = movesOf(assignmentChanges(placements), view)
  for (const [kind, all] of groupBy(moves, (each) => each.kind))
    tally.addMoves(
      kind,
      new Set(all.map(({ from }) => profileText(from))).size,
      all.reduce((sum, { identifiers }) => sum + identifiers, 0),
    )
  for (const move of tally.samplesAmong(moves)) {
    yield progress
    tally.addSample({ ...move, because: whyOf(move, rows, view, placements, resolved) })
  }
}

/** The changes of a group by where from and where to, members best first. */
function movesOf(changes: readonly AssignmentChange[], view: IdentityView): readonly PlannedMove[] {
  const moved = changes.filter((each) => each.kind !== 'erase' && !sameProfile(each.from, each.into))
  const pairs = groupBy(moved, ({ kind, from, into }) => `${kind}|${profileText(from)}|${profileText(into)}`)
  return [...pairs.values()].map((all) => {
    const { kind, from, into } = all[0]!
    const members = all.map(({ type, identifierId }) => ({ type, id: identifierId })).sort(view.rules.compare)
    return {
      kind: kind as PlannedKind,
      from,
      into,
      identifiers: members.length,
      members: members.slice(0, MAX_NAMED),
      because: undefined,
    }
  })
}

/**
 * What brings the two together, or stands between one that leaves and the one it leaves; where that one leaves too, what
 * brings them where they go.
 */
function whyOf(
  { kind, from, into, members }: PlannedMove,
  rows: ReadIdentityRows,
  view: IdentityView,
  placements: readonly Placement[],
  resolved: ResolvedComponent,
): Explanation | undefined {
  const named = ({ identifierId }: ProfileName): EvidenceMember | undefined => {
    const row = view.row(identifierId)
    return row && { type: row.type, id: identifierId }
  }
  const [moved, left, goal] = [members[0], named(from), named(into)]
  if (!moved || !left || !goal) return undefined
  const explain = (a: EvidenceMember, b: EvidenceMember) => explainWithin(rows, view, resolved, a, b)
  if (kind !== 'split') return explain(left, goal)
  const explanation = explain(moved, left)
  if (explanation.together) return explain(left, goal)
  if (explanation.steps.length > 0) return explanation
  // Several stand between them, one after another: those that were in the profile until now.
  return { ...explanation, steps: idleIn(from, view, placements, resolved.contested).slice(0, MAX_NAMED) }
}

function idleIn(
  profile: ProfileName,
  view: IdentityView,
  placements: readonly Placement[],
  contested: ReadonlySet<string>,
): readonly ExplanationStep[] {
  return placements.flatMap(({ identifierId: id, type, before }): readonly ExplanationStep[] => {
    if (!sameProfile(before, profile)) return []
    const standing = view.standing(id)
    if (standing === 'linked' && !contested.has(id)) return []
    const member = { type, id }
    return [{ kind: standing === 'linked' ? 'contested' : standing, member, seenWith: undefined }]
  })
}
