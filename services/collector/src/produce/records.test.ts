import { describe, expect, test } from '@jest/globals'
import fc from 'fast-check'
import { type RejectedRecord, partitionOf } from '@tributary/contracts'
import { EventRecord } from '@tributary/contracts/generated/tributary/event/v1/event'
import { PositionToken } from '@tributary/contracts/generated/tributary/ingest/v1/position'
import { type AcceptedEvent } from '@tributary/domain'
import { eventRecord } from './eventRecord.ts'
import { MAX_PARTITION_BYTES } from './laneQueues.ts'
import { positionToken } from './positionToken.ts'
import { MAX_CHUNK_BYTES, rejectedRecords } from './rejectedRecords.ts'

const accepted: AcceptedEvent = {
  messageId: 'm1',
  messageIdGenerated: false,
  sourceId: 'web',
  type: 'alias',
  name: '',
  anchor: 'a'.repeat(32),
  identifiers: [{ type: 'user_id', value: 'u2', id: 'a'.repeat(32) }],
  previous: { type: 'user_id', value: 'u1', id: 'b'.repeat(32) },
  timeMs: -1,
  originalMs: -86_400_000,
  receivedMs: 1_795_000_000_000,
  flags: ['uncorrected', 'zone-assumed'],
  raw: new Uint8Array([0xff, 0x7b, 0x7d]).subarray(1),
  origin: 'http:r:0',
  identityRules: 'r1',
  trusted: true,
  epoch: 1,
}

test('an event’s record decodes to the event; key and partition are those of its anchor', () => {
  const record = eventRecord(accepted, 12)
  expect(record).toMatchObject({
    topic: 'events',
    key: accepted.anchor,
    partition: partitionOf(accepted.anchor, 12),
  })
  expect(EventRecord.decode(record.value).record).toEqual({
    $case: 'event',
    value: {
      messageId: 'm1',
      messageIdGenerated: false,
      sourceId: 'web',
      type: 6,
      name: '',
      anchor: accepted.anchor,
      identifiers: accepted.identifiers,
      previous: accepted.previous,
      timeMs: -1,
      originalTimeMs: -86_400_000,
      sentTimeMs: undefined,
      receivedTimeMs: 1_795_000_000_000,
      timeFlags: [1, 5],
      raw: Buffer.from('{}'),
      payload: undefined,
      origin: 'http:r:0',
      identityRules: 'r1',
      trusted: true,
      epoch: 1,
    },
  })
})

describe('a reject keeps the whole input', () => {
  const rejection = { code: 'unknown_type', message: 'a type is missing', messageId: 'm' } as const
  const arrival = { as: 'event', trusted: false } as const
  const read = (input: Uint8Array): RejectedRecord[] =>
    rejectedRecords({ source: 'web', rejection, input, origin: 'o', receivedMs: 0, arrival }, 4).map(
      (record) => JSON.parse(Buffer.from(record.value).toString()) as RejectedRecord,
    )

  test('in one record, with the headers of CloudEvents', () => {
    const [record] = rejectedRecords(
      { source: 'web', rejection, input: Buffer.from('{}'), origin: 'http:r:0', receivedMs: 0, arrival },
      4,
    )
    expect(record).toMatchObject({
      topic: 'rejected',
      key: 'web',
      partition: partitionOf('web', 4),
      headers: {
        ce_specversion: '1.0',
        ce_id: 'http:r:0',
        ce_type: 'dev.tributary.event.rejected.v1',
        ce_subject: 'web',
        ce_time: '1970-01-01T00:00:00.000Z',
        'content-type': 'application/json',
      },
    })
    expect(read(Buffer.from('{}'))).toEqual([
      {
        code: 'unknown_type',
        message: 'a type is missing',
        source: 'web',
        receivedAt: '1970-01-01T00:00:00.000Z',
        input: 'e30=',
        messageId: 'm',
        origin: 'o',
        arrival,
      },
    ])
  })

  test('to the byte, however large, in pieces that are each small enough for a record', () => {
    fc.assert(
      fc.property(fc.integer({ min: 0, max: 3 * MAX_CHUNK_BYTES }), (size) => {
        const input = Buffer.alloc(size, 'é')
        const pieces = read(input)
        expect(Buffer.concat(pieces.map((piece) => Buffer.from(piece.input, 'base64'))).equals(input)).toBe(
          true,
        )
        expect(pieces.every((piece, i) => piece.origin === 'o' && (piece.chunk ?? 0) === i)).toBe(true)
        expect(Math.max(...pieces.map((piece) => piece.input.length))).toBeLessThan(2 * MAX_PARTITION_BYTES)
      }),
      { numRuns: 20 },
    )
  })
})

test('the position of an answer names each partition once, in order', () => {
  const token = positionToken(3, [
    { partition: 7, offset: 2 ** 40 },
    { partition: 0, offset: 0 },
  ])
  expect(token).toMatch(/^[A-Za-z0-9_-]+$/)
  expect(PositionToken.decode(Buffer.from(token, 'base64url'))).toEqual({
    epoch: 3,
    positions: [
      { partition: 0, offset: 0 },
      { partition: 7, offset: 2 ** 40 },
    ],
  })
})

test('a position written by hand is the one of the generated encoder', () => {
  const position = fc.record({ partition: fc.nat(100_000), offset: fc.maxSafeNat() })
  fc.assert(
    fc.property(
      fc.nat(5000),
      fc.uniqueArray(position, { selector: (each) => each.partition }),
      (epoch, positions) => {
        const sorted = positions.toSorted((a, b) => a.partition - b.partition)
        expect(positionToken(epoch, positions)).toBe(
          Buffer.from(PositionToken.encode({ epoch, positions: sorted }).finish()).toString('base64url'),
        )
      },
    ),
  )
})
