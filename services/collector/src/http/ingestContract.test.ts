import { describe } from '@jest/globals'
import { type RejectedRecord } from '@tributary/contracts'
import { EventRecord } from '@tributary/contracts/generated/tributary/event/v1/event'
import { TEST_PARTITIONS, createMemoryLog, httpContract } from '../testing/index.ts'

describe('over a log in memory', () => {
  httpContract(() => {
    const sender = createMemoryLog()
    return Promise.resolve({
      sender,
      partitions: TEST_PARTITIONS,
      events: (messageIds) => {
        const found = Array.from({ length: TEST_PARTITIONS }, (_, partition) =>
          sender.records('events', partition).flatMap((record, offset) => {
            const decoded = EventRecord.decode(record.value).record
            return decoded?.$case === 'event' && messageIds.includes(decoded.value.messageId)
              ? [{ ...decoded.value, partition, offset }]
              : []
          }),
        )
        return Promise.resolve(found.flat())
      },
      rejected: (isOurs) =>
        Promise.resolve(
          sender
            .records('rejected')
            .map((record) => JSON.parse(Buffer.from(record.value).toString()) as RejectedRecord)
            .filter(isOurs),
        ),
      close: () => Promise.resolve(),
    })
  })
})
