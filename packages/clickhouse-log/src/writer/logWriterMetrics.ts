/** What the writers count; service-kit's Metrics fits this shape. */
export interface LogWriterMetrics {
  counter(
    name: string,
    help: string,
    labels: readonly string[],
  ): {
    inc(labels: Record<string, string>, by?: number): void
  }
  gauge(
    name: string,
    help: string,
    labels: readonly string[],
  ): {
    set(labels: Record<string, string>, value: number): void
  }
}

export interface Meters {
  stored(topic: string, records: number, unreadable: number): void
  refused(topic: string): void
  waiting(partitions: number): void
}

export function createMeters(metrics: LogWriterMetrics | undefined): Meters {
  if (metrics === undefined) return { stored() {}, refused() {}, waiting() {} }
  const rows = metrics.counter('event_log_rows_total', 'records stored in the event log', ['topic'])
  const ranges = metrics.counter('event_log_ranges_total', 'inserts into the event log', ['topic'])
  const aside = metrics.counter('event_log_quarantined_total', 'records set aside in quarantine', [
    'topic',
    'why',
  ])
  const waits = metrics.gauge('event_log_waiting_state', 'partitions that wait for ClickHouse or Kafka', [])
  return {
    stored(topic, records, unreadable) {
      rows.inc({ topic }, records)
      ranges.inc({ topic })
      if (unreadable > 0) aside.inc({ topic, why: 'unreadable' }, unreadable)
    },
    refused: (topic) => aside.inc({ topic, why: 'refused' }),
    waiting: (partitions) => waits.set({}, partitions),
  }
}
