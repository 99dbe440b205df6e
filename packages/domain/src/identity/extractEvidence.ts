import { type Evidence, type EvidenceClass, type EvidenceMember, MAX_EVIDENCE_MEMBERS } from './evidence.ts'

/** What the extraction needs of an accepted event. */
export interface IdentifiedEvent {
  /** "identify" and "alias" matter; every other type is a co-occurrence. */
  readonly type: string
  /** Valid identifiers, strongest first; the first is the anchor. */
  readonly identifiers: readonly EvidenceMember[]
  /** What an alias says the person was called before. */
  readonly previous?: EvidenceMember | undefined
  readonly sourceId: string
  readonly messageId: string
  readonly timeMs: number
  readonly receivedTimeMs: number
  /** Came with a secret key or through Kafka; a public client key may not join known users. */
  readonly trusted: boolean
}

/** Hash of a text as 32 hexadecimal digits. Need not be keyed: what it hashes holds no personal value. */
export type Digest = (text: string) => string

/**
 * The evidence of one event: the whole set of its identifiers when there are two or more, and for an alias the pair
 * of names it joins. An alias from a public key is recorded; a trusted one is a join.
 */
export function extractEvidence(event: IdentifiedEvent, digest: Digest): readonly Evidence[] {
  const found: Evidence[] = []
  const together = distinct(event.identifiers).slice(0, MAX_EVIDENCE_MEMBERS)
  if (together.length >= 2)
    found.push(evidenceOf(event, event.type === 'identify' ? 'identify' : 'co-occurrence', together, digest))

  const { previous } = event
  const named = event.identifiers.find((each) => each.type === previous?.type) ?? event.identifiers[0]
  if (event.type === 'alias' && previous && named && named.id !== previous.id)
    found.push(evidenceOf(event, event.trusted ? 'join' : 'alias', [named, previous], digest))
  return found
}

/** 8 digits, 32 bits: more than there are pages of identifiers. The other 96 bits of an id are a hash. */
const OF_FIRST_MEMBER = 8

/**
 * The id of evidence: the same set, class and source is the same evidence, on every machine and for ever. It begins
 * like its first member, so that the two lie side by side wherever ids are keys.
 */
export function evidenceId(
  members: readonly EvidenceMember[],
  evidenceClass: EvidenceClass,
  sourceId: string,
  digest: Digest,
): string {
  // Source last: it is the only part that could hold the separator.
  const hash = digest(`${members.map((each) => each.id).join(',')}|${evidenceClass}|${sourceId}`)
  const first = members[0]?.id.slice(0, OF_FIRST_MEMBER) ?? ''
  return first + hash.slice(first.length)
}

function evidenceOf(
  event: IdentifiedEvent,
  evidenceClass: EvidenceClass,
  unsorted: readonly EvidenceMember[],
  digest: Digest,
): Evidence {
  const members = unsorted
    .map(({ type, id }) => ({ type, id }))
    .sort((a, b) => (a.id < b.id ? -1 : a.id > b.id ? 1 : 0))
  return {
    id: evidenceId(members, evidenceClass, event.sourceId, digest),
    class: evidenceClass,
    sourceId: event.sourceId,
    members,
    firstTimeMs: event.timeMs,
    messageId: event.messageId,
    receivedTimeMs: event.receivedTimeMs,
  }
}

function distinct(members: readonly EvidenceMember[]): readonly EvidenceMember[] {
  return members.filter((each, index) => members.findIndex((other) => other.id === each.id) === index)
}
