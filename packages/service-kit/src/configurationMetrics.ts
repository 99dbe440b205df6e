import type { Metrics } from './metrics.ts'

/** Which revision is in use, and whether a newer one could not be used, asked when Prometheus asks. */
export function observeConfiguration(
  metrics: Metrics,
  feed: { current(): { readonly revision: number } | undefined; unusable(): unknown },
): void {
  const revision = metrics.gauge(
    'configuration_revision',
    'Number of the revision of the workspace in use; 0 before the first',
  )
  const refused = metrics.gauge(
    'configuration_refused_state',
    '1 while the newest revision cannot be used and an older one holds',
  )
  Object.assign(revision, { collect: () => revision.set(feed.current()?.revision ?? 0) })
  Object.assign(refused, { collect: () => refused.set(feed.unusable() === undefined ? 0 : 1) })
}
