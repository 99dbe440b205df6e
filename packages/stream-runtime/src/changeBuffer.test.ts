import { topics } from '@tributary/contracts'
import { expect, test } from '@jest/globals'
import fc from 'fast-check'
import { ChangeBuffer } from './changeBuffer.ts'
import type { TableSpec } from './processor.ts'
import { rowNames } from './rowKey.ts'
import { sortKeys } from './sortedKeys.ts'
import { createMemoryStore, textCodec } from './testing/index.ts'
import { viewStore } from './viewStore.ts'

const table: TableSpec<string> = { name: 'rows', changeLog: topics.fragments, codec: textCodec }
const other: TableSpec<string> = { name: 'other', changeLog: topics.fragments, codec: textCodec }

const key = fc.constantFrom('a', 'b', 'c', 'é', '￿', '\u{1F600}', '')

const family = { name: 'together', letter: 'a' }
const inFamily: TableSpec<string> = { ...table, family }
const sibling: TableSpec<string> = { ...other, family: { ...family, letter: 'b' } }

test.each([
  ['of its own', table, other],
  ['in a family', inFamily, sibling],
])('a buffer over a store answers like one map that has all changes in it: a table %s', (_, spec, beside) => {
  const names = rowNames(spec)
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
          key: names.row(each),
          value: Buffer.from(value),
        }))
        rows.push({ key: rowNames(beside).row('b'), value: Buffer.from('not ours') })
        store.write({ rows, ends: new Map(), asOfMs: 0 })
        const buffer = new ChangeBuffer(store)
        const subject = buffer.table(spec)
        buffer.table(beside).put('c', 'not ours')
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
        const all = buffer.changed()
        expect(all.map(({ row }) => row)).toEqual(sortKeys(all.map(({ row }) => row)))
        store.write({
          rows: all.map(({ row, value }) => ({ key: row, value })),
          ends: new Map(),
          asOfMs: 0,
        })
        const view = viewStore(store, { name: 'test', tables: [spec, beside] as TableSpec<unknown>[] }, 0)
        expect(new Map(view.table(spec).range('', '\u{10FFFF}'))).toEqual(model)
        expect([...view.table(spec).range('', '\u{10FFFF}', 2)]).toHaveLength(Math.min(2, model.size))
      },
    ),
  )
})

test('a key that holds what ends the keys of a family is refused', () => {
  expect(() => new ChangeBuffer(createMemoryStore()).table(inFamily).put('a\0', 'x')).toThrow('character 0')
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
