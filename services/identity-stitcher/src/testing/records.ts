/** Records of the inputs, as tests write them. */
import { textDigest } from '@tributary/contracts'
import { Event, EventRecord, EventType } from '@tributary/contracts/generated/tributary/event/v1/event'
import { EvidenceRecord } from '@tributary/contracts/generated/tributary/identity/v1/evidence'
import { type Evidence, type Fact, type ResolverRules, erasureFactId, evidenceId } from '@tributary/domain'
import { evidenceMessage, factMessage, rulesMessage } from '../evidenceMessages.ts'

const types: { readonly [letter: string]: string } = {
  u: 'user_id',
  e: 'email',
  a: 'anonymous_id',
}

/** "u1": an id of 32 hexadecimal digits, as hashes have, that is the same each time. */
export function idOf(name: string): string {
  return textDigest(name)
}

export function memberOf(name: string): { type: string; id: string } {
  return { type: types[name[0]!] ?? 'other', id: idOf(name) }
}

export function eventRecord(names: readonly string[], more: Partial<Event> = {}): Uint8Array {
  const identifiers = names.map((name) => ({ ...memberOf(name), value: name }))
  const event = Event.fromPartial({
    messageId: 'm1',
    sourceId: 'web',
    type: EventType.EVENT_TYPE_TRACK,
    timeMs: 1_000,
    receivedTimeMs: 1_000,
    anchor: identifiers[0]?.id ?? 'none',
    identifiers,
    ...more,
  })
  return EventRecord.encode({ record: { $case: 'event', value: event } }).finish()
}

export function evidenceRecord(names: readonly string[], timeMs: number): Uint8Array {
  const members = names.map(memberOf).sort((a, b) => (a.id < b.id ? -1 : 1))
  const evidence: Evidence = {
    id: evidenceId(members, 'co-occurrence', 'web', textDigest),
    class: 'co-occurrence',
    sourceId: 'web',
    members,
    firstTimeMs: timeMs,
    messageId: `m${timeMs}`,
    receivedTimeMs: timeMs,
  }
  return encoded({ $case: 'evidence', value: evidenceMessage(evidence) })
}

export function factRecord(fact: Pick<Fact, 'id' | 'kind' | 'timeMs'>, names: readonly string[]): Uint8Array {
  return encoded({
    $case: 'fact',
    value: factMessage({ ...fact, members: names.map(memberOf), actor: 'operator', reason: 'test' }),
  })
}

/** Of the row of somebody. */
export function erasureRecord(
  name: string,
  erasure: { messageId: string; receivedUntilMs: number },
): Uint8Array {
  const member = memberOf(name)
  const sourceId = 'crm'
  const factId = erasureFactId({ sourceId, messageId: erasure.messageId }, member.id, textDigest)
  return encoded({ $case: 'erasure', value: { factId, member, sourceId, ...erasure } })
}

export function rulesRecord(rules: ResolverRules, configOffset: number): Uint8Array {
  return encoded({ $case: 'rules', value: rulesMessage(rules, configOffset) })
}

function encoded(record: NonNullable<EvidenceRecord['record']>): Uint8Array {
  return EvidenceRecord.encode({ record, stamp: undefined }).finish()
}
