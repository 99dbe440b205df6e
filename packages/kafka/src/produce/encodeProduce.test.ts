import { expect, test } from '@jest/globals'
import { crc32c } from '@node-rs/crc32'
import fc from 'fast-check'
import { readProduce } from '../testing/brokerCluster.ts'
import { encodeProduce } from './encodeProduce.ts'

// RFC 3720, B.4.
test.each([
  ['00'.repeat(32), 0x8a9136aa],
  ['ff'.repeat(32), 0x62a8ab43],
  [Buffer.from(Array.from({ length: 32 }, (_, i) => i)).toString('hex'), 0x46dd794e],
  [Buffer.from('123456789').toString('hex'), 0xe3069283],
])('the checksum of %s is %i', (hex, sum) => {
  expect(crc32c(Buffer.from(hex, 'hex'))).toBe(sum)
})

test('a request holds every record of every lane, in order, as the protocol has it', () => {
  const text = fc.oneof(fc.string({ unit: 'binary', maxLength: 40 }), fc.string({ maxLength: 200 }))
  const part = fc.oneof(
    text,
    text.map((each) => Buffer.from(each)),
  )
  const long = fc.constantFrom('x'.repeat(63), 'x'.repeat(64), 'é'.repeat(9000))
  const record = fc.record(
    {
      key: fc.option(part),
      value: fc.option(fc.oneof(text, long).map((each) => Buffer.from(each))),
      headers: fc.dictionary(fc.string({ maxLength: 70 }), part, { maxKeys: 4 }),
      timestampMs: fc.nat(2 ** 41),
    },
    { requiredKeys: ['key', 'value'] },
  )
  const lane = fc.record({
    topic: fc.constantFrom('a.events', 'a.rejected'),
    partition: fc.nat(1000),
    records: fc.array(record, { minLength: 1, maxLength: 150 }),
    firstSequence: fc.nat(2 ** 31 - 1),
  })
  const producer = fc.record({
    transactionalId: fc.string({ minLength: 1, unit: 'binary' }).map(wellFormed),
    producerId: fc.nat().map(String),
    producerEpoch: fc.nat(2 ** 15 - 1),
  })
  fc.assert(
    fc.property(
      fc.array(lane, { minLength: 1, maxLength: 5 }),
      fc.option(producer, { nil: undefined }),
      fc.nat(2 ** 41),
      (lanes, by, nowMs) => {
        const request = encodeProduce(lanes, {
          timeoutMs: 1000,
          nowMs,
          headroom: 7,
          ...(by && { producer: by }),
        }).subarray(7)
        const topics = [...new Set(lanes.map(({ topic }) => topic))]
        expect(readProduce(request)).toEqual({
          ...(by && { producer: by }),
          lanes: topics
            .flatMap((topic) => lanes.filter((each) => each.topic === topic))
            .map(({ topic, partition, records, firstSequence }) => ({
              topic,
              partition,
              firstSequence: by ? firstSequence : -1,
              records: records.map(({ key, value, headers = {}, timestampMs = nowMs }) => ({
                key: key === null ? null : wellFormed(key),
                value: value === null ? null : wellFormed(value),
                headers: Object.fromEntries(
                  Object.entries(headers).map(([name, each]) => [wellFormed(name), wellFormed(each)]),
                ),
                timestampMs,
              })),
            })),
        })
      },
    ),
    { numRuns: 100 },
  )
})

/** As it comes back: half a surrogate pair has no bytes of its own. */
function wellFormed(part: string | Buffer): string {
  return Buffer.from(part as string).toString()
}
