import { type Counter, type Metrics } from '@tributary/service-kit'
import { type InFlight } from './http/inFlight.ts'

/** What the collector counts; created once per process. */
export interface CollectorMetrics {
  accepted(source: string, events: number): void
  rejected(source: string, code: string): void
  /** A value that stood where an identifier is looked for, and was none. */
  ignoredIdentifier(type: string, reason: string): void
  received(source: string, bytes: number): void
  answered(path: string, status: number, seconds: number): void
  /** A Kafka source's records read, and what was done again because Kafka did not acknowledge. */
  sourceRecords(source: string, records: number): void
  sourceRetries(source: string): void
  /** Whether Kafka acknowledges; while it does not, requests are answered 503. */
  kafkaAcknowledges(acknowledges: boolean): void
}

export function createCollectorMetrics(metrics: Metrics, inFlight: InFlight): CollectorMetrics {
  const accepted = metrics.counter('accepted_events_total', 'Events that became durable', ['source'])
  const rejected = metrics.counter('rejected_events_total', 'Events that were refused', ['source', 'code'])
  const ignored = metrics.counter('ignored_identifiers_total', 'Values that are no identifier', [
    'type',
    'reason',
  ])
  const bytes = metrics.counter('received_bytes_total', 'Bytes of bodies and records after decompression', [
    'source',
  ])
  const duration = metrics.histogram('request_duration_seconds', 'From the head of a request to its answer', [
    'path',
    'status',
  ])
  const records = metrics.counter('source_records_total', 'Records read from Kafka sources', ['source'])
  const retries = metrics.counter('source_retries_total', 'Batches of a Kafka source produced again', [
    'source',
  ])
  const unacknowledged = metrics.gauge(
    'kafka_unacknowledged_state',
    '1 while Kafka does not acknowledge and requests are answered 503',
  )
  const held = metrics.gauge('in_flight_bytes', 'Bytes received and not yet answered')
  // Read when somebody asks: setting it at each request would cost more.
  Object.assign(held, { collect: () => held.set(inFlight.bytes) })
  const acceptedSince = countedSince(accepted)
  const bytesSince = countedSince(bytes)

  return {
    accepted: acceptedSince,
    rejected: (source, code) => rejected.inc({ source, code }),
    ignoredIdentifier: (type, reason) => ignored.inc({ type, reason }),
    received: bytesSince,
    answered: (path, status, seconds) => duration.observe({ path, status: String(status) }, seconds),
    sourceRecords: (source, count) => records.inc({ source }, count),
    sourceRetries: (source) => retries.inc({ source }),
    kafkaAcknowledges: (acknowledges) => unacknowledged.set(acknowledges ? 0 : 1),
  }
}

/** Adds up per source, and tells the counter when somebody asks: a label costs a microsecond, and each request has several. */
function countedSince(counter: Counter<'source'>): (source: string, count: number) => void {
  const since = new Map<string, number>()
  Object.assign(counter, {
    collect() {
      for (const [source, count] of since) counter.inc({ source }, count)
      since.clear()
    },
  })
  return (source, count) => {
    since.set(source, (since.get(source) ?? 0) + count)
  }
}
