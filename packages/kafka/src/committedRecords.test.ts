import { expect, test } from '@jest/globals'
import type { FetchedMessage } from './cluster.ts'
import { committedRecords } from './committedRecords.ts'

function message(offset: number, more: Partial<FetchedMessage> & { producer?: string } = {}): FetchedMessage {
  const { producer, ...over } = more
  return {
    offset: String(offset),
    timestamp: '5',
    key: Buffer.from(`k${offset}`),
    value: Buffer.from('v'),
    headers: {},
    isControlRecord: false,
    batchContext: { producerId: producer ?? '-1', inTransaction: producer !== undefined },
    ...over,
  }
}

const abort = { key: Buffer.from([0, 0, 0, 0]), isControlRecord: true }
const commit = { key: Buffer.from([0, 0, 0, 1]), isControlRecord: true }

function offsets(messages: readonly FetchedMessage[], from: number, aborted?: [string, number][]) {
  const list = aborted?.map(([producerId, firstOffset]) => ({ producerId, firstOffset: String(firstOffset) }))
  const { records, nextOffset } = committedRecords(messages, from, list)
  return { offsets: records.map(({ offset }) => offset), nextOffset }
}

test('records of an aborted transaction are left out up to its marker, those around them are not', () => {
  const messages = [
    message(0, { producer: '7' }),
    message(1, { producer: '8' }),
    message(2),
    message(3, { ...abort, producer: '7' }),
    message(4, { producer: '7' }),
    message(5, { ...commit, producer: '7' }),
  ]
  expect(offsets(messages, 0, [['7', 0]])).toEqual({ offsets: [1, 2, 4], nextOffset: 6 })
})

test('a producer that aborts twice is left out twice', () => {
  const messages = [
    message(0, { producer: '7' }),
    message(1, { ...abort, producer: '7' }),
    message(2, { producer: '7' }),
    message(3, { ...abort, producer: '7' }),
  ]
  expect(
    offsets(messages, 0, [
      ['7', 2],
      ['7', 0],
    ]),
  ).toEqual({ offsets: [], nextOffset: 4 })
})

test('a record whose key looks like an abort marker is a record', () => {
  const messages = [
    message(0, { producer: '7' }),
    message(1, { key: Buffer.from([0, 0, 0, 0]), producer: '7' }),
  ]
  expect(offsets(messages, 0, [['7', 0]])).toEqual({ offsets: [], nextOffset: 2 })
})

test('what lies before the offset asked for is dropped, and markers at the end are passed', () => {
  expect(offsets([message(3), message(4), message(5, { ...commit })], 4)).toEqual({
    offsets: [4],
    nextOffset: 6,
  })
  expect(offsets([], 9)).toEqual({ offsets: [], nextOffset: 9 })
})

test('of a header that was given several times the first value counts', () => {
  const [record] = committedRecords(
    [message(0, { headers: { a: [Buffer.from('1'), Buffer.from('2')] } })],
    0,
  ).records
  expect(record!.headers['a']?.toString()).toBe('1')
})
