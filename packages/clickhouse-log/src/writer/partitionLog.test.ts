import { describe, expect, test } from '@jest/globals'
import { recordOf } from '../testing/records.ts'
import { type LogStep, type Opening, PartitionLog } from './partitionLog.ts'
import { intentMetadata, readCommitted, storedMetadata, tokenOf } from './range.ts'

const limits = { maxRecords: 4, maxBytes: 2000, maxAgeMs: 1000 }
const open = (opening: Opening = { position: 0 }) => new PartitionLog(opening, 1, limits)
const records = (...offsets: number[]) => offsets.map((offset) => recordOf(offset, 'x'))

function said(step: LogStep): string {
  return step.do === 'wait' ? `wait ${step.untilMs}` : `${step.do} ${step.range.first}-${step.range.last}`
}

describe('a range is cut', () => {
  test('when it is full', () => {
    const log = open()
    log.offer(records(0, 1, 2, 3, 4), 5, 0)
    expect(said(log.next(0))).toBe('declare 0-3')
  })

  test('when its first record has waited long enough, and not before', () => {
    const log = open()
    log.offer(records(0, 1), 2, 500)
    expect(said(log.next(600))).toBe('wait 1500')
    expect(said(log.next(1500))).toBe('declare 0-1')
  })

  test('before it grows too large, and a record larger than the limit goes alone', () => {
    const log = open()
    log.offer([recordOf(0, 'x'), recordOf(1, Buffer.alloc(5000)), recordOf(2, 'x')], 3, 0)
    expect(said(log.next(0))).toBe('declare 0-0')
    log.declared()
    log.stored()
    log.closed()
    expect(said(log.next(0))).toBe('declare 1-1')
  })

  test('where the month changes, so that it is one part in ClickHouse', () => {
    const log = open()
    log.offer([recordOf(0, 'x'), recordOf(1, 'x', { timestampMs: Date.UTC(2026, 3, 1) })], 2, 0)
    expect(said(log.next(0))).toBe('declare 0-0')
  })
})

test('a range is declared, stored and closed; asked again, the step is the same', () => {
  const log = open()
  log.offer(records(0, 1, 4, 5), 6, 0)
  expect([said(log.next(0)), said(log.next(9))]).toEqual(['declare 0-5', 'declare 0-5'])
  log.declared()
  expect(said(log.next(0))).toBe('store 0-5')
  log.stored()
  expect(said(log.next(0))).toBe('close 0-5')
  log.closed()
  expect(said(log.next(0))).toBe('wait undefined')
  expect(log.bufferedBytes).toBe(0)
})

test('a refused range is halved down to the bad record, each half declared; the rest is stored', () => {
  const log = open()
  const effects: string[] = []
  log.offer(records(0, 1, 2, 3), 4, 0)
  for (let step = log.next(0); step.do !== 'wait'; step = log.next(0)) {
    effects.push(said(step))
    if (step.do === 'declare') log.declared()
    else if (step.do === 'close') log.closed()
    else if (step.do === 'store' && step.range.records.some(({ offset }) => offset === 2)) log.refused('bad')
    else log.stored()
  }
  expect(effects).toEqual([
    'declare 0-3',
    'store 0-3',
    'declare 0-1',
    'store 0-1',
    'close 0-1',
    'declare 2-3',
    'store 2-3',
    'declare 2-2',
    'store 2-2',
    'quarantine 2-2',
    'close 2-2',
    'declare 3-3',
    'store 3-3',
    'close 3-3',
  ])
})

describe('an open range of the last owner', () => {
  const inherited = { position: 10, intent: { epoch: 7, last: 14, gap: 2 } }

  test('is stored as it was declared, however the records come and whatever the limits say now', () => {
    const log = open(inherited)
    log.offer(records(10, 11, 12), 13, 0)
    expect(said(log.next(99_999))).toBe('wait undefined')
    log.offer(records(13, 14, 15, 16), 17, 99_999)
    const step = log.next(99_999)
    expect(said(step)).toBe('store 10-14')
    expect(step).toMatchObject({ range: { epoch: 7, records: { length: 5 } } })
    log.stored()
    log.closed()
    expect(said(log.next(100_999))).toBe('declare 15-16')
  })

  test('keeps its name when the log has lost its beginning', () => {
    const log = open(inherited)
    log.offer(records(12, 14), 15, 0)
    expect(said(log.next(0))).toBe('store 10-14')
  })

  test('is passed over when the log has lost all of it', () => {
    const log = open(inherited)
    log.offer(records(20), 21, 0)
    expect(said(log.next(0))).toBe('wait 1000')
    expect(said(log.next(1000))).toBe('declare 20-20')
  })
})

test('each record knows the gap before it; what was lost is no gap, and an open range keeps the one it began with', () => {
  const gaps = (step: LogStep) => (step.do === 'wait' ? [] : step.range.records.map(({ gap }) => gap))
  const log = open({ position: 5 })
  log.offer(records(5, 6, 9), 10, 0)
  log.skipTo(20)
  log.offer(records(20, 22), 23, 0)
  expect(gaps(log.next(0))).toEqual([0, 0, 2, 0])
  const again = new PartitionLog({ position: 9, intent: { epoch: 1, last: 12, gap: 2 } }, 1, limits)
  again.offer(records(9, 12), 13, 0)
  expect(gaps(again.next(0))).toEqual([2, 2])
})

test('records that come again are taken once', () => {
  const log = open()
  log.offer(records(0, 1), 2, 0)
  log.offer(records(0, 1, 2), 3, 0)
  expect(log.bufferedRecords).toBe(3)
  expect(log.position).toBe(3)
})

test('an answer nobody asked for is a bug, and says so', () => {
  expect(() => open().declared()).toThrow('partition log is reading, expected declaring')
})

test('what is committed survives its way through the metadata', () => {
  const intent = { epoch: 3, last: 2 ** 40, gap: 1 }
  expect(readCommitted(7, intentMetadata(intent))).toEqual({ offset: 7, stored: 7, intent })
  expect(readCommitted(7, storedMetadata(5))).toEqual({ offset: 7, stored: 5 })
  for (const none of [null, '']) expect(readCommitted(7, none)).toEqual({ offset: 7, stored: 7 })
  for (const bad of ['x', '[]', '{"v":1,"epoch":1}', '{"v":2,"stored":5}']) {
    expect(() => readCommitted(7, bad)).toThrow('newer')
  }
})

test('the last range is closed past the markers after it, others right behind their last record', () => {
  const log = open()
  log.offer(records(0, 1, 2, 3, 4), 7, 0)
  const closings: unknown[] = []
  for (let step = log.next(2000); step.do !== 'wait'; step = log.next(2000)) {
    if (step.do === 'declare') log.declared()
    else if (step.do === 'close') {
      closings.push({ offset: step.offset, stored: step.stored })
      log.closed()
    } else log.stored()
  }
  expect(closings).toEqual([
    { offset: 4, stored: 4 },
    { offset: 7, stored: 5 },
  ])
})

test('a token names epoch, topic, partition and range', () => {
  const place = { topic: 'internal.events.v1', partition: 3 }
  expect(tokenOf(place, { epoch: 2, first: 10, last: 19 })).toBe('v2:internal.events.v1:3:10-19')
})
