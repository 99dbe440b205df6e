/** The sender's port over Kafka: the records of one commit as one request with a lane per topic and partition. */
import { topicName, type TopicPrefix, topics } from '@tributary/contracts'
import { createProduceSender, type Kafka } from '@tributary/kafka'
import { type RecordSender } from './outgoing.ts'

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
    async send(lanes) {
      const named = lanes.map(({ topic, partition, records }) => ({
        topic: names[topic],
        partition,
        records,
      }))
      const written = await sender.send(named)
      return written.map(({ topic, partition, baseOffset }) => ({
        topic: topic === names.events ? 'events' : 'rejected',
        partition,
        baseOffset,
      }))
    },
    close: () => sender.close(),
  }
}
