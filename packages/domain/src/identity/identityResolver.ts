/**
 * The resolver: takes evidence, facts and rules one after another and says whose assignment changed.
 *
 *  S1. After every input, the assignments are those of resolving everything seen so far at once (while a change of
 *      the rules is still being carried out: for what has been looked at since).
 *  S2. What an input can change lies in the components of what it names, and of the neighbours of whatever changed
 *      its standing by it. Only those are resolved again.
 *  S3. Everyone has one profile: an identifier that does not link has its own.
 *  S4. New evidence is resolved by itself where that gives the same (appendEvidence.ts), evidence that comes late from
 *      the clusters around it (resolveNearby.ts); everything else walks through the components it touches.
 */
import { appendEvidence, isOrderIndifferent } from './appendEvidence.ts'
import { type Evidence, MAX_EVIDENCE_MEMBERS, joinSightings } from './evidence.ts'
import { type Fact, declared, factProblem, isLater } from './fact.ts'
import {
  ANY_RETRACTION,
  type IdentityRows,
  RULES_KEY,
  WALK_KEY,
  indexKey,
  indexed,
  newIdentifierRow,
} from './identityState.ts'
import { type RulesCache, rulesInForce, viewIdentity } from './identityView.ts'
import { type BlockSaid, type Resolution, nothing, resolveAffected } from './resolveAffected.ts'
import { resolveNearby } from './resolveNearby.ts'
import { type ResolverRules } from './resolverRules.ts'

export interface IdentityResolver {
  evidence(seen: Evidence): Resolution
  fact(fact: Fact): Resolution
  /** `version`: offset of the record; `configOffset`: of the revision it is from. Older ones are ignored. */
  rules(rules: ResolverRules, version: number, configOffset: number): Resolution
  /** Whether a change of the rules has not been carried out for everyone yet. */
  isWalking(): boolean
  /** Looks at up to so many identifiers under changed rules; `lookedAt`: how many the walk has looked at until then. */
  walk(limit: number): Resolution & { readonly lookedAt: number }
}

export function createIdentityResolver(rows: IdentityRows, cache: RulesCache = {}): IdentityResolver {
  const ensureIdentifiers = (members: Evidence['members']): void => {
    for (const each of members)
      if (!rows.identifiers.get(each.id)) rows.identifiers.put(each.id, newIdentifierRow(each))
  }

  /** Facts about an identifier have changed: its row says again what they say. */
  const declareAgain = (identifierId: string, heard: BlockSaid[]): void => {
    const row = rows.identifiers.get(identifierId)
    if (!row) return
    const said = declared(viewIdentity(rows, cache).activeFactsOf(identifierId))
    if (said.blocked !== row.blockedByFact)
      heard.push({ identifierId, type: row.type, blocked: said.blocked })
    rows.identifiers.put(identifierId, {
      ...row,
      blockedByFact: said.blocked,
      sharedByFact: said.shared,
      erasedUntilMs: said.erasedUntilMs,
    })
  }

  /** The effect of a fact that has come or gone; what it touches. */
  const reconsider = (fact: Fact, heard: BlockSaid[]): { touched: Set<string>; recheck: Set<string> } => {
    const touched = new Set(fact.members.map((each) => each.id))
    const recheck = new Set<string>()
    switch (fact.kind) {
      case 'join':
      case 'separate':
        break
      case 'shared':
      case 'not-shared':
        for (const id of touched) {
          declareAgain(id, heard)
          recheck.add(id)
        }
        break
      case 'block':
      case 'unblock':
      case 'erase':
        for (const { id } of fact.members) {
          declareAgain(id, heard)
          recheck.add(id)
          // V1: who has been seen with it may be judged differently now.
          for (const each of viewIdentity(rows, cache).neighbours(id)) {
            touched.add(each)
            recheck.add(each)
          }
        }
        break
      case 'retract': {
        const target = fact.retracts ?? ''
        const retracted = rows.facts.get(target)
        // It counts for what was said before it only (F3), so this ends.
        if (retracted) return isLater(fact, retracted) ? reconsider(retracted, heard) : { touched, recheck }
        const seen = rows.evidence.get(target)
        if (!seen) break
        rows.evidence.put(target, { ...seen, retracted: isEvidenceRetracted(target) })
        for (const each of seen.members) {
          touched.add(each.id)
          recheck.add(each.id)
        }
        break
      }
    }
    return { touched, recheck }
  }
  const isEvidenceRetracted = (evidenceId: string): boolean => {
    if (!rows.factsOf.get(ANY_RETRACTION) || !rows.factsOf.get(evidenceId)) return false
    const view = viewIdentity(rows, cache)
    return [...indexed(rows.factsOf, evidenceId)].some((factId) => {
      const fact = rows.facts.get(factId)
      return fact?.kind === 'retract' && !view.isRetracted(fact)
    })
  }

  const resolve = (touched: Iterable<string>, recheck: Iterable<string>): Resolution =>
    resolveAffected(rows, viewIdentity(rows, cache), touched, recheck)

  return {
    evidence(seen) {
      if (seen.members.length < 2 || seen.members.length > MAX_EVIDENCE_MEMBERS)
        return nothing(`evidence of ${seen.members.length} identifiers`)
      const known = rows.evidence.get(seen.id)
      const joined = known ? joinSightings(known, seen) : seen
      if (known && sameSighting(known, joined)) return nothing('known')
      ensureIdentifiers(seen.members)
      const retracted = known?.retracted ?? isEvidenceRetracted(seen.id)
      rows.evidence.put(seen.id, { ...joined, retracted })
      if (!known) for (const each of seen.members) rows.evidenceOf.put(indexKey(each.id, seen.id), true)

      const remembered = known && seen.members.some((each) => isRemembered(rows, each.id, known, joined))
      if (known && (retracted || (known.firstTimeMs === joined.firstTimeMs && !remembered))) return nothing()
      // S4
      const view = viewIdentity(rows, cache)
      if (known && !remembered && isOrderIndifferent(rows, view, { ...joined, retracted })) return nothing()
      const row = { ...joined, retracted }
      const appended = known || retracted ? undefined : appendEvidence(rows, view, row)
      if (appended) return appended
      const nearby = remembered || retracted ? undefined : resolveNearby(rows, view, row, known)
      if (nearby) return nearby
      // More evidence never makes a shared identifier less so: those need no second look.
      const recheck = seen.members.filter((each) => rows.identifiers.get(each.id)?.standing !== 'shared')
      return resolve(
        seen.members.map((each) => each.id),
        recheck.map((each) => each.id),
      )
    },

    fact(fact) {
      if (rows.facts.get(fact.id)) return nothing('known')
      const problem = factProblem(fact)
      if (problem) return nothing(problem)
      rows.facts.put(fact.id, fact)
      ensureIdentifiers(fact.members)
      if (fact.kind === 'retract') {
        const target = fact.retracts ?? ''
        rows.factsOf.put(ANY_RETRACTION, true)
        rows.factsOf.put(target, true)
        rows.factsOf.put(indexKey(target, fact.id), true)
      }
      for (const { id } of fact.members) {
        rows.factsOf.put(indexKey(id, fact.id), true)
        const row = rows.identifiers.get(id)!
        rows.identifiers.put(id, { ...row, facts: row.facts + 1 })
      }
      const said: BlockSaid[] = []
      const { touched, recheck } = reconsider(fact, said)
      return { ...resolve(touched, recheck), said }
    },

    rules(given, version, configOffset) {
      const before = rulesInForce(rows)
      if (configOffset < before.configOffset) return nothing('older rules')
      if (configOffset === before.configOffset && given.hash === before.rules.hash) return nothing('known')
      rows.rules.put(RULES_KEY, { rules: given, version, configOffset })
      rows.walk.put(WALK_KEY, { from: '', lookedAt: 0 })
      return nothing()
    },

    isWalking: () => rows.walk.get(WALK_KEY) !== undefined,

    walk(limit) {
      const walk = rows.walk.get(WALK_KEY)
      if (!walk) return { ...nothing(), lookedAt: 0 }
      const { version } = rulesInForce(rows)
      const next = [...rows.identifiers.range(walk.from, '~', limit)]
      const stale = next.filter(([, row]) => row.rulesVersion !== version).map(([id]) => id)
      const resolution = stale.length > 0 ? resolve(stale, []) : nothing()
      const last = next.at(-1)?.[0]
      const lookedAt = walk.lookedAt + next.length
      if (next.length < limit || last === undefined) rows.walk.delete(WALK_KEY)
      else rows.walk.put(WALK_KEY, { from: `${last}!`, lookedAt })
      return { ...resolution, lookedAt }
    },
  }
}

function sameSighting(a: Evidence, b: Evidence): boolean {
  return (
    a.firstTimeMs === b.firstTimeMs && a.messageId === b.messageId && a.receivedTimeMs === b.receivedTimeMs
  )
}

/** Whether evidence that an erasure forgot for an identifier counts again, having been received again. */
function isRemembered(rows: IdentityRows, identifierId: string, before: Evidence, after: Evidence): boolean {
  const until = rows.identifiers.get(identifierId)?.erasedUntilMs ?? -1
  return before.receivedTimeMs <= until && after.receivedTimeMs > until
}
