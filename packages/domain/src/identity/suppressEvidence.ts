import { type Evidence, isEarlier } from './evidence.ts'

/** What an extractor remembers of evidence it has sent on. Only a cache: the resolver joins sightings itself. */
export interface SentEvidence {
  readonly firstTimeMs: number
  readonly messageId: string
  /** Time of receipt of the latest sighting that was sent on. */
  readonly receivedTimeMs: number
}

/** 24 hours: seen again after that it is sent on again, so that what an erasure forgot elsewhere heals within a day. */
export const SEEN_AGAIN_MS = 24 * 3_600_000

/**
 * Whether evidence is sent on, given what was sent before: when it is new, when its first time falls, and at most
 * once a day when it is seen again, or when the anchor was erased since. Gives what to remember when it is; undefined when it is not, and nothing changes.
 * `erasedUntilMs`: what was received until then has been forgotten of its anchor; −1 when never.
 */
export function sendOn(
  sent: SentEvidence | undefined,
  seen: Evidence,
  erasedUntilMs: number,
): SentEvidence | undefined {
  if (!sent)
    return {
      firstTimeMs: seen.firstTimeMs,
      messageId: seen.messageId,
      receivedTimeMs: seen.receivedTimeMs,
    }
  const earlier = isEarlier(seen, sent)
  const forgotten = sent.receivedTimeMs <= erasedUntilMs && seen.receivedTimeMs > erasedUntilMs
  if (!earlier && !forgotten && seen.receivedTimeMs < sent.receivedTimeMs + SEEN_AGAIN_MS) return undefined
  const first = earlier ? seen : sent
  return {
    firstTimeMs: first.firstTimeMs,
    messageId: first.messageId,
    receivedTimeMs: Math.max(sent.receivedTimeMs, seen.receivedTimeMs),
  }
}
