/**
 * Writes to topics that are not ours, for one lane of records whose order matters for ever.
 *
 *  P1. When it is open, no earlier producer of the same id can write again: what that one gave up can no longer land
 *      behind newer records, where compaction would keep it.
 *  P2. What one `send` is given is visible to readers of committed records together, or never.
 *  P3. After any error it is useless: close it and open another.
 */
import { partitionOf, topics } from '@tributary/contracts'
import type { Kafka } from './connection.ts'
import { logFault, openKafkaSession } from './kafkaSession.ts'
import { KafkaFault, protocolError } from './kafkaFault.ts'

export interface FencedRecord {
  readonly key: string
  readonly value: Uint8Array | null
  readonly headers: Readonly<Record<string, string>>
}

export interface FencedProducer {
  /** Resolves when all in-sync replicas have them and they are committed. Rejects with a RuntimeFault. */
  send(records: readonly FencedRecord[]): Promise<void>
  close(): Promise<void>
}

/** Rejects with a KafkaFault `topic-missing`, or with a RuntimeFault. */
export async function openFencedProducer(
  kafka: Kafka,
  { topic, transactionalId }: { readonly topic: string; readonly transactionalId: string },
): Promise<FencedProducer> {
  const partitions = await countPartitions(kafka, topic)
  if (partitions === 0) throw new KafkaFault('topic-missing', `topic ${topic} does not exist`)
  // A topic that is in no catalogue: it holds what a profile does, and its name is all else that is used of it.
  const spec = { ...topics.profiles, name: topic }
  const session = await openKafkaSession(kafka, { transactionalId, nameOf: ({ name }) => name })
  return {
    async send(records) {
      await session.send(
        records.map((record) => ({
          ...record,
          topic: spec,
          partition: partitionOf(record.key, partitions),
        })),
      )
      await session.commit()
    },
    close: () => session.discard(),
  }
}

async function countPartitions(kafka: Kafka, topic: string): Promise<number> {
  const cluster = kafka.cluster()
  try {
    await cluster.connect()
    await cluster.addMultipleTargetTopics([topic])
    return cluster.findTopicPartitionMetadata(topic).length
  } catch (error) {
    if (protocolError(error).type === 'UNKNOWN_TOPIC_OR_PARTITION') return 0
    throw logFault(error, topic)
  } finally {
    await cluster.disconnect().catch(() => {})
  }
}
