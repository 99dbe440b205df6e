import { topics } from '@tributary/contracts'
import { expect, test } from '@jest/globals'
import fc from 'fast-check'
import { ChangeBuffer } from './changeBuffer.ts'
import type { TableSpec } from './processor.ts'
import { createMemoryStore, textCodec } from './testing/index.ts'

const table: TableSpec<string> = { name: 'rows', changeLog: topics.fragments, codec: textCodec }
const other: TableSpec<string> = { name: 'other', changeLog: topics.fragments, codec: textCodec }

const key = fc.constantFrom('a', 'b', 'c', 'é', '￿', '\u{1F600}', '')

test('a buffer over a store answers like one map that has all changes in it', () => {
  fc.assert(
    fc.property(
      fc.dictionary(key, fc.string()),
      fc.array(
        fc.oneof(
          fc.record({ op: fc.constant('put' as const), key, value: fc.string() }),
          fc.record({ op: fc.constant('delete' as const), key }),
        ),
      ),
      key,
      key,
      (stored, changes, from, to) => {
        const store = createMemoryStore()
        const rows = Object.entries(stored).map(([each, value]) => ({
          key: `rows/${each}`,
          value: Buffer.from(value),
        }))
        rows.push({ key: 'other/b', value: Buffer.from('not ours') })
        store.write({ rows, ends: new Map(), asOfMs: 0 })
        const buffer = new ChangeBuffer(store)
        const subject = buffer.table(table)
        const model = new Map(Object.entries(stored))
        for (const change of changes) {
          if (change.op === 'put') {
            subject.put(change.key, change.value)
            model.set(change.key, change.value)
          } else {
            subject.delete(change.key)
            model.delete(change.key)
          }
          expect(subject.get(change.key)).toBe(model.get(change.key))
        }
        const bytes = (text: string) => Buffer.from(text)
        const wanted = [...model]
          .filter(([each]) => Buffer.compare(bytes(each), bytes(from)) >= 0)
          .filter(([each]) => Buffer.compare(bytes(each), bytes(to)) < 0)
          .sort(([a], [b]) => Buffer.compare(bytes(a), bytes(b)))
        expect([...subject.range(from, to)]).toEqual(wanted)
        expect([...subject.range(from, to, 1)]).toEqual(wanted.slice(0, 1))
        // B1: the store has seen nothing; what is handed over makes it equal to the model.
        for (const changed of buffer.changed())
          store.write({
            rows: [{ key: `rows/${changed.key}`, value: changed.value }],
            ends: new Map(),
            asOfMs: 0,
          })
        const after = [...store.range('rows/', 'rows0')].map(([row, value]) => [
          row.slice(5),
          Buffer.from(value).toString(),
        ])
        expect(new Map(after as [string, string][])).toEqual(model)
      },
    ),
  )
})

test('rows of other tables are never seen', () => {
  const buffer = new ChangeBuffer(createMemoryStore())
  buffer.table(other).put('a', 'x')
  expect([...buffer.table(table).range('', '~')]).toEqual([])
})

test('a row that was put and deleted in one batch leaves no record', () => {
  const buffer = new ChangeBuffer(createMemoryStore())
  buffer.table(table).put('a', 'x')
  buffer.table(table).delete('a')
  buffer.table(table).delete('b')
  expect(buffer.changed()).toEqual([])
  expect(buffer.size).toBe(0)
})

test('a row that was decoded once is not decoded again in the same batch', () => {
  let decoded = 0
  const counting: TableSpec<string> = {
    ...table,
    codec: {
      encode: (value) => textCodec.encode(value),
      decode: (bytes) => (decoded++, textCodec.decode(bytes)),
    },
  }
  const store = createMemoryStore()
  store.write({ rows: [{ key: 'rows/a', value: Buffer.from('x') }], ends: new Map(), asOfMs: 0 })
  const subject = new ChangeBuffer(store).table(counting)
  expect([subject.get('a'), subject.get('a'), ...subject.range('a', 'b')]).toEqual(['x', 'x', ['a', 'x']])
  expect(decoded).toBe(1)
})

test('a row key that the store cannot hold is refused at once', () => {
  const subject = new ChangeBuffer(createMemoryStore()).table(table)
  expect(() => subject.put('é'.repeat(1_000), 'x')).toThrow('1900 bytes')
  expect(() => subject.put('a', undefined as unknown as string)).toThrow('call delete')
})
