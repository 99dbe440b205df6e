/**
 * The headers of a public record: CloudEvents 1.0 in Kafka's binary mode. The value is the data alone.
 */
export interface CloudEvent {
  /** Never the same for two records of one source. */
  readonly id: string
  readonly type: string
  readonly source: string
  readonly subject: string
  /** ISO-8601. */
  readonly time: string
  /** When the oldest event that caused it was received, ISO-8601: an extension attribute, for freshness. */
  readonly receivedTime?: string | undefined
}

export function cloudEventHeaders(event: CloudEvent): Record<string, string> {
  return {
    ce_specversion: '1.0',
    ce_id: event.id,
    ce_type: event.type,
    ce_source: event.source,
    ce_subject: event.subject,
    ce_time: event.time,
    ...(event.receivedTime !== undefined && { ce_receivedtime: event.receivedTime }),
    'content-type': 'application/json',
  }
}

/**
 * The id of a record sent in a transaction: `<epoch>-<topic short name>-<partition>-<seq>`. A batch that is computed
 * again gives its records the same ids.
 */
export function cloudEventId(epoch: number, topicName: string, partition: number, seq: number): string {
  return `${epoch}-${topicName.replace(/\.v\d+$/, '')}-${partition}-${seq}`
}
