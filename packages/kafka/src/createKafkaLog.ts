/** The log port of the stream runtime on Kafka. One per process and connection; its topologies share the fetcher. */
import { topicName, type TopicPrefix } from '@tributary/contracts'
import type { RuntimeLog } from '@tributary/stream-runtime'
import type { Kafka } from './connection.ts'
import { type Generation, GroupMember } from './groupMember.ts'
import { openKafkaInputs } from './kafkaInputs.ts'
import { logFault, openKafkaSession } from './kafkaSession.ts'
import { listOffsets } from './listOffsets.ts'
import { PartitionFetcher } from './partitionFetcher.ts'
import { readRange } from './readTopic.ts'

export interface KafkaLogOptions {
  readonly topicPrefix: TopicPrefix
}

export interface KafkaLog extends RuntimeLog {
  /** After every task group on it has stopped. */
  close(): Promise<void>
}

export function createKafkaLog(kafka: Kafka, { topicPrefix }: KafkaLogOptions): KafkaLog {
  const fetcher = new PartitionFetcher(kafka)
  const offsets = kafka.cluster()
  return {
    openSession: (transactionalId) =>
      openKafkaSession(kafka, { transactionalId, nameOf: (spec) => topicName(topicPrefix, spec) }),
    async *read(spec, partition, from, until, signal) {
      const topic = topicName(topicPrefix, spec)
      try {
        yield* readRange(kafka, {
          topic,
          partition,
          from,
          until,
          ...(signal === undefined ? {} : { signal }),
        })
      } catch (error) {
        throw logFault(error, `${topic}/${partition}`)
      }
    },
    async bounds(spec, partition) {
      const topic = topicName(topicPrefix, spec)
      try {
        const [found] = await listOffsets(offsets, topic, [partition])
        return { start: found!.start, end: found!.end, committedEnd: found!.committedEnd }
      } catch (error) {
        throw logFault(error, `${topic}/${partition}`)
      }
    },
    openInputs: (positions) => openKafkaInputs(fetcher, topicPrefix, positions),
    // oxlint-disable-next-line require-await -- joining goes on in the background
    async join(options) {
      const topics = options.topics.map((spec) => topicName(topicPrefix, spec))
      let generation: Generation | undefined
      const member = new GroupMember(kafka, {
        group: options.group,
        topics,
        coPartitioned: true,
        member: {
          nodeId: options.nodeId,
          ...(options.address === undefined ? {} : { address: options.address }),
        },
        onAssigned(assigned) {
          generation = assigned
          options.onAssigned(assigned.assignment.get(topics[0]!) ?? [])
        },
        onFatal: options.onFatal,
      })
      member.start()
      return {
        async commitForTools(positions) {
          if (!generation) return
          await member.commit(
            generation,
            positions.map(({ topic, partition, offset }) => ({
              topic: topicName(topicPrefix, topic),
              partition,
              offset,
            })),
          )
        },
        confirmedAtMs: () => member.confirmedAtMs(),
        leave: () => member.stop(),
      }
    },
    async close() {
      await fetcher.close()
      await offsets.disconnect().catch(() => {})
    },
  }
}
