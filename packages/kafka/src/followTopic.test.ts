import { expect, test } from '@jest/globals'
import type { Cluster } from './cluster.ts'
import { createKafka, type Kafka } from './connection.ts'
import { followTopic } from './followTopic.ts'

/** A cluster whose first answers are these errors; after them there is one partition, empty or missing. */
function clusterAfter(errors: Error[], partitions = 1): Kafka {
  const broker = {
    listOffsets: () => {
      const error = errors.shift()
      if (error) return Promise.reject(error)
      return Promise.resolve({
        responses: [{ topic: 'config', partitions: [{ partition: 0, offset: '0' }] }],
      })
    },
  }
  const cluster = {
    connect: () => Promise.resolve(),
    disconnect: () => Promise.resolve(),
    addMultipleTargetTopics: () => Promise.resolve(),
    refreshMetadata: () => Promise.resolve(),
    findTopicPartitionMetadata: () =>
      Array.from({ length: partitions }, (_, partitionId) => ({ partitionId, leader: 1 })),
    findBroker: () => Promise.resolve(broker),
  } as unknown as Cluster
  return { ...createKafka({ brokers: ['127.0.0.1:1'], clientId: 'test' }), cluster: () => cluster }
}

const ignored = { topic: 'config', onRecord: () => {}, onFatal: () => {} }

test('a broker that does not answer when the following begins is waited for', async () => {
  const gone = new Error('Closed connection')
  const following = await followTopic(clusterAfter([gone, gone]), ignored)
  expect(following.position()).toBe(0)
  await following.stop()
})

test('a topic that is not there is an error at once', async () => {
  await expect(followTopic(clusterAfter([], 0), ignored)).rejects.toMatchObject({ code: 'topic-missing' })
})
