import { type EvidenceMember } from './evidence.ts'
import { type EvidenceRow, type IdentifierRow } from './identityState.ts'
import { MAX_EVIDENCE_ROWS, type ReadyRules, type ResolverTypeRule } from './resolverRules.ts'

/** What the evidence of a weak identifier says about whether it is shared. */
export interface Learned {
  readonly shared: boolean
  /** Known users it was seen with, sorted; empty once it is shared. */
  readonly seenWith: readonly string[]
  /** Evidence it is in; 0 once it is shared. */
  readonly evidenceRows: number
}

const SHARED: Learned = { shared: true, seenWith: [], evidenceRows: 0 }

/** Judges a weak identifier by all its evidence, each with what is left of its members (V1). */
export function learn(
  identifierId: string,
  rule: ResolverTypeRule,
  rules: ReadyRules,
  evidence: Iterable<readonly [EvidenceRow, readonly EvidenceMember[]]>,
): Learned {
  const users = new Map<string, Set<string>>()
  const sets = new Set<string>()
  let evidenceRows = 0
  for (const [seen, left] of evidence) {
    evidenceRows++
    if (left.length < 2 || !left.some((each) => each.id === identifierId)) continue
    if (addUsers(users, left, rule, rules)) return SHARED
    // What is left of two sets may be the same set: it counts once, as if the blocked had never been seen.
    sets.add(`${left.map((each) => each.id).join(',')}|${seen.class}|${seen.sourceId}`)
    if (sets.size > MAX_EVIDENCE_ROWS) return SHARED
  }
  return { shared: false, seenWith: sortedIds(users), evidenceRows }
}

/**
 * The same after one more piece of evidence, from what the row knows, whose rules must be those in force. Undefined when
 * it could be shared now: then all its evidence has to be looked at.
 */
export function learnMore(
  identifierId: string,
  row: IdentifierRow,
  rules: ReadyRules,
  left: readonly EvidenceMember[],
  typeOf: (identifierId: string) => string,
): Learned | undefined {
  const rule = rules.ruleOf(row.type)
  const evidenceRows = row.evidenceRows + 1
  if (evidenceRows > MAX_EVIDENCE_ROWS) return undefined
  const counts = left.length > 1 && left.some((each) => each.id === identifierId)
  if (!counts || left.every((each) => !rules.ruleOf(each.type).strong || row.seenWith.includes(each.id)))
    return { shared: false, seenWith: row.seenWith, evidenceRows }
  const users = new Map<string, Set<string>>()
  addUsers(
    users,
    row.seenWith.map((id) => ({ id, type: typeOf(id) })),
    rule,
    rules,
  )
  if (addUsers(users, left, rule, rules)) return undefined
  return { shared: false, seenWith: sortedIds(users), evidenceRows }
}

/** 2 known users, the first by id, are remembered where no number of them is too many: two are a contest. */
const REMEMBERED_OF_NEVER_SHARED = 2

/** Adds the known users among the members; whether there are too many now. */
function addUsers(
  users: Map<string, Set<string>>,
  members: readonly EvidenceMember[],
  rule: ResolverTypeRule,
  rules: ReadyRules,
): boolean {
  for (const each of members) {
    if (!rules.ruleOf(each.type).strong) continue
    let known = users.get(each.type)
    if (!known) users.set(each.type, (known = new Set()))
    known.add(each.id)
    if (rule.sharedAfter > 0 && known.size > rule.sharedAfter) return true
    if (rule.sharedAfter === 0 && known.size > REMEMBERED_OF_NEVER_SHARED) known.delete(last(known))
  }
  return false
}

function sortedIds(users: ReadonlyMap<string, ReadonlySet<string>>): readonly string[] {
  return [...users.values()].flatMap((each) => [...each]).sort()
}

function last(ids: ReadonlySet<string>): string {
  let found = ''
  for (const each of ids) if (each > found) found = each
  return found
}
