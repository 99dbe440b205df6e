import { LOG_CONTRACT_PARTITIONS, logContract } from '@tributary/stream-runtime/testing'
import { afterAll, beforeAll, expect, test } from '@jest/globals'
import { createRuntimeWorld, type RuntimeWorld } from './runtimeWorld.ts'

let world: RuntimeWorld

beforeAll(async () => {
  world = await createRuntimeWorld(LOG_CONTRACT_PARTITIONS)
})

afterAll(() => world.end())

test.each(logContract)('on Kafka: $name', async ({ run }) => {
  const { log, prefix, producer, admin, nameOf } = world
  await expect(
    run({
      log,
      name: prefix,
      append: async (topic, partition, keys) => {
        await producer.send(keys.map((key) => ({ topic: nameOf(topic), partition, key, value: 'v' })))
      },
      expire: (topic, partition, offset) => admin.deleteRecords(nameOf(topic), [{ partition, offset }]),
    }),
  ).resolves.toBeUndefined()
})
