import { describe } from '@jest/globals'
import { createBrokerCluster } from '@tributary/kafka/testing'
import { senderContract } from '../testing/index.ts'
import { createRecordSender } from './createRecordSender.ts'

const NAMES = { events: 'p.internal.events.v1', rejected: 'p.rejected.v1' }

describe('over brokers in memory', () => {
  senderContract(async () => {
    const brokers = createBrokerCluster(Object.values(NAMES), 4)
    const sender = await createRecordSender(brokers.kafka, { topicPrefix: 'p', timeoutMs: 2_000 })
    return {
      sender,
      read: (topic, partition, from, count) =>
        Promise.resolve(
          (brokers.logs.get(`${NAMES[topic]}/${partition}`) ?? [])
            .slice(from, from + count)
            .map((record) => record.value ?? ''),
        ),
    }
  })
})
