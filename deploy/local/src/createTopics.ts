/** Topics that are not Tributary's own: those of Kafka sources, which a source's team would make. */
import { Kafka, logLevel } from 'kafkajs'

export async function createTopics(
  brokers: string,
  topics: readonly string[],
  partitions: number,
): Promise<void> {
  if (topics.length === 0) return
  const admin = new Kafka({
    clientId: 'tributary-local',
    brokers: brokers.split(','),
    logLevel: logLevel.NOTHING,
  }).admin()
  await admin.connect()
  try {
    // False when all of them were there already.
    await admin.createTopics({ topics: topics.map((topic) => ({ topic, numPartitions: partitions })) })
  } finally {
    await admin.disconnect()
  }
}
