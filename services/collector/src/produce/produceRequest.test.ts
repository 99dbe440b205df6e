import { expect, test } from '@jest/globals'
import fc from 'fast-check'
import { readProduce } from '../testing/brokerCluster.ts'
import { crc32c } from './crc32c.ts'
import { type OutgoingRecord } from './outgoing.ts'
import { encodeProduce } from './produceRequest.ts'

// RFC 3720, B.4.
test.each([
  ['00'.repeat(32), 0x8a9136aa],
  ['ff'.repeat(32), 0x62a8ab43],
  [Buffer.from(Array.from({ length: 32 }, (_, i) => i)).toString('hex'), 0x46dd794e],
  [Buffer.from('123456789').toString('hex'), 0xe3069283],
])('the checksum of %s is %i', (hex, sum) => {
  const bytes = Buffer.from(hex, 'hex')
  expect(crc32c(bytes)).toBe(sum)
  expect(crc32c(Buffer.concat([Buffer.from('xyz'), bytes, Buffer.from('z')]), 3, 3 + bytes.length)).toBe(sum)
})

test('a request holds every record of every lane, in order, as the protocol has it', () => {
  const text = fc.oneof(fc.string({ unit: 'binary', maxLength: 40 }), fc.string({ maxLength: 200 }))
  const record = fc.record({
    key: text,
    value: fc.oneof(text, fc.constantFrom('x'.repeat(63), 'x'.repeat(64), 'é'.repeat(9000))),
    headers: fc.option(fc.dictionary(fc.string({ maxLength: 70 }), text, { maxKeys: 4 }), { nil: undefined }),
  })
  const lane = fc.record({
    topic: fc.constantFrom('a.events', 'a.rejected'),
    partition: fc.nat(1000),
    records: fc.array(record, { minLength: 1, maxLength: 150 }),
  })
  fc.assert(
    fc.property(fc.array(lane, { minLength: 1, maxLength: 5 }), fc.nat(2 ** 41), (lanes, nowMs) => {
      const request = encodeProduce(
        lanes.map((each) => ({
          ...each,
          records: each.records.map(({ key, value, headers }): OutgoingRecord => ({
            topic: 'events',
            partition: each.partition,
            key,
            value: Buffer.from(value),
            ...(headers && { headers }),
          })),
        })),
        { timeoutMs: 1000, nowMs },
      )
      const wellFormed = (part: string): string => Buffer.from(part).toString()
      const expected = (['a.events', 'a.rejected'] as const)
        .toSorted((a, b) => lanes.findIndex((l) => l.topic === a) - lanes.findIndex((l) => l.topic === b))
        .flatMap((topic) => lanes.filter((each) => each.topic === topic))
      expect(readProduce(request)).toEqual(
        expected.map(({ topic, partition, records }) => ({
          topic,
          partition,
          timeMs: nowMs,
          records: records.map(({ key, value, headers = {} }) => ({
            key: wellFormed(key),
            value: wellFormed(value),
            headers: Object.fromEntries(
              Object.entries(headers).map(([name, each]) => [wellFormed(name), wellFormed(each)]),
            ),
          })),
        })),
      )
    }),
    { numRuns: 100 },
  )
})
