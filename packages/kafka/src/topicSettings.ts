import { type TopicSpec } from '@tributary/contracts'

const DAY_MS = 86_400_000

/**
 * Settings of a topic in Kafka, by the catalogue.
 *
 * Segments of time-kept topics are rolled daily: Kafka deletes whole segments only, so records outlive their
 * retention by up to one segment, and erasure counts on the stated time.
 */
export function topicSettings(spec: TopicSpec, minInSyncReplicas: number): Record<string, string> {
  const settings: Record<string, string> = {
    'cleanup.policy': spec.cleanUp,
    'min.insync.replicas': String(minInSyncReplicas),
    'message.timestamp.type': spec.logAppendTime ? 'LogAppendTime' : 'CreateTime',
  }
  if (spec.maxMessageBytes !== undefined) settings['max.message.bytes'] = String(spec.maxMessageBytes)
  if (spec.cleanUp === 'delete') {
    settings['retention.ms'] = String(spec.retentionMs ?? -1)
    settings['retention.bytes'] = '-1'
    if ((spec.retentionMs ?? -1) >= 0) settings['segment.ms'] = String(DAY_MS)
  } else {
    if (spec.maxCompactionLagMs !== undefined)
      settings['max.compaction.lag.ms'] = String(spec.maxCompactionLagMs)
    if (spec.tombstoneRetentionMs !== undefined)
      settings['delete.retention.ms'] = String(spec.tombstoneRetentionMs)
  }
  return settings
}

/** Whether a found setting keeps the promise of the wanted one; operators may keep things longer or larger. */
export function settingHolds(name: string, wanted: string, found: string | undefined): boolean {
  if (found === undefined) return false
  if (found === wanted) return true
  switch (name) {
    case 'retention.ms':
    case 'retention.bytes':
      return found === '-1' || (wanted !== '-1' && Number(found) >= Number(wanted))
    case 'max.message.bytes':
    case 'delete.retention.ms':
      return Number(found) >= Number(wanted)
    case 'max.compaction.lag.ms':
      return Number(found) <= Number(wanted)
    // How the log is cut up and how many copies are waited for is the operator's to tune.
    case 'segment.ms':
    case 'min.insync.replicas':
      return true
    default:
      return false
  }
}
