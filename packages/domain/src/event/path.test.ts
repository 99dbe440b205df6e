import { expect, test } from '@jest/globals'
import { parsePath, readPath } from './path.ts'

const record = { customer: { card: 'c1', 'a.b': 2, nothing: null }, lines: [{ sku: 's1' }, { sku: 's2' }] }

test.each([
  ['customer.card', 'c1'],
  ['customer.a\\.b', 2],
  ['customer.nothing', null],
  ['lines.1.sku', 's2'],
  ['lines', record.lines],
  ['lines.2.sku', undefined],
  ['lines.01.sku', undefined],
  ['lines.length', undefined],
  ['customer.card.x', undefined],
  ['constructor', undefined],
  ['__proto__', undefined],
  ['customer.toString', undefined],
])('%s reads %j', (text, expected) => {
  expect(readPath(record, parsePath(text)!)).toEqual(expected)
})

test.each(['', '.', 'a.', '.a', 'a..b'])('"%s" is no path', (text) => {
  expect(parsePath(text)).toBeUndefined()
})
