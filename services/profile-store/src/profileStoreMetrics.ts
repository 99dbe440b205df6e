import { type SkipReason, skipReasonToJSON } from '@tributary/contracts/generated/tributary/event/v1/skipped'
import { type Metrics } from '@tributary/service-kit'
import { type StateView } from '@tributary/stream-runtime'
import { BatchObserver } from './batchObserver.ts'
import { type FragmentCounts } from './fragment/fragmentProcessor.ts'
import { type ProfileObservations } from './profile/profileProcessor.ts'
import { counterRows } from './profile/profileRows.ts'

/** "duplicate", "conflict" …: as in the reference. */
const reasonName = (reason: SkipReason): string =>
  skipReasonToJSON(reason).slice('SKIP_REASON_'.length).toLowerCase()

/** What the tasks have committed, counted. */
export function observeProfileStore(
  metrics: Metrics,
  nowMs: () => number,
): {
  readonly fragments: BatchObserver<FragmentCounts>
  readonly profiles: BatchObserver<ProfileObservations>
} {
  const folded = metrics.counter('events_folded_total', 'Events folded into fragments')
  const skipped = metrics.counter('events_skipped_total', 'Events not folded, by reason', ['reason'])
  const controls = metrics.counter('controls_total', 'Control records followed by the fragment tasks')
  const changes = metrics.counter('profile_changes_total', 'Changes published, by type', ['type'])
  const memberships = metrics.counter('audience_changes_total', 'Memberships begun and ended', ['change'])
  const freshness = metrics.histogram(
    'freshness_seconds',
    'From the receipt of an event to its profile being committed',
  )
  return {
    fragments: new BatchObserver((_partition, counts) => {
      folded.inc(counts.folded)
      controls.inc(counts.controls)
      for (const [reason, count] of Object.entries(counts.skipped))
        skipped.inc({ reason: reasonName(Number(reason) as SkipReason) }, count)
    }),
    profiles: new BatchObserver((_partition, seen) => {
      const now = nowMs()
      for (const { receivedTimeMs } of seen.causes)
        freshness.observe(Math.max(0, now - receivedTimeMs) / 1000)
      for (const type of seen.changes) changes.inc({ type })
      memberships.inc({ change: 'entered' }, seen.entered)
      memberships.inc({ change: 'left' }, seen.left)
    }),
  }
}

/** The profile side of the ledger as gauges, read when it changes. */
export function observeTotals(metrics: Metrics): (partition: number, view: StateView | undefined) => void {
  const profiles = metrics.gauge('profiles_records', 'Profiles alive', ['partition'])
  const events = metrics.gauge('profile_events_records', 'Events folded into the profiles', ['partition'])
  return (partition, view) => {
    const counters = view?.table(counterRows).get('counters')
    const labels = { partition: String(partition) }
    profiles.set(labels, counters?.profiles ?? 0)
    events.set(labels, counters?.events ?? 0)
  }
}
