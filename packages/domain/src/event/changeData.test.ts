import { createHash } from 'node:crypto'
import { describe, expect, test } from '@jest/globals'
import { type OnDelete, changeDataMapping } from './changeData.ts'
import { parseExact } from './exactJson.ts'
import { type EventMapping, prepareMapping } from './mapping.ts'

const digest = (parts: readonly string[]): string =>
  createHash('sha256').update(parts.join('\0')).digest('hex').slice(0, 32)

const customers: EventMapping = {
  type: { const: 'identify' },
  identifiers: { user_id: 'id', email: 'email' },
  traits: { first_name: 'first_name', credit: 'credit' },
}
const orders: EventMapping = {
  event: { const: 'Order Placed' },
  identifiers: { user_id: 'customer' },
  properties: { total: 'total', table: '__table', op: '__op' },
}

function map(value: unknown, options: { mapping?: EventMapping; onDelete?: OnDelete; key?: string } = {}) {
  const { mapping = customers, onDelete = 'ignore', key = '{"id":7}' } = options
  const text = typeof value === 'string' ? value : JSON.stringify(value)
  return changeDataMapping(prepareMapping(mapping), { onDelete, digest }).map(parseExact(text), key)
}
function eventOf(...given: Parameters<typeof map>): Record<string, unknown> {
  const mapped = map(...given)
  if ('problem' in mapped) throw new Error(mapped.problem)
  return mapped.event
}

const source = {
  connector: 'postgresql',
  name: 'crm',
  db: 'crm',
  schema: 'public',
  table: 'customers',
  lsn: 24_023_128,
  txId: 555,
  ts_ms: 1_795_000_000_123,
  snapshot: 'false',
}
const ada = { id: 7, first_name: 'Ada', email: 'ada@shop.example', credit: 12.5 }
const change = (op: string, before: unknown, after: unknown) => ({
  before,
  after,
  source,
  op,
  ts_ms: 1_795_000_000_999,
})

describe.each([
  ['bare', (payload: unknown) => payload],
  ['with its schema', (payload: unknown) => ({ schema: { type: 'struct', fields: [] }, payload })],
])('a change of a row, %s', (_name, wrap) => {
  test.each(['c', 'u', 'r'])('%s is the row as it is now, at the time of the database', (op) => {
    expect(eventOf(wrap(change(op, null, ada)))).toEqual({
      type: 'identify',
      userId: 7,
      traits: { first_name: 'Ada', credit: 12.5 },
      context: {
        externalIds: [{ type: 'email', id: 'ada@shop.example', collection: 'users', encoding: 'none' }],
      },
      messageId: expect.stringMatching(/^[0-9a-f]{32}$/),
      timestamp: source.ts_ms,
    })
  })

  test('a tombstone is left out', () => {
    expect(map(wrap(null))).toMatchObject({ code: 'change_left_out' })
  })
})

test('what is known of the change can be mapped; a column of that name wins', () => {
  const row = { customer: 'u1', total: 3 }
  const table = { ...source, table: 'orders' }
  expect(eventOf({ ...change('c', null, row), source: table }, { mapping: orders })['properties']).toEqual({
    total: 3,
    table: 'orders',
    op: 'c',
  })
  expect(
    eventOf(change('c', null, { ...row, __table: 'mine' }), { mapping: orders })['properties'],
  ).toMatchObject({ table: 'mine' })
})

test('numbers of a row are kept to the last digit', () => {
  const text = `{"op":"c","before":null,"after":{"id":9007199254740993,"email":"a@x"},"source":{"lsn":1}}`
  expect(JSON.stringify(eventOf(text))).toContain('"userId":9007199254740993')
})

describe('the message id', () => {
  const id = (value: unknown, key?: string): unknown =>
    eventOf(value, key === undefined ? {} : { key })['messageId']
  const created = change('c', null, ada)

  test('is the same whenever the change is read', () => {
    expect(id({ ...created, ts_ms: 1 })).toBe(id(created))
    expect(id({ schema: {}, payload: created })).toBe(id(created))
    expect(id(created, '{"schema":{},"payload":{"id":7}}')).toBe(id(created))
  })

  test.each<[string, unknown, string]>([
    ['another op', { ...created, op: 'u' }, '{"id":7}'],
    ['another key', created, '{"id":8}'],
    ['a key that is no JSON', created, 'seven'],
    ['another position', { ...created, source: { ...source, lsn: 1 } }, '{"id":7}'],
    ['another table', { ...created, source: { ...source, table: 'x' } }, '{"id":7}'],
    ['another connector', { ...created, source: { ...source, name: 'x' } }, '{"id":7}'],
  ])('differs for %s', (_name, other, key) => {
    expect(id(other, key)).not.toBe(id(created))
  })

  test('is the mapped one when there is one, and that of the position for rows without a change', () => {
    expect(eventOf(created, { mapping: { ...customers, messageId: 'email' } })['messageId']).toBe(ada.email)
    expect(eventOf(ada)['messageId']).toBeUndefined()
  })
})

describe('an update', () => {
  const whole = { ...ada, phone: null, visits: 3 }
  const update = (after: object, before: object | null = whole) => change('u', before, after)

  test.each<[string, object]>([
    ['another column changes', { ...whole, visits: 4 }],
    ['another column becomes null', { ...whole, visits: null }],
    ['a column was added that is null', { ...whole, added: null }],
    ['nothing changes at all', whole],
  ])('is left out with a reason when %s', (_name, after) => {
    expect(map(update(after))).toEqual({
      problem: 'an update that changes no mapped column',
      code: 'no_mapped_change',
    })
  })

  test.each<[string, object, object | null]>([
    ['a mapped column changes', { ...whole, credit: 13 }, whole],
    ['a mapped column becomes null', { ...whole, first_name: null }, whole],
    ['an identifier changes', { ...whole, email: 'ada@home.example' }, whole],
    ['a value changes its type', { ...whole, credit: '12.5' }, whole],
    ['`before` is null', { ...whole, visits: 4 }, null],
    ['`before` holds the key alone', { ...whole, first_name: null, credit: null }, { id: 7 }],
    ['`before` may hold an index alone', { ...whole, visits: 4 }, { ...whole, visits: null }],
  ])('is an event when %s', (_name, after, before) => {
    expect(eventOf(update(after, before))).toMatchObject({ userId: 7 })
  })

  test('of the last digit of a number is a change', () => {
    const text = (credit: string): string => `{"id":7,"email":"a@x","credit":${credit}}`
    const after = (credit: string): string =>
      `{"op":"u","before":${text('9007199254740993')},"after":${text(credit)},"source":{"lsn":1}}`
    expect(map(after('9007199254740993'))).toMatchObject({ code: 'no_mapped_change' })
    expect(JSON.stringify(eventOf(after('9007199254740992')))).toContain('"credit":9007199254740992')
  })

  test('is judged by the columns, not by what is known of the change', () => {
    const row = { customer: 'u1', total: 3, note: 'a' }
    const at = (after: object) => ({ ...change('u', row, after), source: { ...source, ts_ms: 9 } })
    expect(map(at({ ...row, note: 'b' }), { mapping: orders })).toMatchObject({ code: 'no_mapped_change' })
    expect(eventOf(at({ ...row, total: 4 }), { mapping: orders })['properties']).toMatchObject({ total: 4 })
  })

  test.each(['__debezium_unavailable_value', 'X19kZWJleml1bV91bmF2YWlsYWJsZV92YWx1ZQ=='])(
    'with a large value that did not change, and was not read, leaves that out (%s)',
    (placeholder) => {
      for (const first_name of [placeholder, [placeholder]])
        expect(eventOf(update({ ...whole, first_name }, null))['traits']).toEqual({ credit: 12.5 })
    },
  )
})

describe('a deleted row', () => {
  const deleted = change('d', { id: 7, email: 'ada@shop.example' }, null)

  test('is left out unless the source says otherwise; so are truncations and messages', () => {
    for (const value of [deleted, { ...deleted, op: 't' }, { ...deleted, op: 'm' }])
      expect(map(value)).toMatchObject({ code: 'change_left_out' })
  })

  test('takes the mapped traits back with `unset`', () => {
    expect(eventOf(deleted, { onDelete: 'unset' })).toMatchObject({
      type: 'identify',
      userId: 7,
      traits: { first_name: null, credit: null },
    })
  })

  test.each<[string, unknown]>([
    ['without what was before', change('d', null, null)],
    ['flattened', { id: 7, first_name: null, __deleted: 'true' }],
    ['flattened with its op', { id: 7, __op: 'd' }],
  ])('is known by its key %s', (_name, value) => {
    expect(eventOf(value, { onDelete: 'unset', key: '{"schema":{},"payload":{"id":7}}' })).toMatchObject({
      userId: 7,
      traits: { first_name: null, credit: null },
    })
  })

  test('is known by a key beyond 2^53 to the last digit', () => {
    const key = '{"schema":{},"payload":{"id":9007199254740993}}'
    const event = eventOf(change('d', null, null), { onDelete: 'unset', key })
    expect(JSON.stringify(event)).toContain('"userId":9007199254740993')
  })

  test('of a table of events takes nothing back', () => {
    expect(
      map(change('d', { customer: 'u1', total: 1 }, null), { mapping: orders, onDelete: 'unset' }),
    ).toMatchObject({ code: 'change_left_out' })
  })
})

describe('a deleted row of a source that erases', () => {
  const deleted = change('d', ada, null)

  test('names the person, says nothing else of it, and erases', () => {
    const mapping = { ...customers, context: { note: 'first_name' }, properties: { p: 'credit' } }
    expect(map(deleted, { onDelete: 'erase', mapping })).toEqual({
      event: {
        type: 'identify',
        userId: 7,
        context: {
          externalIds: [{ type: 'email', id: 'ada@shop.example', collection: 'users', encoding: 'none' }],
        },
        messageId: expect.stringMatching(/^[0-9a-f]{32}$/),
        timestamp: source.ts_ms,
      },
      erases: true,
    })
  })

  test('is known by its key alone', () => {
    const mapped = map(change('d', null, null), { onDelete: 'erase' })
    expect(mapped).toMatchObject({ event: { userId: 7 }, erases: true })
  })

  test('has no message id of a column: the row was made under the same', () => {
    const mapping = { ...customers, messageId: 'id' }
    expect(eventOf(change('c', null, ada), { mapping })['messageId']).toBe(7)
    expect(eventOf(deleted, { onDelete: 'erase', mapping })['messageId']).not.toBe(7)
  })

  test('of a table of events is left out, and erases nobody', () => {
    expect(
      map(change('d', { customer: 'u1', total: 1 }, null), { mapping: orders, onDelete: 'erase' }),
    ).toMatchObject({ code: 'change_left_out' })
  })

  test.each(['c', 'u', 'r'])('%s erases nobody', (op) => {
    expect(map(change(op, null, ada), { onDelete: 'erase' })).not.toHaveProperty('erases')
  })

  test('that says nothing of where it stands is as many deletions as there are records', () => {
    for (const onDelete of ['unset', 'erase'] as const)
      expect(eventOf({ id: 7, __deleted: 'true' }, { onDelete })['messageId']).toBeUndefined()
  })
})

test.each([7, 'text', [1], { op: 'c', after: null, source }, { op: 'u', after: 'x', before: null }])(
  '%j is no row',
  (value) => {
    expect(map(JSON.stringify(value))).toEqual({ problem: 'the record holds no row' })
  },
)

test('a record of Kafka Connect is its row', () => {
  expect(eventOf({ schema: { type: 'struct' }, payload: ada })).toMatchObject({ type: 'identify', userId: 7 })
  expect(eventOf({ ...ada, __source_ts_ms: 1_795_000_000_000 })).toMatchObject({
    timestamp: 1_795_000_000_000,
  })
})
