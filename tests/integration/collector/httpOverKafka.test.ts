import { afterAll, beforeAll, describe } from '@jest/globals'
import { httpContract, senderContract } from '@tributary/collector/testing'
import { topics } from '@tributary/contracts'
import { PARTITIONS, type Topics, openTopics } from './collectorInstallation.ts'

/** What a contract writes is its own: the one of the sender writes values that are no events. */
function withTopics(): () => Topics {
  let opened: Topics | undefined
  beforeAll(async () => {
    opened = await openTopics()
  }, 60_000)
  afterAll(() => opened?.close())
  return () => opened!
}

describe('the sender over Kafka keeps the contract', () => {
  const kafka = withTopics()
  senderContract(() =>
    Promise.resolve({
      sender: kafka().sender,
      read: async (topic, partition, from, count) =>
        (await kafka().read(topics[topic]))
          .filter((each) => each.partition === partition && each.offset >= from && each.offset < from + count)
          .map((each) => each.value.toString()),
    }),
  )
})

describe('the HTTP side over Kafka', () => {
  const kafka = withTopics()
  httpContract(() =>
    Promise.resolve({
      sender: kafka().sender,
      partitions: PARTITIONS,
      events: async (messageIds) =>
        (await kafka().events()).filter((event) => messageIds.includes(event.messageId)),
      rejected: async (isOurs) => (await kafka().rejected()).filter(isOurs),
      close: () => Promise.resolve(),
    }),
  )
})
