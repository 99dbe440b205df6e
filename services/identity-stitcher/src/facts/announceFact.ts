/**
 * A submitted fact becomes a record of internal.facts, which keeps its values, and one of internal.evidence, from which
 * the resolver reads it back in its place among all other inputs.
 *
 *  F1. Both records are of one transaction of the resolver's task: there is never the one without the other.
 *     So with a fact that an erasure becomes: the erasure stands in internal.evidence, the fact in internal.facts.
 *  F2. What is known already is not sent again, so a fact may be submitted again when its answer was lost.
 */
import { topics } from '@tributary/contracts'
import {
  EvidenceRecord,
  FactRecord,
  type FactSubject,
} from '@tributary/contracts/generated/tributary/identity/v1/evidence'
import type { Fact } from '@tributary/domain'
import type { StepContext } from '@tributary/stream-runtime'
import { factMessage } from '../evidenceMessages.ts'
import { identityRows } from '../resolver/identityTables.ts'

export interface SubmittedFact {
  readonly fact: Fact
  /** In the order of its members, with what they are called. */
  readonly subjects: readonly FactSubject[]
}

export function announceFact(context: StepContext, { fact, subjects }: SubmittedFact): void {
  if (identityRows(context).facts.get(fact.id)) return
  keepFact(context, fact, subjects)
  context.send({
    topic: topics.evidence,
    partition: 0,
    key: fact.id,
    value: EvidenceRecord.encode({
      record: { $case: 'fact', value: factMessage(fact) },
      stamp: undefined,
    }).finish(),
  })
}

/** Writes a fact down for good. `subjects`: in the order of its members. */
export function keepFact(context: StepContext, fact: Fact, subjects: readonly FactSubject[]): void {
  context.send({
    topic: topics.facts,
    partition: 0,
    key: fact.id,
    value: FactRecord.encode({ fact: factMessage(fact), subjects: [...subjects] }).finish(),
  })
}
