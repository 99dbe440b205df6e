import { topics } from '@tributary/contracts'
import { Skipped } from '@tributary/contracts/generated/tributary/event/v1/skipped'
import { expect, test } from '@jest/globals'
import fc from 'fast-check'
import { Batch } from './batch.ts'
import type { StateStore } from './ports/store.ts'
import type { TableSpec } from './processor.ts'
import { replayChangeLog } from './replayChangeLog.ts'
import { decodeMeta, EMPTY_META, type TaskMeta } from './taskMeta.ts'
import { createMemoryStore, textCodec } from './testing/index.ts'

const compacted: TableSpec<string> = { name: 'rows', changeLog: topics.fragments, codec: textCodec }
const timeKept: TableSpec<string> = { name: 'seen', changeLog: topics.seen, codec: textCodec }
const topology = { name: 'test', tables: [compacted, timeKept], metaLog: topics.fragments }
const counts = { identifier: 4, profile: 4, delivery: 4 }
const still = { positions: {}, clockMs: 0, configurationOffset: null }

function open(store: StateStore = createMemoryStore(), meta: TaskMeta = EMPTY_META): Batch {
  return new Batch({ topology, partition: 1, epoch: 2, counts, store, meta })
}

test('numbers of a partition go on without a gap from batch to batch, and a null takes none of a stamped topic', () => {
  const first = open()
  expect(first.nextSeq(topics.skipped, 1)).toBe(1)
  first.send({ topic: topics.skipped, partition: 1, key: null, value: Buffer.alloc(0) })
  first.send({ topic: topics.assignments, key: 'a', value: null })
  first.send({ topic: topics.skipped, partition: 2, key: null, value: Buffer.alloc(0) })
  const { meta } = first.finish(still)
  const second = open(createMemoryStore(), meta)
  second.send({ topic: topics.skipped, partition: 1, key: null, value: Buffer.alloc(0) })
  const [output] = second.finish(still).outputs
  expect(Skipped.decode(output!.value!).stamp).toEqual({ epoch: 2, writer: 'test-1', seq: 2 })
  expect(meta.sequences).toEqual({ 'internal.skipped.v1/1': 1, 'internal.skipped.v1/2': 1 })
})

test('records of public topics are numbered too, for versions and ids', () => {
  const batch = open()
  batch.send({ topic: topics.profiles, partitionKey: 'p', partition: 3, key: 'p', value: null })
  expect(batch.nextSeq(topics.profiles, 3)).toBe(2)
})

test.each([
  ['an explicit partition left out', { topic: topics.skipped, key: 'a', value: null }, 'partition named'],
  ['a partition that is not there', { topic: topics.skipped, partition: 4, key: 'a', value: null }, 'only 4'],
  ['a key left out', { topic: topics.assignments, key: null, value: null }, 'a key'],
  ['a profile id left out', { topic: topics.profileParts, key: 'a', value: null }, 'profile id'],
])('%s is refused when it is sent', (_, record, message) => {
  expect(() => open().send(record)).toThrow(message)
})

test('a control record reaches the partition it names although its topic is keyed', () => {
  const batch = open()
  batch.send({ topic: topics.events, partition: 3, key: 'job', value: Buffer.alloc(0) })
  expect(batch.finish(still).outputs[0]!.partition).toBe(3)
})

test('a table that was not declared is refused', () => {
  expect(() => open().table({ ...compacted, name: 'undeclared' })).toThrow('declare it')
})

test('rows that expire from the smallest on cost one record, whatever their number', () => {
  const store = createMemoryStore()
  const fill = open(store)
  for (let i = 0; i < 100; i++) fill.table(timeKept).put(`day1|${i}`, 'x')
  fill.table(timeKept).put('day2|0', 'x')
  const filled = fill.finish(still)
  store.write({ rows: filled.rows, ends: new Map(), asOfMs: 0 })
  const expire = open(store, filled.meta)
  for (const [key] of expire.table(timeKept).range('day1', 'day2')) expire.table(timeKept).delete(key)
  const { changeLog } = expire.finish(still)
  expect(changeLog.map(({ topic, key }) => `${topic.name} ${key}`)).toEqual([
    'internal.seen.v1 !floor/seen',
    'internal.fragments.v1 !meta',
  ])
})

test('a store restored from the change log equals the one that was written, for compacted and time-kept tables', () => {
  const key = fc.integer({ min: 0, max: 12 }).map((n) => `k${String(n).padStart(2, '0')}`)
  const change = fc.record({
    table: fc.constantFrom(compacted, timeKept),
    key,
    value: fc.option(fc.string({ minLength: 1 })),
  })
  fc.assert(
    fc.property(fc.array(fc.array(change, { maxLength: 12 }), { maxLength: 8 }), (batches) => {
      const store = createMemoryStore()
      const restored = createMemoryStore()
      let meta = EMPTY_META
      for (const changes of batches) {
        const batch = open(store, meta)
        for (const { table, key: row, value } of changes) {
          if (value === null) batch.table(table).delete(row)
          else batch.table(table).put(row, value)
        }
        const finished = batch.finish(still)
        store.write({ rows: finished.rows, ends: new Map(), asOfMs: 0 })
        meta = finished.meta
        for (const log of [topics.fragments, topics.seen]) {
          const records = finished.changeLog
            .filter(({ topic }) => topic.name === log.name)
            .map((record) => ({
              key: Buffer.from(record.key!),
              value: record.value && Buffer.from(record.value),
            }))
          for (const piece of replayChangeLog(log, topics.fragments, records))
            restored.write({ ...piece, ends: new Map(), asOfMs: 0 })
        }
      }
      expect([...restored.dump()]).toEqual([...store.dump()])
    }),
  )
})

test('meta survives its encoding, and one of a newer release is refused instead of guessed at', () => {
  const { meta, rows } = open().finish({ positions: { b: 2, a: 1 }, clockMs: 5, configurationOffset: 3 })
  const encoded = rows.find(({ key }) => key === '!meta')!.value!
  expect(decodeMeta(encoded)).toEqual(meta)
  const newer = Buffer.from(encoded).toString().replace('"v":1', '"v":2')
  expect(() => decodeMeta(Buffer.from(newer))).toThrow('newer release')
})
