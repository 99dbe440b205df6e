import type {
  GetIdentityResponse,
  SeenTogether,
  StatedFact,
} from '@tributary/contracts/generated/tributary/identity/v1/identity_service'
import {
  type Conflict,
  type EvidenceRow,
  type Fact,
  type IdentityView,
  type NameOf,
  type ReadIdentityRows,
  indexed,
} from '@tributary/domain'
import { classMessage, factMessage } from '../evidenceMessages.ts'
import { answerResolve } from './answerResolve.ts'
import { byId, conflictReport, memberMessage } from './conflictReport.ts'
import type { Asked } from './readRef.ts'

/** 200 of a kind are more than anybody reads; what is read to find them is bounded too. */
const MAX_SHOWN = 200
const MAX_READ = 5_000

/** A profile with everything it comes from. Who is shared or blocked is shown with its own evidence. */
export function answerIdentity(
  rows: ReadIdentityRows,
  view: IdentityView,
  asked: Asked,
): GetIdentityResponse {
  const nameOf: NameOf = (member) =>
    member.id === asked.member.id ? (asked.name ?? byId(member)) : byId(member)
  const [identity] = answerResolve(rows, view, [asked])
  const ids = (identity?.members ?? []).map((each) => each.identifierId)
  const gathered = gather(rows, view, ids.length > 0 ? ids : [asked.member.id])
  const evidence = [...gathered.evidence.values()].sort(
    (a, b) => a.firstTimeMs - b.firstTimeMs || (a.id < b.id ? -1 : 1),
  )
  const facts = [...gathered.facts.values()].sort((a, b) => a.timeMs - b.timeMs || (a.id < b.id ? -1 : 1))
  const conflicts = [...gathered.conflicts.values()]
  return {
    identity,
    evidence: evidence.slice(0, MAX_SHOWN).map(evidenceFrom),
    facts: facts.slice(0, MAX_SHOWN).map((fact) => factFrom(fact, view.isRetracted(fact))),
    conflicts: conflicts.slice(0, MAX_SHOWN).map((each) => conflictReport(rows, view, each, nameOf)),
    more: gathered.more || [evidence, facts, conflicts].some((each) => each.length > MAX_SHOWN),
  }
}

function gather(rows: ReadIdentityRows, view: IdentityView, ids: readonly string[]) {
  const evidence = new Map<string, EvidenceRow>()
  const facts = new Map<string, Fact>()
  const conflicts = new Map<string, Conflict>()
  let left = MAX_READ
  for (const id of ids) {
    for (const evidenceId of indexed(rows.evidenceOf, id, left)) {
      left--
      const seen = view.evidence(evidenceId)
      if (!seen) continue
      evidence.set(evidenceId, seen)
      addFacts(facts, rows, evidenceId)
      // A conflict lies at the better end of its link, which may be somebody else's.
      for (const a of seen.members)
        for (const b of seen.members) {
          const conflict = a.id === id || b.id === id ? rows.conflicts.get(`${a.id}|${b.id}`) : undefined
          if (conflict) conflicts.set(`${a.id}|${b.id}`, conflict)
        }
    }
    for (const factId of addFacts(facts, rows, id)) {
      const [a, b] = facts.get(factId)!.members.map((each) => each.id)
      for (const key of [`${a}|${b}`, `${b}|${a}`]) {
        const conflict = rows.conflicts.get(key)
        if (conflict) conflicts.set(key, conflict)
      }
    }
  }
  return { evidence, facts, conflicts, more: left <= 0 }
}

/** What operators have said about an identifier, a piece of evidence or a fact, and what took it back. */
function addFacts(facts: Map<string, Fact>, rows: ReadIdentityRows, about: string): readonly string[] {
  const added: string[] = []
  for (const factId of indexed(rows.factsOf, about, MAX_SHOWN)) {
    const fact = facts.has(factId) ? undefined : rows.facts.get(factId)
    if (!fact) continue
    facts.set(factId, fact)
    added.push(factId, ...addFacts(facts, rows, factId))
  }
  return added
}

function evidenceFrom(seen: EvidenceRow): SeenTogether {
  return {
    evidenceId: seen.id,
    class: classMessage(seen.class),
    sourceId: seen.sourceId,
    messageId: seen.messageId,
    firstTime: new Date(seen.firstTimeMs),
    members: seen.members.map(memberMessage),
    retracted: seen.retracted,
  }
}

function factFrom(fact: Fact, retracted: boolean): StatedFact {
  return {
    factId: fact.id,
    kind: factMessage(fact).kind,
    members: fact.members.map(memberMessage),
    retracts: fact.retracts ?? '',
    actor: fact.actor,
    reason: fact.reason,
    time: new Date(fact.timeMs),
    retracted,
  }
}
