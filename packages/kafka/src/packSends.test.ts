import { expect, test } from '@jest/globals'
import fc from 'fast-check'
import {
  MAX_BATCH_BYTES,
  MAX_RECORDS_PER_PARTITION,
  MAX_REQUEST_BYTES,
  type OutgoingRecord,
  packSends,
  sizeOf,
} from './packSends.ts'

test('sends keep the limits, lose nothing and keep the order within each partition', () => {
  const record = fc.record({
    topic: fc.constantFrom('a', 'b'),
    partition: fc.integer({ min: 0, max: 2 }),
    size: fc.constantFrom(1, 1_000, 400_000, 1_500_000),
  })
  fc.assert(
    fc.property(fc.array(record, { maxLength: 40 }), (shapes) => {
      const records = shapes.map(({ topic, partition, size }, i): OutgoingRecord => ({
        topic,
        partition,
        key: String(i),
        value: Buffer.alloc(size),
      }))
      const sends = packSends(records)
      const seen = new Map<string, string[]>()
      for (const { topicMessages } of sends) {
        let request = 0
        for (const { topic, messages } of topicMessages) {
          const bytes = new Map<number, { bytes: number; count: number }>()
          for (const message of messages) {
            const partition = message.partition!
            const value = message.value as Buffer
            const size = sizeOf({ topic, partition, key: message.key as string, value })
            const sum = bytes.get(partition) ?? { bytes: 0, count: 0 }
            bytes.set(partition, { bytes: sum.bytes + size, count: sum.count + 1 })
            request += size
            seen.set(`${topic}${partition}`, [
              ...(seen.get(`${topic}${partition}`) ?? []),
              message.key as string,
            ])
          }
          const shared = [...bytes.values()].filter(({ count }) => count > 1)
          expect(shared.filter((sum) => sum.bytes > MAX_BATCH_BYTES)).toEqual([])
        }
        expect(request).toBeLessThanOrEqual(Math.max(MAX_REQUEST_BYTES, 1_500_100))
      }
      const wanted = new Map<string, string[]>()
      for (const { topic, partition, key } of records)
        wanted.set(`${topic}${partition}`, [...(wanted.get(`${topic}${partition}`) ?? []), key as string])
      expect(seen).toEqual(wanted)
    }),
  )
})

test('no send has more records of one partition than kafkajs can group quickly', () => {
  const records = Array.from({ length: 2_500 }, () => ({ topic: 'a', partition: 0, key: null, value: null }))
  const sizes = packSends(records).map(({ counts }) => counts.get('a/0'))
  expect(sizes).toEqual([MAX_RECORDS_PER_PARTITION, MAX_RECORDS_PER_PARTITION, 500])
})
