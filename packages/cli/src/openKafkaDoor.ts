import { allTopics, topicName, type TopicSpec } from '@tributary/contracts'
import {
  checkTopics,
  createAdmin,
  createKafka,
  createPlainProducer,
  createTopics,
  KafkaFault,
  readTopic,
} from '@tributary/kafka'
import type { KafkaTarget } from './connections.ts'
import type { KafkaDoor } from './kafkaDoor.ts'
import { saying } from './saying.ts'

/** The real Kafka behind the commands; one sentence when it cannot be reached. */
export async function openKafkaDoor(target: KafkaTarget): Promise<KafkaDoor> {
  const kafka = createKafka(target.connection)
  const where = target.connection.brokers.join(', ')
  const admin = await saying(where, () => createAdmin(kafka))
  const prefix = { prefix: target.topicPrefix, epoch: target.epoch }
  const nameOf = (topic: TopicSpec) => topicName(prefix, topic)
  const catalogue = { topics: allTopics, counts: target.counts, prefix }
  return {
    epoch: target.epoch,
    topicName: nameOf,
    bounds: (topic) =>
      saying(where, async () => {
        try {
          const offsets = await admin.offsets(nameOf(topic))
          return offsets.map(({ start, committedEnd }) => ({ start, end: committedEnd }))
        } catch (error) {
          if (error instanceof KafkaFault && error.code === 'topic-missing') return undefined
          throw error
        }
      }),
    async *read(topic, partition, from, until) {
      const chunks = readTopic(kafka, { topic: nameOf(topic), partition, from, until })
      for (;;) {
        const next = await saying(where, () => chunks.next())
        if (next.done) return
        for (const record of next.value.records) yield { ...record, partition }
      }
    },
    append: (topic, partition, key, value) =>
      saying(where, async () => {
        const producer = await createPlainProducer(kafka)
        try {
          const [written] = await producer.send([{ topic: nameOf(topic), partition, key, value }])
          return { offset: written!.offset }
        } finally {
          await producer.close()
        }
      }),
    appendAll: (topic, records) =>
      saying(where, async () => {
        const producer = await createPlainProducer(kafka)
        try {
          await producer.send(records.map((record) => ({ ...record, topic: nameOf(topic) })))
        } finally {
          await producer.close()
        }
      }),
    createTopics: () =>
      saying(where, () =>
        createTopics(kafka, {
          ...catalogue,
          replicationFactor: target.replicationFactor,
          minInSyncReplicas: target.minIsr,
        }),
      ),
    checkTopics: () => saying(where, () => checkTopics(kafka, catalogue)),
    canRead: (topic) =>
      saying(where, async () => {
        try {
          for (const { partition, start, committedEnd } of await admin.offsets(topic)) {
            if (start === committedEnd) continue
            const chunks = readTopic(kafka, { topic, partition, from: start, until: start + 1 })
            // oxlint-disable-next-line no-await-in-loop -- a few partitions, one after the other
            for await (const { records } of chunks) if (records.length > 0) break
          }
          return true
        } catch (error) {
          if (error instanceof KafkaFault && error.code === 'topic-missing') return false
          throw error
        }
      }),
    ping: () => saying(where, async () => (await admin.ping()).brokers),
    close: () => admin.close(),
  }
}
