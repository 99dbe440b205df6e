/**
 * Looks at the ledger of the last hours every few minutes, and tells Prometheus what is missing or there twice. The
 * owner of the jobs does it, so that it is done once per installation; the whole ledger is `tributary audit`'s.
 *
 * A1. Whoever owns the jobs no longer says nothing: two answers of different age would contradict each other.
 * A2. A log that cannot be asked changes no number; the time of the last check tells how old they are.
 */
import { type RecentLedger } from '@tributary/clickhouse-log'
import { type Metrics } from '@tributary/service-kit'

/** Every five minutes, ms: a loss is seen within ten, and the server hardly notices. */
export const LEDGER_CHECK_MS = 300_000
/** Window, ms: longer than any writer is behind without an alert of its own, short enough to read in a second. */
const WINDOW_MS = 3 * 3_600_000

export interface LedgerCheckOptions {
  readonly metrics: Metrics
  /** Whether this instance owns the jobs. */
  readonly isOwner: () => boolean
  /** The ledger since a time, ms since 1970. */
  readonly measure: (sinceMs: number) => Promise<readonly RecentLedger[]>
  readonly nowMs: () => number
  readonly onFailure: (error: unknown) => void
}

export interface LedgerCheck {
  /** Checks, unless a check is under way or it is somebody else's to do. */
  wake(): Promise<void>
}

export function createLedgerCheck(options: LedgerCheckOptions): LedgerCheck {
  const { metrics, isOwner, measure, nowMs, onFailure } = options
  const missing = metrics.gauge(
    'ledger_missing_records',
    'Records of the last hours that should be in the event log and are not',
    ['topic'],
  )
  const doubled = metrics.gauge(
    'ledger_doubled_records',
    'Records of the last hours that are in the event log more than once',
    ['topic'],
  )
  const checked = metrics.gauge(
    'ledger_checked_timestamp_seconds',
    'When the ledger of the last hours was looked at; not there where another instance does it',
    ['kind'],
  )
  let running = false

  return {
    async wake() {
      if (running) return
      if (!isOwner()) {
        for (const gauge of [missing, doubled, checked]) gauge.reset() // A1
        return
      }
      running = true
      try {
        const atMs = nowMs()
        for (const { topic, ...found } of await measure(atMs - WINDOW_MS)) {
          missing.set({ topic }, found.missing)
          doubled.set({ topic }, found.doubled)
        }
        checked.set({ kind: 'recent' }, atMs / 1_000)
      } catch (error) {
        onFailure(error) // A2
      } finally {
        running = false
      }
    },
  }
}
