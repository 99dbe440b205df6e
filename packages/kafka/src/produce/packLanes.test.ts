import { expect, test } from '@jest/globals'
import fc from 'fast-check'
import {
  type AddressedRecord,
  MAX_BATCH_BYTES,
  MAX_REQUEST_BYTES,
  packLanes,
  recordBytes,
} from './packLanes.ts'

test('requests keep the limits, lose nothing and keep the order within each partition', () => {
  const record = fc.record({
    topic: fc.constantFrom('a', 'b'),
    partition: fc.integer({ min: 0, max: 2 }),
    size: fc.constantFrom(1, 1_000, 400_000, 1_500_000),
  })
  fc.assert(
    fc.property(fc.array(record, { maxLength: 40 }), (shapes) => {
      const records = shapes.map(({ topic, partition, size }, i): AddressedRecord => ({
        topic,
        partition,
        key: String(i),
        value: Buffer.alloc(size),
      }))
      const seen = new Map<string, unknown[]>()
      for (const lanes of packLanes(records)) {
        const ids = lanes.map(({ topic, partition }) => `${topic}${partition}`)
        expect(new Set(ids).size).toBe(lanes.length)
        const sizes = lanes.map((lane) => lane.records.reduce((sum, each) => sum + recordBytes(each), 0))
        for (const [i, lane] of lanes.entries()) {
          expect(lane.records.length === 1 || sizes[i]! <= MAX_BATCH_BYTES).toBe(true)
          seen.set(ids[i]!, [...(seen.get(ids[i]!) ?? []), ...lane.records.map(({ key }) => key)])
        }
        expect(sizes.reduce((sum, size) => sum + size, 0)).toBeLessThanOrEqual(MAX_REQUEST_BYTES)
      }
      const wanted = new Map<string, unknown[]>()
      for (const { topic, partition, key } of records)
        wanted.set(`${topic}${partition}`, [...(wanted.get(`${topic}${partition}`) ?? []), key])
      expect(seen).toEqual(wanted)
    }),
  )
})
