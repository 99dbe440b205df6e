/**
 * One look at the resolver's rows: rows read are remembered for the length of one resolution, nothing is written.
 *
 *  V1. An identifier's standing follows from its own facts, its own evidence, and whether the identifiers seen with
 *      it are blocked or erased. Nothing farther away can change it.
 *  V2. A component is everything reachable through identifiers that link; one that does not link ends the walk. So
 *      a device shared by ten thousand people costs the others nothing.
 */
import { type EvidenceMember } from './evidence.ts'
import { type Fact, isLater } from './fact.ts'
import {
  type EvidenceRow,
  type IdentifierRow,
  type ReadIdentityRows,
  type RulesRow,
  type Standing,
  RULES_KEY,
  indexed,
} from './identityState.ts'
import { type LinkedSet } from './link.ts'
import { toTheEnd } from './toTheEnd.ts'
import { type Learned, learn } from './learn.ts'
import { type Component, type FactPair } from './resolveComponent.ts'
import { type ReadyRules, defaultResolverRules, readyRules } from './resolverRules.ts'

export interface IdentityView {
  readonly rules: ReadyRules
  readonly rulesVersion: number
  row(identifierId: string): IdentifierRow | undefined
  evidence(evidenceId: string): EvidenceRow | undefined
  /** Evidence that an identifier is in and that has not been retracted. */
  activeEvidenceOf(identifierId: string): Iterable<EvidenceRow>
  activeFactsOf(identifierId: string): readonly Fact[]
  isRetracted(fact: Fact): boolean
  /** Members that are neither blocked nor forgotten in this evidence; shared ones are among them. */
  remaining(evidence: EvidenceRow): readonly EvidenceMember[]
  /** As stored, or worked out anew when the stored one is of other rules. */
  standing(identifierId: string): Standing
  /** The stored standings of these are not to be trusted: works them out anew. */
  judgeAgain(identifierIds: Iterable<string>): void
  /** What judging an identifier has found out about it, if it was judged. */
  learned(identifierId: string): Learned | undefined
  /** Identifiers whose standing, as far as it was asked for, is another than the stored one. */
  changedStandings(): ReadonlySet<string>
  /** Identifiers whose stored standing is of other rules, and was asked for. */
  judgedAnew(): ReadonlySet<string>
  /** Evidence as links see it; undefined when fewer than two of its members link. */
  linkedSet(evidence: EvidenceRow): LinkedSet | undefined
  /** Everyone seen together with an identifier, or joined to it by a fact. */
  neighbours(identifierId: string): ReadonlySet<string>
  /** All that may decide about the linking ones among the seeds. */
  componentOf(seeds: Iterable<string>): Component
  /** The same step by step: gives every linking identifier when it is reached, and again while its evidence is read. */
  exploreComponent(seeds: Iterable<string>): Generator<string, Component>
}

/**
 * Keeps rules made ready, as long as their version is the same. `shared`: for many looks under rules that are not in
 * force, which store nothing, identifiers found to be shared by thousands of rows are found so once.
 */
export type RulesCache = { version?: number; ready?: ReadyRules; readonly shared?: Set<string> }

/** 100,000 identifiers, some 10 MiB. */
const MAX_CACHED_SHARED = 100_000

/** 100 pieces of evidence, about a millisecond, between two steps. */
const EVIDENCE_PER_STEP = 100

export function rulesInForce(rows: ReadIdentityRows): RulesRow {
  return (
    rows.rules.get(RULES_KEY) ?? {
      rules: defaultResolverRules,
      version: -1,
      configOffset: -1,
    }
  )
}

export function viewIdentity(rows: ReadIdentityRows, cache: RulesCache = {}): IdentityView {
  const inForce = rulesInForce(rows)
  if (!cache.ready || cache.version !== inForce.version) {
    cache.ready = readyRules(inForce.rules)
    cache.version = inForce.version
  }
  const rules = cache.ready
  const rulesVersion = inForce.version
  const evidenceSeen = new Map<string, EvidenceRow | undefined>()
  const rowsSeen = new Map<string, IdentifierRow | undefined>()
  const standings = new Map<string, Standing>()
  const changed = new Set<string>()
  const anew = new Set<string>()
  const learned = new Map<string, Learned>()

  const row = (identifierId: string): IdentifierRow | undefined => {
    if (!rowsSeen.has(identifierId)) rowsSeen.set(identifierId, rows.identifiers.get(identifierId))
    return rowsSeen.get(identifierId)
  }
  const evidence = (evidenceId: string): EvidenceRow | undefined => {
    if (!evidenceSeen.has(evidenceId)) evidenceSeen.set(evidenceId, rows.evidence.get(evidenceId))
    return evidenceSeen.get(evidenceId)
  }
  const isBlocked = (identifierId: string): boolean =>
    rules.isBlocked(identifierId) || row(identifierId)?.blockedByFact === true
  const isForgotten = (identifierId: string, seen: EvidenceRow): boolean =>
    seen.receivedTimeMs <= (row(identifierId)?.erasedUntilMs ?? -1)
  const remaining = (seen: EvidenceRow): readonly EvidenceMember[] =>
    seen.members.filter((each) => !isBlocked(each.id) && !isForgotten(each.id, seen))

  function* activeEvidenceOf(identifierId: string): Iterable<EvidenceRow> {
    for (const evidenceId of indexed(rows.evidenceOf, identifierId)) {
      const seen = evidence(evidenceId)
      if (seen && !seen.retracted) yield seen
    }
  }

  const isRetracted = (fact: Fact): boolean => {
    if (fact.kind === 'erase' || !rows.factsOf.get(fact.id)) return false
    for (const factId of indexed(rows.factsOf, fact.id)) {
      const retraction = rows.facts.get(factId)
      // Only what was said later can retract a fact, so this ends.
      if (retraction?.kind === 'retract' && isLater(retraction, fact) && !isRetracted(retraction)) return true
    }
    return false
  }
  const activeFactsOf = (identifierId: string): readonly Fact[] => {
    if ((row(identifierId)?.facts ?? 0) === 0) return []
    return [...indexed(rows.factsOf, identifierId)]
      .map((factId) => rows.facts.get(factId))
      .filter((fact) => fact !== undefined)
      .filter((fact) => fact.kind !== 'retract' && !isRetracted(fact))
  }

  /** All evidence of an identifier with what is left of it; empty when it has been retracted. */
  function* evidenceWith(identifierId: string): Iterable<readonly [EvidenceRow, readonly EvidenceMember[]]> {
    for (const evidenceId of indexed(rows.evidenceOf, identifierId)) {
      const seen = evidence(evidenceId)
      if (seen) yield [seen, seen.retracted ? [] : remaining(seen)]
    }
  }

  const judge = (identifierId: string): Standing => {
    if (isBlocked(identifierId)) return 'blocked'
    const known = row(identifierId)
    if (!known) return 'linked'
    if (known.sharedByFact) return known.sharedByFact === 'shared' ? 'shared' : 'linked'
    const rule = rules.ruleOf(known.type)
    if (rule.strong) return 'linked'
    if (cache.shared?.has(identifierId)) return 'shared'
    const found = learn(identifierId, rule, rules, evidenceWith(identifierId))
    learned.set(identifierId, found)
    if (found.shared && cache.shared && cache.shared.size < MAX_CACHED_SHARED) cache.shared.add(identifierId)
    return found.shared ? 'shared' : 'linked'
  }
  const note = (identifierId: string, found: Standing): Standing => {
    standings.set(identifierId, found)
    const stored = row(identifierId)
    if (stored && stored.standing !== found) changed.add(identifierId)
    if (stored && stored.rulesVersion !== rulesVersion) anew.add(identifierId)
    return found
  }
  const standing = (identifierId: string): Standing => {
    const known = standings.get(identifierId)
    if (known) return known
    const stored = row(identifierId)
    return note(identifierId, stored?.rulesVersion === rulesVersion ? stored.standing : judge(identifierId))
  }

  const linkedSet = (seen: EvidenceRow): LinkedSet | undefined => {
    // Whoever is blocked now is asked too: a standing that has changed is noticed from either side.
    const members = seen.members.filter(
      (each) => standing(each.id) === 'linked' && !isForgotten(each.id, seen),
    )
    return members.length < 2
      ? undefined
      : { evidenceId: seen.id, class: seen.class, firstTimeMs: seen.firstTimeMs, members }
  }

  function* exploreComponent(seeds: Iterable<string>): Generator<string, Component> {
    const members = new Map<string, EvidenceMember>()
    const sets = new Map<string, LinkedSet>()
    const joins = new Map<string, FactPair>()
    const separations = new Map<string, FactPair>()
    const waiting = [...seeds]
    for (let id = waiting.pop(); id !== undefined; id = waiting.pop()) {
      if (members.has(id) || standing(id) !== 'linked') continue
      const type = row(id)?.type
      if (type === undefined) continue
      members.set(id, { type, id })
      yield id
      let looked = 0
      for (const seen of activeEvidenceOf(id)) {
        if (++looked % EVIDENCE_PER_STEP === 0) yield id
        if (sets.has(seen.id)) continue
        const set = linkedSet(seen)
        if (!set || !set.members.some((each) => each.id === id)) continue
        sets.set(seen.id, set)
        for (const each of set.members) if (!members.has(each.id)) waiting.push(each.id)
      }
      for (const fact of activeFactsOf(id)) {
        if (fact.kind !== 'join' && fact.kind !== 'separate') continue
        const [a, b] = fact.members as readonly [EvidenceMember, EvidenceMember]
        const pair: FactPair = { factId: fact.id, timeMs: fact.timeMs, a: a.id, b: b.id }
        if (fact.kind === 'separate') separations.set(fact.id, pair)
        else {
          joins.set(fact.id, pair)
          waiting.push(a.id, b.id)
        }
      }
    }
    return {
      members: [...members.values()],
      sets: [...sets.values()],
      joins: [...joins.values()],
      separations: [...separations.values()],
    }
  }

  return {
    rules,
    rulesVersion,
    row,
    evidence,
    activeEvidenceOf,
    activeFactsOf,
    isRetracted,
    remaining,
    standing,
    judgeAgain(identifierIds) {
      for (const each of identifierIds) note(each, judge(each))
    },
    changedStandings: () => changed,
    judgedAnew: () => anew,
    learned: (identifierId) => learned.get(identifierId),
    linkedSet,

    neighbours(identifierId) {
      const found = new Set<string>()
      for (const seen of activeEvidenceOf(identifierId)) for (const each of seen.members) found.add(each.id)
      for (const fact of activeFactsOf(identifierId)) {
        if (fact.kind === 'join') for (const each of fact.members) found.add(each.id)
      }
      found.delete(identifierId)
      return found
    },

    componentOf: (seeds) => toTheEnd(exploreComponent(seeds)),
    exploreComponent,
  }
}
