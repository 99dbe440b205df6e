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
  histogram(
    name: string,
    help: string,
    labels: readonly string[],
  ): {
    observe(labels: Record<string, string>, value: number): void
  }
}

export interface Meters {
  /** `oldestMs`: since the oldest of the records came into the topic, ms. */
  stored(topic: string, records: number, unreadable: number, oldestMs: number): void
  refused(topic: string): void
  waiting(partitions: number): void
}

export function createMeters(metrics: LogWriterMetrics | undefined): Meters {
  if (metrics === undefined) return { stored() {}, refused() {}, waiting() {} }
  const rows = metrics.counter('event_log_rows_total', 'Records stored in the event log', ['topic'])
  const ranges = metrics.counter('event_log_ranges_total', 'Inserts into the event log', ['topic'])
  const aside = metrics.counter('event_log_quarantined_total', 'Records set aside in quarantine', [
    'topic',
    'why',
  ])
  const freshness = metrics.histogram(
    'event_log_freshness_seconds',
    'From the oldest record of a range coming into its topic to the range being in ClickHouse',
    ['topic'],
  )
  const waits = metrics.gauge(
    'event_log_waiting_partitions',
    'Partitions whose records wait for ClickHouse or Kafka',
    [],
  )
  return {
    stored(topic, records, unreadable, oldestMs) {
      rows.inc({ topic }, records)
      ranges.inc({ topic })
      freshness.observe({ topic }, Math.max(0, oldestMs) / 1_000)
      if (unreadable > 0) aside.inc({ topic, why: 'unreadable' }, unreadable)
    },
    refused: (topic) => aside.inc({ topic, why: 'refused' }),
    waiting: (partitions) => waits.set({}, partitions),
  }
}
