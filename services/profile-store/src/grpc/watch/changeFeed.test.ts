import { expect, test } from '@jest/globals'
import { setTimeout as sleep } from 'node:timers/promises'
import { topics } from '@tributary/contracts'
import { type InputStream, RuntimeFault } from '@tributary/stream-runtime'
import { createMemoryLog } from '@tributary/stream-runtime/testing'
import { createChangeFeed } from './changeFeed.ts'

const PARTITIONS = 2

function world() {
  const log = createMemoryLog({ partitions: PARTITIONS })
  const told: string[] = []
  const failures: unknown[] = []
  const streams: InputStream[] = []
  let fault: Error | undefined
  const feed = createChangeFeed({
    log: {
      bounds: (topic, partition) => log.bounds(topic, partition),
      openInputs(positions) {
        const stream = log.openInputs(positions)
        streams.push(stream)
        return {
          buffered: () => stream.buffered(),
          take: (limits) => stream.take(limits),
          onAvailable: (listener) => stream.onAvailable(listener),
          endOf: (topic) => stream.endOf(topic),
          close: () => stream.close(),
          check() {
            if (fault) throw fault
          },
        }
      },
    },
    partitions: PARTITIONS,
    watchers: {
      tell: ({ profileId, version, type, mergedInto }) =>
        void told.push([profileId, version, type, mergedInto].join(' ').trim()),
      fail: (error) => void failures.push(error),
    },
  })
  return {
    feed,
    told,
    failures,
    streams,
    breakWith: (error: Error | undefined) => (fault = error),
    publish: (partition: number, version: string, mergedInto?: string) => {
      const value = Buffer.from(JSON.stringify({ profileId: 'p', version, mergedInto }))
      log.append(topics.profileChanges, partition, [{ key: 'p', value, headers: { ce_type: 'updated' } }])
    },
    begin: () => log.openSession('writer'),
  }
}

async function settled(): Promise<void> {
  await sleep(20)
}

test('tells every change that is committed after it was opened, of all partitions, and none from before', async () => {
  const { feed, told, publish } = world()
  publish(0, 'v1')
  await feed.open()
  publish(0, 'v2')
  publish(1, 'v3', 'q')
  await settled()
  expect(told.sort()).toEqual(['p v2 updated', 'p v3 updated q'])
})

test('a change that was being written when it was opened is told when it is committed', async () => {
  const { feed, told, begin } = world()
  const session = await begin()
  const value = Buffer.from(JSON.stringify({ profileId: 'p', version: 'v1' }))
  await session.send([{ topic: topics.profileChanges, partition: 0, key: 'p', value, headers: {} }])
  await feed.open()
  await settled()
  expect(told).toEqual([])
  await session.commit()
  await settled()
  expect(told).toEqual(['p v1'])
})

test('is read once for all who watch, and not at all when nobody does', async () => {
  const { feed, told, publish, streams } = world()
  await Promise.all([feed.open(), feed.open()])
  expect(streams).toHaveLength(1)
  feed.close()
  publish(0, 'v1')
  await settled()
  expect(told).toHaveLength(1)
  feed.close()
  publish(0, 'v2')
  await settled()
  expect(told).toHaveLength(1)
  await feed.open()
  publish(0, 'v3')
  await settled()
  expect(told).toEqual(['p v1 updated', 'p v3 updated'])
})

test('a fault ends it for those who watch, and the next one begins anew', async () => {
  const { feed, told, failures, publish, breakWith } = world()
  await feed.open()
  breakWith(new RuntimeFault('log-unavailable', 'the log is away'))
  publish(0, 'v1')
  await settled()
  expect(failures).toHaveLength(1)
  feed.close()
  breakWith(undefined)
  await feed.open()
  publish(0, 'v2')
  await settled()
  expect(told).toEqual(['p v2 updated'])
})
