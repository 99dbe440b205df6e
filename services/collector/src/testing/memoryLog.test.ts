import { describe } from '@jest/globals'
import { createMemoryLog, senderContract } from './index.ts'

describe('the log in memory keeps the sender’s contract', () => {
  senderContract(() => {
    const sender = createMemoryLog()
    return Promise.resolve({
      sender,
      read: (topic, partition, from, count) =>
        Promise.resolve(
          sender
            .records(topic, partition)
            .slice(from, from + count)
            .map((each) => Buffer.from(each.value).toString()),
        ),
    })
  })
})
