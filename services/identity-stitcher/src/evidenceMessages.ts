/** Between the messages of internal.evidence and what the domain calls evidence, facts and rules. */
import {
  type Erasure as ErasureMessage,
  type Evidence as EvidenceMessage,
  EvidenceClass as ClassMessage,
  type Fact as FactMessage,
  FactKind as KindMessage,
  OwnerPolicy,
  type Rules as RulesMessage,
} from '@tributary/contracts/generated/tributary/identity/v1/evidence'
import type { Erasure, Evidence, EvidenceClass, Fact, FactKind, ResolverRules } from '@tributary/domain'

const classes = {
  'co-occurrence': ClassMessage.EVIDENCE_CLASS_CO_OCCURRENCE,
  identify: ClassMessage.EVIDENCE_CLASS_IDENTIFY,
  alias: ClassMessage.EVIDENCE_CLASS_ALIAS,
  join: ClassMessage.EVIDENCE_CLASS_JOIN,
} as const satisfies Record<EvidenceClass, ClassMessage>

const kinds = {
  join: KindMessage.FACT_KIND_JOIN,
  separate: KindMessage.FACT_KIND_SEPARATE,
  block: KindMessage.FACT_KIND_BLOCK,
  unblock: KindMessage.FACT_KIND_UNBLOCK,
  shared: KindMessage.FACT_KIND_SHARED,
  'not-shared': KindMessage.FACT_KIND_NOT_SHARED,
  retract: KindMessage.FACT_KIND_RETRACT,
  erase: KindMessage.FACT_KIND_ERASE,
} as const satisfies Record<FactKind, KindMessage>

export function classMessage(evidenceClass: EvidenceClass): ClassMessage {
  return classes[evidenceClass]
}

/** Undefined for a class that a newer version has added. */
export function classFrom(message: ClassMessage): EvidenceClass | undefined {
  return (Object.keys(classes) as EvidenceClass[]).find((each) => classes[each] === message)
}

export function evidenceMessage(evidence: Evidence): EvidenceMessage {
  return { ...evidence, class: classes[evidence.class], members: [...evidence.members] }
}

export function evidenceFrom(message: EvidenceMessage): Evidence | undefined {
  const evidenceClass = classFrom(message.class)
  return (
    evidenceClass && {
      id: message.id,
      class: evidenceClass,
      sourceId: message.sourceId,
      members: message.members,
      firstTimeMs: message.firstTimeMs,
      messageId: message.messageId,
      receivedTimeMs: message.receivedTimeMs,
    }
  )
}

export function erasureMessage(erasure: Erasure): ErasureMessage {
  return { ...erasure }
}

/** Undefined when it does not say whom. */
export function erasureFrom(message: ErasureMessage): Erasure | undefined {
  const { member } = message
  return member && { ...message, member }
}

export function factMessage(fact: Fact): FactMessage {
  return { ...fact, kind: kinds[fact.kind], members: [...fact.members], retracts: fact.retracts ?? '' }
}

/** Undefined for a kind that a newer version has added. */
export function factKindFrom(message: KindMessage): FactKind | undefined {
  return (Object.keys(kinds) as FactKind[]).find((each) => kinds[each] === message)
}

export function factFrom(message: FactMessage): Fact | undefined {
  const kind = factKindFrom(message.kind)
  return (
    kind && {
      id: message.id,
      kind,
      members: message.members,
      retracts: message.retracts === '' ? undefined : message.retracts,
      actor: message.actor,
      reason: message.reason,
      timeMs: message.timeMs,
    }
  )
}

export function rulesMessage(rules: ResolverRules, configOffset: number): RulesMessage {
  return {
    configOffset,
    types: [...rules.types],
    owner: rules.owner === 'nobody' ? OwnerPolicy.OWNER_POLICY_NOBODY : OwnerPolicy.OWNER_POLICY_FIRST,
    hash: rules.hash,
    blocked: [...rules.blocked],
  }
}

export function rulesFrom(message: RulesMessage): ResolverRules {
  return {
    types: message.types,
    owner: message.owner === OwnerPolicy.OWNER_POLICY_NOBODY ? 'nobody' : 'first',
    blocked: message.blocked,
    hash: message.hash,
  }
}
