import { type Cluster, READ_COMMITTED, READ_UNCOMMITTED } from './cluster.ts'
import { KafkaFault, protocolError } from './kafkaFault.ts'

export interface PartitionOffsets {
  readonly partition: number
  /** First offset that still exists. */
  readonly start: number
  /** Next offset to be written, whatever is still open or aborted. */
  readonly end: number
  /** The same as far as readers of committed records may see. */
  readonly committedEnd: number
}

/** Special timestamps of the protocol. */
const LATEST = -1
const EARLIEST = -2

/** Where the partitions of a topic begin and end; all of them when none are named. */
export async function listOffsets(
  cluster: Cluster,
  topic: string,
  partitions?: readonly number[],
): Promise<PartitionOffsets[]> {
  try {
    await cluster.connect()
    await cluster.addMultipleTargetTopics([topic])
    await refresh(cluster, topic)
    const metadata = cluster.findTopicPartitionMetadata(topic)
    const wanted = partitions ?? metadata.map((each) => each.partitionId).sort((a, b) => a - b)
    const [starts, ends, committed] = await Promise.all([
      ask(cluster, topic, wanted, EARLIEST, READ_UNCOMMITTED),
      ask(cluster, topic, wanted, LATEST, READ_UNCOMMITTED),
      ask(cluster, topic, wanted, LATEST, READ_COMMITTED),
    ])
    return wanted.map((partition) => ({
      partition,
      start: starts.get(partition)!,
      end: ends.get(partition)!,
      committedEnd: committed.get(partition)!,
    }))
  } catch (error) {
    if (error instanceof KafkaFault) throw error
    const found = protocolError(error)
    if (found.type === 'UNKNOWN_TOPIC_OR_PARTITION')
      throw new KafkaFault(
        'topic-missing',
        `topic ${topic} does not exist: create it with “tributary topics create”`,
        {
          cause: error,
        },
      )
    throw new KafkaFault('unavailable', `the offsets of ${topic} cannot be read: ${found.message}`, {
      cause: error,
    })
  }
}

/** What another topic of the same connection is refused for says nothing of this one; the patch gives it by topic. */
async function refresh(cluster: Cluster, topic: string): Promise<void> {
  try {
    await cluster.refreshMetadata()
  } catch (error) {
    const { byTopic } = error as { byTopic?: ReadonlyMap<string, unknown> }
    if (!byTopic || byTopic.has(topic)) throw error
  }
}

async function ask(
  cluster: Cluster,
  topic: string,
  partitions: readonly number[],
  timestamp: number,
  isolationLevel: number,
): Promise<Map<number, number>> {
  const byLeader = new Map<number, number[]>()
  for (const partition of partitions) {
    const leader = cluster
      .findTopicPartitionMetadata(topic)
      .find((each) => each.partitionId === partition)?.leader
    if (leader === undefined)
      throw new KafkaFault(
        'topic-missing',
        `topic ${topic} has no partition ${partition}: check its partition count`,
      )
    byLeader.set(leader, [...(byLeader.get(leader) ?? []), partition])
  }
  const found = new Map<number, number>()
  await Promise.all(
    [...byLeader].map(async ([nodeId, led]) => {
      const broker = await cluster.findBroker({ nodeId })
      const { responses } = await broker.listOffsets({
        isolationLevel,
        topics: [{ topic, partitions: led.map((partition) => ({ partition, timestamp })) }],
      })
      for (const response of responses)
        for (const { partition, offset } of response.partitions) found.set(partition, Number(offset))
    }),
  )
  return found
}
