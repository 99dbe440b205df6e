/**
 * Compaction leaves emptied record batches behind: it keeps the last batch of every producer, also when none of its
 * records is left. A fetch that is answered with nothing else must still come past them.
 */
import { setTimeout as sleep } from 'node:timers/promises'
import { topics, type TopicSpec } from '@tributary/contracts'
import { readTopic } from '@tributary/kafka'
import kafkajs from 'kafkajs'
import { afterAll, beforeAll, expect, jest, test } from '@jest/globals'
import { PartitionFetcher } from '../../../packages/kafka/src/partitionFetcher.ts'
import { testStack } from '../../support/testStack.ts'
import { waitUntil } from '../../support/waitUntil.ts'
import { createRuntimeWorld, type RuntimeWorld } from './runtimeWorld.ts'

// The broker's cleaner looks at a log every 15 s.
jest.setTimeout(120_000)

const spec: TopicSpec = { ...topics.evidenceState, name: 'internal.quickly-compacted.v1' }
const PRODUCERS = 8

let world: RuntimeWorld

beforeAll(async () => {
  world = await createRuntimeWorld(1)
  const admin = new kafkajs.Kafka({
    brokers: [testStack().brokers],
    logLevel: kafkajs.logLevel.NOTHING,
  }).admin()
  await admin.connect()
  const settings = {
    'cleanup.policy': 'compact',
    'segment.ms': '500',
    'min.cleanable.dirty.ratio': '0.01',
    'max.compaction.lag.ms': '500',
    'delete.retention.ms': '0',
  }
  await admin.createTopics({
    waitForLeaders: true,
    topics: [
      {
        topic: world.nameOf(spec),
        numPartitions: 1,
        replicationFactor: 1,
        configEntries: Object.entries(settings).map(([name, value]) => ({ name, value })),
      },
    ],
  })
  await admin.disconnect()
})

afterAll(() => world.end())

async function write(producer: string, key: string): Promise<void> {
  const session = await world.log.openSession(`${world.prefix}-${producer}`)
  await session.send([{ topic: spec, partition: 0, key, value: Buffer.from(producer) }])
  await session.commit()
  await session.discard()
}

async function values(): Promise<string[]> {
  const found: string[] = []
  for await (const { records } of readTopic(world.kafka, { topic: world.nameOf(spec), partition: 0 }))
    for (const { value } of records) found.push(value!.toString())
  return found
}

test('a reader comes past batches that compaction has emptied, also when it is given nothing else', async () => {
  for (let i = 0; i < PRODUCERS; i++) {
    await write(`producer${i}`, 'the same key')
    // Its own segment: the active one is never compacted.
    await sleep(600)
  }
  await write('last', 'another key')
  await waitUntil('the cleaner', async () => (await values()).length < PRODUCERS / 2, {
    timeoutMs: 90_000,
    pollMs: 1_000,
  })
  expect((await values()).at(-1)).toBe('last')

  const [bounds] = await world.admin.offsets(world.nameOf(spec))
  const fetcher = new PartitionFetcher(world.kafka, { maxPartitionBytes: 100 })
  const found: string[] = []
  const fetched = fetcher.add({ topic: world.nameOf(spec), partition: 0, offset: 0 }, () => {
    for (const chunk of fetched.chunks.splice(0))
      for (const { value } of chunk.records) found.push(value!.toString())
  })
  await waitUntil('the end of the log', () => fetched.fetchOffset === bounds!.committedEnd)
  expect(found.at(-1)).toBe('last')
  await fetcher.close()
})
