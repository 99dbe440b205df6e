import { topics } from '@tributary/contracts'
import {
  EvidenceClass,
  type EvidenceMember,
  EvidenceRecord,
  FactKind,
  Rules,
} from '@tributary/contracts/generated/tributary/identity/v1/evidence'
import { array, millis, nullable, string, word } from './columnType.ts'
import { enumWords } from './enumWord.ts'
import { type RowOf, defineLogTable, isUnreadable } from './logTable.ts'
import { placeColumns, placeOf, stampColumns, stampOf } from './place.ts'
import { readProtobuf } from './readValue.ts'

const classWord = enumWords(EvidenceClass, 'EVIDENCE_CLASS_')
const factWord = enumWords(FactKind, 'FACT_KIND_')

const bodyColumns = {
  record: word,
  id: string,
  class: word,
  source: word,
  member_types: array(word),
  member_ids: array(string),
  first_time: nullable(millis),
  message_id: string,
  received: nullable(millis),
  fact: word,
  retracts: string,
  actor: string,
  reason: string,
  fact_time: nullable(millis),
  rules: string,
  rules_hash: word,
}
type Body = RowOf<typeof bodyColumns>

export const evidenceTable = defineLogTable(
  'evidence',
  topics.evidence,
  { ...placeColumns, ...stampColumns, ...bodyColumns },
  (place, record) => {
    const decoded = readProtobuf(record, EvidenceRecord)
    if (isUnreadable(decoded)) return decoded
    const body = bodyOf(decoded)
    if (body === undefined) return { unreadable: 'no evidence, fact or rules: written by a newer version?' }
    return { ...placeOf(place, record), ...stampOf(decoded.stamp), ...body }
  },
)

function bodyOf(decoded: EvidenceRecord): Body | undefined {
  const said = decoded.record
  switch (said?.$case) {
    case 'evidence': {
      const evidence = said.value
      return {
        ...NOTHING,
        record: 'evidence',
        id: evidence.id,
        class: classWord(evidence.class),
        source: evidence.sourceId,
        ...membersOf(evidence.members),
        first_time: evidence.firstTimeMs,
        message_id: evidence.messageId,
        received: evidence.receivedTimeMs,
      }
    }
    case 'fact': {
      const fact = said.value
      return {
        ...NOTHING,
        record: 'fact',
        id: fact.id,
        ...membersOf(fact.members),
        fact: factWord(fact.kind),
        retracts: fact.retracts,
        actor: fact.actor,
        reason: fact.reason,
        fact_time: fact.timeMs,
      }
    }
    case 'erasure': {
      // As the fact it becomes, about the one identifier that it names; the identity changes say who else went.
      const erasure = said.value
      return {
        ...NOTHING,
        record: 'fact',
        id: erasure.factId,
        source: erasure.sourceId,
        ...membersOf(erasure.member ? [erasure.member] : []),
        message_id: erasure.messageId,
        fact: factWord(FactKind.FACT_KIND_ERASE),
        actor: `source ${erasure.sourceId}`,
        fact_time: erasure.receivedUntilMs,
      }
    }
    case 'moved': {
      const { moves } = said.value
      const members = moves.map(({ type, identifierId }) => ({ type, id: identifierId }))
      return { ...NOTHING, record: 'moved', ...membersOf(members) }
    }
    case 'rules': {
      const rules = said.value
      return {
        ...NOTHING,
        record: 'rules',
        ...membersOf(rules.blocked),
        rules: JSON.stringify(Rules.toJSON(rules)),
        rules_hash: rules.hash,
      }
    }
    case undefined:
      return undefined
  }
}

function membersOf(members: readonly EvidenceMember[]) {
  return {
    member_types: members.map((member) => member.type),
    member_ids: members.map((member) => member.id),
  }
}

const NOTHING: Body = {
  record: '',
  id: '',
  class: '',
  source: '',
  member_types: [],
  member_ids: [],
  first_time: undefined,
  message_id: '',
  received: undefined,
  fact: '',
  retracts: '',
  actor: '',
  reason: '',
  fact_time: undefined,
  rules: '',
  rules_hash: '',
}
