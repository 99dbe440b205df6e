/** Topics of a test's own on the shared Kafka, and tasks on them. */
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { topicName, topics, type TopicSpec } from '@tributary/contracts'
import { createAdmin, createKafka, createKafkaLog, createPlainProducer, createTopics } from '@tributary/kafka'
import { createLmdbStores } from '@tributary/state-lmdb'
import { startTaskGroup, type TaskGroup } from '@tributary/stream-runtime'
import { countingTopology } from '@tributary/stream-runtime/testing'
import { testStack } from '../../support/testStack.ts'
import { uniquePrefix } from '../../support/uniquePrefix.ts'

/** What the counting topology reads and writes, and one more with partitions by profile. */
const used = [topics.events, topics.fragments, topics.skipped, topics.layout, topics.profileParts]

export async function createRuntimeWorld(partitions: number) {
  const prefix = uniquePrefix('runtime')
  const kafka = createKafka({ brokers: [testStack().brokers], clientId: 'runtime-test' })
  const counts = { identifier: partitions, profile: partitions, delivery: partitions }
  await createTopics(kafka, { topics: used, counts, prefix, replicationFactor: 1, minInSyncReplicas: 1 })
  const producer = await createPlainProducer(kafka)
  const admin = await createAdmin(kafka)
  const log = createKafkaLog(kafka, { topicPrefix: prefix })
  const directory = mkdtempSync(join(tmpdir(), 'tributary-runtime-'))
  const fatal: Error[] = []
  const groups: TaskGroup[] = []

  return {
    kafka,
    counts,
    prefix,
    producer,
    admin,
    log,
    directory,
    fatal,
    nameOf: (spec: TopicSpec) => topicName(prefix, spec),
    async produce(keys: readonly string[]) {
      const topic = topicName(prefix, topics.events)
      await producer.send(keys.map((key) => ({ topic, key, value: 'x' })))
    },
    async startCounting(nodeId: string, over: Partial<Parameters<typeof startTaskGroup>[0]> = {}) {
      const group = await startTaskGroup({
        topology: countingTopology,
        log,
        stores: createLmdbStores({ directory: join(directory, nodeId) }),
        counts,
        groupPrefix: prefix,
        nodeId,
        onFatal: (error) => fatal.push(error),
        ...over,
      })
      groups.push(group)
      return group
    },
    async end() {
      await Promise.all(groups.map((group) => group.stop()))
      await log.close()
      await producer.close()
      await admin.close()
      rmSync(directory, { recursive: true, force: true })
    },
  }
}

export type RuntimeWorld = Awaited<ReturnType<typeof createRuntimeWorld>>
