/** Questions about groups and offsets: for lag, waits, owner maps and operators. */
import type { Admin } from 'kafkajs'
import type { Kafka } from './connection.ts'
import { KafkaFault, protocolError } from './kafkaFault.ts'
import { listOffsets, type PartitionOffsets } from './listOffsets.ts'
import { decodeAssignment, decodeMember } from './rendezvousAssigner.ts'

export interface GroupMemberDescription {
  readonly memberId: string
  readonly nodeId: string | undefined
  /** Where the node answers questions. */
  readonly address: string | undefined
  readonly assignment: ReadonlyMap<string, readonly number[]>
}

export interface GroupDescription {
  /** Stable, PreparingRebalance, CompletingRebalance, Empty or Dead. */
  readonly state: string
  readonly members: readonly GroupMemberDescription[]
}

export interface CommittedOffset {
  readonly topic: string
  readonly partition: number
  readonly offset: number
  readonly metadata: string
}

export interface KafkaAdmin {
  topics(): Promise<string[]>
  offsets(topic: string): Promise<PartitionOffsets[]>
  /** First offset at or after a time, by partition; the end of a partition that holds nothing so new. */
  offsetsAt(topic: string, timestampMs: number): Promise<{ partition: number; offset: number }[]>
  /** What a group has committed; partitions without a commit are left out. */
  groupOffsets(group: string, topics: readonly string[]): Promise<CommittedOffset[]>
  groups(): Promise<string[]>
  describeGroup(group: string): Promise<GroupDescription>
  /** Deletes everything below the offsets: for erasure and tests. */
  deleteRecords(topic: string, partitions: readonly { partition: number; offset: number }[]): Promise<void>
  deleteTopics(topics: readonly string[]): Promise<void>
  /** Fails when no broker answers. */
  ping(): Promise<{ brokers: number }>
  close(): Promise<void>
}

const RETRY = { initialRetryTime: 100, maxRetryTime: 1_000, retries: 4 }

export async function createAdmin(kafka: Kafka): Promise<KafkaAdmin> {
  const admin: Admin = kafka.client(RETRY).admin({ retry: RETRY })
  const cluster = kafka.cluster()
  await ask(() => admin.connect())
  return {
    topics: () => ask(() => admin.listTopics()),
    offsets: (topic) => listOffsets(cluster, topic),
    offsetsAt: (topic, timestampMs) =>
      ask(async () =>
        (await admin.fetchTopicOffsetsByTimestamp(topic, timestampMs)).map(({ partition, offset }) => ({
          partition,
          offset: Number(offset),
        })),
      ),
    groupOffsets: (group, topics) =>
      ask(async () => {
        const found = await admin.fetchOffsets({ groupId: group, topics: [...topics] })
        return found.flatMap(({ topic, partitions }) =>
          partitions
            .filter(({ offset }) => Number(offset) >= 0)
            .map(({ partition, offset, metadata }) => ({
              topic,
              partition,
              offset: Number(offset),
              metadata: metadata ?? '',
            })),
        )
      }),
    groups: () => ask(async () => (await admin.listGroups()).groups.map(({ groupId }) => groupId)),
    describeGroup: (group) =>
      ask(async () => {
        const { groups } = await admin.describeGroups([group])
        const [found] = groups
        return {
          state: found?.state ?? 'Dead',
          members: (found?.members ?? []).map(({ memberId, memberMetadata, memberAssignment }) => {
            const info = decodeMember(memberMetadata)
            return {
              memberId,
              nodeId: info?.nodeId,
              address: info?.address,
              assignment: decodeAssignment(memberAssignment),
            }
          }),
        }
      }),
    deleteRecords: (topic, partitions) =>
      ask(async () => {
        // kafkajs looks for the leaders without loading the topic's metadata; this call loads it.
        await admin.fetchTopicOffsets(topic)
        await admin.deleteTopicRecords({
          topic,
          partitions: partitions.map(({ partition, offset }) => ({ partition, offset: String(offset) })),
        })
      }),
    deleteTopics: (topics) => ask(() => admin.deleteTopics({ topics: [...topics] })),
    ping: () => ask(async () => ({ brokers: (await admin.describeCluster()).brokers.length })),
    async close() {
      await admin.disconnect().catch(() => {})
      await cluster.disconnect().catch(() => {})
    },
  }
}

async function ask<T>(question: () => Promise<T>): Promise<T> {
  try {
    return await question()
  } catch (error) {
    if (error instanceof KafkaFault) throw error
    throw new KafkaFault('unavailable', `Kafka did not answer: ${protocolError(error).message}`, {
      cause: error,
    })
  }
}
