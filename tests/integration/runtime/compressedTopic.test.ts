import { randomBytes } from 'node:crypto'
import { readTopic } from '@tributary/kafka'
import kafkajs from 'kafkajs'
import { afterAll, beforeAll, expect, test } from '@jest/globals'
import { testStack } from '../../support/testStack.ts'
import { createRuntimeWorld, type RuntimeWorld } from './runtimeWorld.ts'

let world: RuntimeWorld

beforeAll(async () => {
  world = await createRuntimeWorld(1)
})

afterAll(() => world.end())

// The broker compresses by the topic's setting what it is sent uncompressed.
test.each(['gzip', 'snappy', 'lz4', 'zstd'])(
  'records that were compressed with %s are read',
  async (codec) => {
    const topic = `${world.prefix}.${codec}`
    const admin = new kafkajs.Kafka({
      brokers: [testStack().brokers],
      logLevel: kafkajs.logLevel.NOTHING,
    }).admin()
    await admin.connect()
    await admin.createTopics({
      waitForLeaders: true,
      topics: [{ topic, numPartitions: 1, configEntries: [{ name: 'compression.type', value: codec }] }],
    })
    await admin.disconnect()
    const noise = randomBytes(3_000)
    // Text that compresses well, noise that does not, repeats far apart, and enough for several blocks.
    const values = Array.from({ length: 400 }, (_, i) =>
      i % 3 === 0 ? noise : Buffer.from(`{"n":${i},"text":"${'repeated '.repeat(i % 50)}"}`),
    )
    await world.producer.send(values.map((value, i) => ({ topic, partition: 0, key: `k${i}`, value })))
    const read: Buffer[] = []
    for await (const { records } of readTopic(world.kafka, { topic, partition: 0 }))
      for (const { value } of records) read.push(value!)
    expect(read.length).toBeGreaterThanOrEqual(values.length)
    expect(Buffer.concat(read.slice(-values.length)).equals(Buffer.concat(values))).toBe(true)
  },
)
