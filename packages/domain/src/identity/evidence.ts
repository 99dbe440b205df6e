/**
 * Evidence: a whole set of identifiers seen together, of one class, from one source, with its first time.
 *
 *  E1. Evidence is a set: the same (members, class, source) is one piece of evidence however often it is seen, and
 *      two sightings join by minimum of (time, message id) and maximum of the time of receipt. So order, duplicates
 *      and batches cannot matter.
 *  E2. The whole set is kept, never pairs: when one member stops linking, the others are still together.
 */

/** An identifier as evidence holds it: never its value. */
export interface EvidenceMember {
  readonly type: string
  /** Identifier id: a keyed hash. */
  readonly id: string
}

/** Weakest first: a stronger class is considered before a weaker one, whatever their times. */
export const evidenceClasses = ['co-occurrence', 'identify', 'alias', 'join'] as const
export type EvidenceClass = (typeof evidenceClasses)[number]

export interface Evidence {
  /** Hash of the sorted identifier ids, class and source, begun like the first of the ids (extractEvidence.ts). */
  readonly id: string
  readonly class: EvidenceClass
  readonly sourceId: string
  /** 2 to 20 identifiers, sorted by id. */
  readonly members: readonly EvidenceMember[]
  /** Earliest event time, ms since 1970, and the message that had it. */
  readonly firstTimeMs: number
  readonly messageId: string
  /** When it was last received, ms since 1970. */
  readonly receivedTimeMs: number
}

/** Most identifiers in one set: the limit of identifiers per event. */
export const MAX_EVIDENCE_MEMBERS = 20

/** Strength of a class as a number; larger is stronger. */
export function classStrength(evidenceClass: EvidenceClass): number {
  return evidenceClasses.indexOf(evidenceClass)
}

/** Whether the first sighting of `a` is earlier than that of `b`, ties broken by message id. */
export function isEarlier(
  a: Pick<Evidence, 'firstTimeMs' | 'messageId'>,
  b: Pick<Evidence, 'firstTimeMs' | 'messageId'>,
): boolean {
  return a.firstTimeMs < b.firstTimeMs || (a.firstTimeMs === b.firstTimeMs && a.messageId < b.messageId)
}

/** Two sightings of one piece of evidence as one (E1). */
export function joinSightings(a: Evidence, b: Evidence): Evidence {
  const first = isEarlier(b, a) ? b : a
  return {
    ...a,
    firstTimeMs: first.firstTimeMs,
    messageId: first.messageId,
    receivedTimeMs: Math.max(a.receivedTimeMs, b.receivedTimeMs),
  }
}
