import { topicName, topics } from '@tributary/contracts'
import { type PlainProducer } from '@tributary/kafka'
import { type RecordSender } from './outgoing.ts'

/** The sender's port over Kafka. */
export function createKafkaSender(producer: PlainProducer, topicPrefix: string): RecordSender {
  const names = {
    events: topicName(topicPrefix, topics.events),
    rejected: topicName(topicPrefix, topics.rejected),
  }
  const keys = new Map(Object.entries(names).map(([key, name]) => [name, key as keyof typeof names]))
  return {
    async send(records) {
      const written = await producer.send(
        records.map((record) => ({ ...record, topic: names[record.topic] })),
      )
      return written.map(({ topic, partition, offset }) => ({
        topic: keys.get(topic)!,
        partition,
        baseOffset: offset,
      }))
    },
  }
}
