/**
 * The erasure that a deleted row asks for.
 *
 *  R1. It is about one person: the profile that the strongest identifier of the row belongs to when the resolver reads
 *      it. What else stands in the row may be somebody else's.
 *  R2. The same deletion read twice is one erasure: the ids of its facts are made of source, message and anchor.
 *  R3. What was received before it is forgotten, never what came after: a row may be inserted again at once.
 */
import { type EvidenceMember } from './evidence.ts'
import { type IdentifiedEvent, type Digest } from './extractEvidence.ts'
import { type Fact } from './fact.ts'
import { type ReadIdentityRows, indexed, profileOf } from './identityState.ts'

export interface Erasure {
  readonly factId: string
  /** The strongest identifier of the row. */
  readonly member: EvidenceMember
  readonly sourceId: string
  readonly messageId: string
  /** What was received until then is forgotten, ms since 1970. */
  readonly receivedUntilMs: number
}

const PREFIX = 'erase:'

/** Identifiers of one fact, at most: some 60 KiB. A person has a handful; the rest of a thicket comes in facts of its own. */
const MAX_FACT_MEMBERS = 1_000

/** R2. */
export function erasureFactId(
  { sourceId, messageId }: Pick<IdentifiedEvent, 'sourceId' | 'messageId'>,
  anchorId: string,
  digest: Digest,
): string {
  return PREFIX + digest([anchorId, messageId, sourceId].join('|'))
}

/** Whether the fact is of a deleted row. */
export function isRowErasure(factId: string): boolean {
  return factId.startsWith(PREFIX)
}

/**
 * What an event asks for that says a row is gone; undefined without an identifier. `appendedMs`: when the log took it. A
 * producer's clock that is ahead must not erase what is yet to come.
 */
export function erasureOf(event: IdentifiedEvent, appendedMs: number, digest: Digest): Erasure | undefined {
  const [anchor] = event.identifiers
  if (!anchor) return undefined
  const { sourceId, messageId, receivedTimeMs } = event
  return {
    factId: erasureFactId(event, anchor.id, digest),
    member: { type: anchor.type, id: anchor.id },
    sourceId,
    messageId,
    // R3. Two changes of one transaction have one time.
    receivedUntilMs: Math.min(receivedTimeMs, appendedMs) - 1,
  }
}

/** R1. The facts to be resolved, the first about the identifier itself; none when it is known already. */
export function erasureFacts(rows: ReadIdentityRows, erasure: Erasure): readonly Fact[] {
  const { factId, member, sourceId, receivedUntilMs } = erasure
  if (rows.facts.get(factId)) return []
  const profile = profileOf(member.id, rows.identifiers.get(member.id))
  const others = [...indexed(rows.membersOf, profile.identifierId)].flatMap((id) => {
    const row = rows.identifiers.get(id)
    return row && id !== member.id ? [{ type: row.type, id }] : []
  })
  const everyone = [member, ...others]
  const facts: Fact[] = []
  for (let from = 0; from < everyone.length; from += MAX_FACT_MEMBERS)
    facts.push({
      id: from === 0 ? factId : `${factId}:${from / MAX_FACT_MEMBERS}`,
      kind: 'erase',
      members: everyone.slice(from, from + MAX_FACT_MEMBERS),
      actor: `source ${sourceId}`,
      reason: 'a row was deleted, and the source says `onDelete: erase`',
      timeMs: receivedUntilMs,
    })
  return facts
}
