/** The sender's port over Kafka: the records of one commit as one request with a lane per topic and partition. */
import { topicName, type TopicPrefix, topics } from '@tributary/contracts'
import { createProduceSender, type Kafka, type Lane } from '@tributary/kafka'
import { type OutgoingRecord, type RecordSender } from './outgoing.ts'

export interface KafkaRecordSender extends RecordSender {
  close(): Promise<void>
}

/** Rejects with a KafkaFault; `timeoutMs` is how long what passes by itself is waited for. */
export async function createRecordSender(
  kafka: Kafka,
  options: { readonly topicPrefix: TopicPrefix; readonly timeoutMs: number },
): Promise<KafkaRecordSender> {
  const names = {
    events: topicName(options.topicPrefix, topics.events),
    rejected: topicName(options.topicPrefix, topics.rejected),
  }
  const sender = await createProduceSender(kafka, {
    topics: Object.values(names),
    timeoutMs: options.timeoutMs,
  })
  return {
    async send(records) {
      const written = await sender.send(lanesOf(records, names))
      return written.map(({ topic, partition, baseOffset }) => ({
        topic: topic === names.events ? 'events' : 'rejected',
        partition,
        baseOffset,
      }))
    },
    close: () => sender.close(),
  }
}

interface OpenLane extends Lane {
  readonly records: OutgoingRecord[]
}

function lanesOf(
  records: readonly OutgoingRecord[],
  names: Record<OutgoingRecord['topic'], string>,
): OpenLane[] {
  const open = { events: [] as OpenLane[], rejected: [] as OpenLane[] }
  const lanes: OpenLane[] = []
  for (const record of records) {
    let lane = open[record.topic][record.partition]
    if (!lane) {
      lane = { topic: names[record.topic], partition: record.partition, records: [] }
      open[record.topic][record.partition] = lane
      lanes.push(lane)
    }
    lane.records.push(record)
  }
  return lanes
}
