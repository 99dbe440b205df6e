import { expect, test } from '@jest/globals'
import { createMemoryLog } from './createMemoryLog.ts'
import { LOG_CONTRACT_PARTITIONS, logContract } from './logContract.ts'

test.each(logContract)('in memory: $name', async ({ run }) => {
  const log = createMemoryLog({ partitions: LOG_CONTRACT_PARTITIONS, delay: () => new Promise(setImmediate) })
  await expect(
    run({
      log,
      name: 'contract',
      append: (topic, partition, keys) => {
        log.append(
          topic,
          partition,
          keys.map((key) => ({ key, value: Buffer.from('v') })),
        )
        return Promise.resolve()
      },
      expire: (topic, partition, before) => Promise.resolve(log.expire(topic, partition, before)),
    }),
  ).resolves.toBeUndefined()
})
