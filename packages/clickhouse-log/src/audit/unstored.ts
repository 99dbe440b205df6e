/** How much of a topic its writers have not stored yet. */
import { type TopicSpec, placeTopic, topicName } from '@tributary/contracts'
import { type Kafka, type KafkaAdmin, KafkaFault, readTopic } from '@tributary/kafka'
import { readCommitted } from '../writer/range.ts'
import { logWriterPlaceGroup } from '../writer/startLogWriters.ts'

/** Up to so many offsets are read to see whether they hold records or only markers; more are taken for records. */
const READ_TO_COUNT = 10_000

/** Records of one partition; those of unfinished transactions do not count. */
export async function recordsBetween(
  kafka: Kafka,
  topic: string,
  partition: number,
  from: number,
  until: number,
): Promise<number> {
  if (until - from > READ_TO_COUNT) return until - from
  let count = 0
  for await (const { records } of readTopic(kafka, { topic, partition, from, until })) count += records.length
  return count
}

/** Empty when the topic does not exist (any more): the log may outlive it. */
export async function endsOf(admin: KafkaAdmin, topic: string) {
  try {
    return await admin.offsets(topic)
  } catch (error) {
    if (error instanceof KafkaFault && error.code === 'topic-missing') return []
    throw error
  }
}

export interface UnstoredOptions {
  readonly kafka: Kafka
  readonly admin: KafkaAdmin
  readonly prefix: string
  readonly groupPrefix: string
  readonly epoch: number
}

/** Ends of a topic's partitions now, to be asked about until everything below them is stored. */
export async function noteEnds({ admin, prefix, epoch }: UnstoredOptions, topic: TopicSpec) {
  return endsOf(admin, topicName({ prefix, epoch }, topic))
}

/** Records below those ends that the writers have not stored. */
export async function countUnstored(
  { kafka, admin, prefix, groupPrefix, epoch }: UnstoredOptions,
  topic: TopicSpec,
  ends: Awaited<ReturnType<typeof noteEnds>>,
): Promise<number> {
  const name = topicName({ prefix, epoch }, topic)
  const committed = await admin.groupOffsets(logWriterPlaceGroup(groupPrefix, placeTopic(epoch, topic)), [
    name,
  ])
  let count = 0
  for (const { partition, start, committedEnd } of ends) {
    const position = committed.find((each) => each.partition === partition)
    const { offset } = readCommitted(position?.offset ?? 0, position?.metadata ?? '')
    const from = Math.max(offset, start)
    if (from < committedEnd) count += await recordsBetween(kafka, name, partition, from, committedEnd)
  }
  return count
}
