/**
 * What is known about a destination as a whole, so that one that is down costs a probe now and then instead of the
 * tries of every item. Pure.
 *
 *      open ── ten failures in a row ─────────▶ failing ──┐
 *      open ── 429, or 503 with Retry-After ──▶ waiting ──┤ held until its time has come, then
 *      open ── 401, 403, 404 … ───────────────▶ paused  ──┘ probed: one call at a time
 *        ▲                                                      │ fails: held again (failing: twice as long)
 *        └────────────────────────── delivered ─────────────────┘
 *      any ── 410 ────────────────────────────▶ disabled, until the destination's document changes
 *      any ── a person stops it ──────────────▶ stopped, until a person resumes it, which opens it
 *
 * Invariants:
 *  D1. While held or disabled nothing is sent; when the time has come one call at a time, until one is delivered.
 *  D2. A changed document opens the destination: whoever changed it has reacted.
 *  D3. No row = open without failures, and not stopped.
 *  D4. Each task learns for itself; a process puts together what its tasks know. A delivery after a row was written
 *      proves a failing or paused one wrong; what the destination asked for (waiting, disabled) holds in any case.
 *  D5. Stopped holds beside the mode, whatever is answered and whichever document comes.
 */
import type { Classified } from './classify.ts'

export type DestinationMode = 'open' | 'failing' | 'waiting' | 'paused' | 'disabled' | 'stopped'

/** D5. */
export interface Stopped {
  readonly actor: string
  readonly reason: string
  /** Ms since 1970. */
  readonly sinceMs: number
}

export interface DestinationState {
  readonly mode: Exclude<DestinationMode, 'stopped'>
  /** Failures in a row, of any item. */
  readonly failures: number
  /** Nothing is sent before, ms since 1970. */
  readonly heldUntilMs: number
  /** When it was learned. */
  readonly sinceMs: number
  /** Why; empty when open. */
  readonly code: string
  /** Hash of the Destination document this was learned under. */
  readonly document: string
  readonly stopped?: Stopped
}

/** A handful of items may fail for reasons of their own; ten in a row without any success do not. */
const BREAKER_FAILURES = 10
const BREAKER_FIRST_MS = 5_000
/** Five minutes: a destination that comes back gets its deliveries soon, one that does not costs 288 calls a day. */
const BREAKER_MAX_MS = 5 * 60_000
/** Somebody has to repair a credential; when that happens at the other side nobody tells us, so it is tried. */
const PAUSE_PROBE_MS = 5 * 60_000

/** The state after a person has stopped it (D5). */
export function stopped(state: DestinationState | undefined, by: Stopped): DestinationState {
  return { ...(state ?? open('', by.sinceMs)), stopped: by }
}

function open(document: string, sinceMs: number): DestinationState {
  return { mode: 'open', failures: 0, heldUntilMs: 0, sinceMs, code: '', document }
}

/** The state after one answer; undefined = no row (D3). */
export function afterAnswer(
  state: DestinationState | undefined,
  classified: Classified,
  nowMs: number,
  document: string,
): DestinationState | undefined {
  const learned = afterTry(state, classified, nowMs, document)
  // D5: it answers a call that was already under way.
  return state?.stopped ? { ...(learned ?? open(document, nowMs)), stopped: state.stopped } : learned
}

function afterTry(
  state: DestinationState | undefined,
  classified: Classified,
  nowMs: number,
  document: string,
): DestinationState | undefined {
  const before = state?.document === document ? state : undefined // D2
  // Nothing is sent while disabled, so this answers a call that was already under way.
  if (before?.mode === 'disabled') return before
  const failures = (before?.failures ?? 0) + 1
  const { code, verdict } = classified
  const learned = { sinceMs: nowMs, code, document }
  switch (verdict) {
    case 'delivered':
    case 'item': // It answered, so it is up.
      return before?.mode === 'waiting' && before.heldUntilMs > nowMs ? before : undefined
    case 'retry': {
      if (before && before.mode !== 'open' && before.heldUntilMs > nowMs) return before
      const over = failures - BREAKER_FAILURES
      if (over < 0) {
        return { ...learned, mode: 'open', failures, heldUntilMs: 0, code: '' }
      }
      const heldUntilMs = nowMs + Math.min(BREAKER_MAX_MS, BREAKER_FIRST_MS * 2 ** over)
      return { ...learned, mode: 'failing', failures, heldUntilMs }
    }
    case 'wait': {
      const asked = nowMs + (classified.retryAfterMs ?? BREAKER_FIRST_MS)
      const heldUntilMs = Math.max(asked, before?.mode === 'waiting' ? before.heldUntilMs : 0)
      return { ...learned, mode: 'waiting', failures: failures - 1, heldUntilMs }
    }
    case 'pause':
      return { ...learned, mode: 'paused', failures, heldUntilMs: nowMs + PAUSE_PROBE_MS }
    case 'disable':
      break
  }
  return { ...learned, mode: 'disabled', failures, heldUntilMs: 0 }
}

export type Admission =
  /** As many as the limits allow. */
  | { readonly kind: 'open' }
  /** One at a time (D1). */
  | { readonly kind: 'probe' }
  | { readonly kind: 'held'; readonly mode: DestinationMode; readonly code: string }

/** Whether a process may send now, from what its tasks know (D4). */
export function admission(
  states: readonly DestinationState[],
  nowMs: number,
  document: string,
  lastDeliveredMs: number,
): Admission {
  if (states.some((state) => state.stopped))
    return { kind: 'held', mode: 'stopped', code: 'STOPPED_BY_PERSON' } // D5
  let probe = false
  for (const { mode, code, heldUntilMs, sinceMs, document: learnedUnder } of states) {
    if (learnedUnder !== document || mode === 'open') continue // D2
    if (mode === 'disabled') return { kind: 'held', mode, code }
    if (mode !== 'waiting' && sinceMs < lastDeliveredMs) continue // D4
    if (heldUntilMs > nowMs) return { kind: 'held', mode, code }
    if (sinceMs >= lastDeliveredMs) probe = true
  }
  return probe ? { kind: 'probe' } : { kind: 'open' }
}
