import { describe, expect, test } from '@jest/globals'
import fc from 'fast-check'
import { type RejectedRecord } from '@tributary/contracts'
import { EventRecord } from '@tributary/contracts/generated/tributary/event/v1/event'
import { createMetrics } from '@tributary/service-kit'
import { createCollectorMetrics } from '../collectorMetrics.ts'
import { createInFlight } from '../http/inFlight.ts'
import { createGroupCommit } from '../produce/groupCommit.ts'
import { TEST_PARTITIONS, createMemoryLog, exampleSources, testPorts, workspaceOf } from '../testing/index.ts'
import { type KafkaSource, buildSourceBook } from './sourceBook.ts'
import { takeBatch } from './sourceConsumer.ts'

const book = buildSourceBook(workspaceOf(exampleSources), testPorts)
const source = (id: string): KafkaSource => book.kafka.find((each) => each.id === id)!
const TIME = Date.parse('2026-11-24T12:00:00Z')

function open() {
  const log = createMemoryLog()
  const registry = createMetrics('collector')
  const groupCommit = createGroupCommit({ sender: log, inFlight: 2, timeoutMs: 200 })
  const metrics = createCollectorMetrics(registry, createInFlight(1))
  return { log, registry, options: { groupCommit, metrics, partitions: TEST_PARTITIONS, retryMs: 5 } }
}

const batchOf = (values: readonly (string | null)[], signal = new AbortController().signal) => ({
  topic: 'retail.receipts',
  partition: 2,
  records: values.map((value, i) => ({
    offset: 100 + i,
    timestampMs: TIME,
    value: value === null ? null : Buffer.from(value),
  })),
  signal,
})

const eventsOf = (log: ReturnType<typeof createMemoryLog>) =>
  log.records('events').flatMap((record) => {
    const decoded = EventRecord.decode(record.value).record
    return decoded?.$case === 'event' ? [decoded.value] : []
  })
const rejectsOf = (log: ReturnType<typeof createMemoryLog>) =>
  log.records('rejected').map((record) => JSON.parse(Buffer.from(record.value).toString()) as RejectedRecord)

describe('other formats', () => {
  const take = async (id: string, records: readonly object[]) => {
    const { log, options } = open()
    const batch = {
      ...batchOf([]),
      records: records.map((each, i) => ({ offset: i, timestampMs: TIME, ...each })),
    }
    expect(await takeBatch(source(id), batch as never, options)).toBe(true)
    return log
  }

  test('CloudEvents, binary and structured; a reject holds the attributes too', async () => {
    const headers = {
      ce_specversion: Buffer.from('1.0'),
      ce_id: Buffer.from('1'),
      ce_source: '/shop',
      ce_type: Buffer.from('paid'),
      'content-type': 'application/json',
    }
    const whole = '{"specversion":"1.0","id":"2","source":"/shop","type":"paid","data":{"total":2}}'
    const log = await take('orders', [
      { key: Buffer.from('k'), value: Buffer.from('{"total":1}'), headers },
      { key: null, value: Buffer.from(whole), headers: { 'content-type': 'application/cloudevents+json' } },
      { key: null, value: Buffer.from(whole.replace('"2"', '"3"')), headers: {} },
      { key: null, value: Buffer.from('{"total":4}'), headers: { ...headers, ce_type: undefined } },
      { key: null, value: null, headers },
    ])
    expect(eventsOf(log).map((event) => [event.messageId, event.name, event.trusted])).toEqual([
      ['/shop#1', 'paid', true],
      ['/shop#2', 'paid', true],
      ['/shop#3', 'paid', true],
    ])
    expect(rejectsOf(log).map((each) => each.code)).toEqual(['does_not_map', 'empty_record'])
    expect(JSON.parse(Buffer.from(rejectsOf(log)[0]!.input, 'base64').toString())).toMatchObject({
      id: '1',
      data: { total: 4 },
    })
  })

  test('changes of a table: each change once, whenever it is read; a deletion takes traits back', async () => {
    const change = (op: string, after: object | null) =>
      Buffer.from(
        JSON.stringify({
          op,
          before: null,
          after,
          source: { name: 'crm', table: 'customers', lsn: 9, ts_ms: TIME },
        }),
      )
    const key = Buffer.from('{"id":"u7"}')
    const row = { id: 'u7', email: 'a@x.example', plan: 'pro' }
    const log = await take('customers', [
      { key, value: change('c', row), headers: {} },
      { key, value: change('c', row), headers: {} },
      { key, value: change('d', null), headers: {} },
      { key, value: null, headers: {} },
    ])
    const [first, again, deleted] = eventsOf(log)
    expect(again!.messageId).toBe(first!.messageId)
    expect(first).toMatchObject({ type: 2, originalTimeMs: TIME })
    expect(first!.identifiers.map((each) => each.value)).toEqual(['u7', 'a@x.example'])
    expect(JSON.parse(deleted!.payload!.toString())).toMatchObject({ userId: 'u7', traits: { plan: null } })
    expect(rejectsOf(log).map((each) => each.code)).toEqual(['change_left_out'])
  })
})

describe('whatever a producer writes', () => {
  const bytes = fc.uint8Array({ maxLength: 60 }).map((each) => Buffer.from(each))
  const change = fc
    .record({
      op: fc.constantFrom('c', 'u', 'd', 'r', 't', 'm', 'x', 7),
      before: fc.oneof(fc.constant(null), fc.jsonValue()),
      after: fc.oneof(fc.constant(null), fc.jsonValue()),
      source: fc.oneof(fc.constant({ lsn: 1 }), fc.jsonValue()),
    })
    .map((each) => Buffer.from(JSON.stringify(each)))
  const value = fc.oneof(
    fc.constant(null),
    bytes,
    fc.json().map((each) => Buffer.from(each)),
    change,
    fc
      .record({
        type: fc.constantFrom('page', 'track', 'nonsense', 1),
        id: fc.jsonValue(),
        userId: fc.jsonValue(),
      })
      .map((each) => Buffer.from(JSON.stringify(each))),
  )
  const headerNames = [
    'ce_id',
    'ce_specversion',
    'ce_source',
    'ce_type',
    'ce_time',
    'content-type',
    '__proto__',
  ]
  const record = fc.record({
    value,
    key: fc.oneof(fc.constant(null), bytes),
    headers: fc.dictionary(fc.constantFrom(...headerNames), fc.oneof(bytes, fc.string({ maxLength: 30 }))),
    timestampMs: fc.oneof(fc.integer(), fc.constant(TIME), fc.constant(2 ** 63)),
  })

  test.each(['pos', 'app', 'orders', 'customers'])(
    '%s: each record is one event or one reject with all its bytes, and the same when it is read again',
    async (id) => {
      await fc.assert(
        fc.asyncProperty(fc.array(record, { minLength: 1, maxLength: 8 }), async (records) => {
          const batch = { ...batchOf([]), records: records.map((each, offset) => ({ ...each, offset })) }
          const read = async () => {
            const { log, options } = open()
            expect(await takeBatch(source(id), batch, options)).toBe(true)
            return { events: eventsOf(log), rejects: rejectsOf(log) }
          }
          const { events, rejects } = await read()
          const places = [
            ...events.map(({ origin }) => origin),
            ...rejects.map(({ position }) => `kafka:retail.receipts:2:${position!.offset}`),
          ]
          expect(places.sort()).toEqual(records.map((_, i) => `kafka:retail.receipts:2:${i}`).sort())
          // A CloudEvent in binary mode is kept in its structured form: with what stood in its headers.
          const kept = id === 'orders' ? [] : rejects
          expect(kept.map(({ input }) => Buffer.from(input, 'base64'))).toEqual(
            kept.map(({ position }) => records[position!.offset]!.value ?? Buffer.alloc(0)),
          )
          expect(await read()).toEqual({ events, rejects })
        }),
        { numRuns: 100 },
      )
    },
  )
})

test('every type of event can be mapped, and a source may take larger ones', async () => {
  const { log, options } = open()
  const mapped = buildSourceBook(
    workspaceOf([
      {
        kind: 'Source',
        id: 'all',
        kafka: { topic: 't', format: 'json', limits: { eventBytes: 300_000 } },
        map: {
          type: 'kind',
          event: 'what',
          name: 'what',
          groupId: 'group',
          previousId: 'before',
          identifiers: { user_id: 'user' },
        },
      } as never,
    ]),
    testPorts,
  ).kafka[0]!
  const records = ['track', 'identify', 'page', 'screen', 'group', 'alias'].map((kind) =>
    JSON.stringify({ kind, what: 'w', group: 'g1', before: 'u0', user: 'u1', x: 'x'.repeat(280_000) }),
  )
  await takeBatch(mapped, batchOf([...records, JSON.stringify({ user: 'x'.repeat(300_000) })]), options)
  expect(eventsOf(log).map(({ type, name, previous }) => [type, name, previous?.value])).toEqual([
    [1, 'w', undefined],
    [2, '', undefined],
    [3, 'w', undefined],
    [4, 'w', undefined],
    [5, '', undefined],
    [6, '', 'u0'],
  ])
  expect(rejectsOf(log).map(({ code }) => code)).toEqual(['event_too_large'])
})

describe('a batch of a Kafka source', () => {
  test('is durable before it counts: every record as an event or a reject, with its position', async () => {
    const { log, registry, options } = open()
    const receipt =
      '{"receiptId":"R1","soldAt":"2026-11-24T12:30:00","customer":{"email":"A@X.example"},"total":9007199254740993}'
    expect(
      await takeBatch(source('pos'), batchOf([receipt, '{"invoice":1}', 'no JSON', null]), options),
    ).toBe(true)

    expect(eventsOf(log)).toMatchObject([
      {
        sourceId: 'pos',
        messageId: 'R1',
        name: 'Order Completed',
        trusted: true,
        timeMs: Date.parse('2026-11-24T11:30:00Z'),
        receivedTimeMs: TIME,
        origin: 'kafka:retail.receipts:2:100',
      },
    ])
    expect(eventsOf(log)[0]!.raw.toString()).toBe(receipt)
    expect(
      rejectsOf(log).map((each) => [each.code, each.position, Buffer.from(each.input, 'base64').toString()]),
    ).toEqual([
      ['does_not_map', { topic: 'retail.receipts', partition: 2, offset: 101 }, '{"invoice":1}'],
      ['invalid_json', { topic: 'retail.receipts', partition: 2, offset: 102 }, 'no JSON'],
      ['empty_record', { topic: 'retail.receipts', partition: 2, offset: 103 }, ''],
    ])
    const text = await registry.text()
    expect(text).toContain('tributary_collector_source_records_total{source="pos"} 4')
    expect(text).toContain('tributary_collector_accepted_events_total{source="pos"} 1')
  })

  test('read twice gives the same events', async () => {
    const { log, options } = open()
    await takeBatch(source('pos'), batchOf(['{"total":1}', '{"receiptId":"R2"}']), options)
    await takeBatch(source('pos'), batchOf(['{"total":1}', '{"receiptId":"R2"}']), options)
    const [first, second, third, fourth] = eventsOf(log)
    expect([third, fourth]).toEqual([first, second])
  })

  test('is not stopped by a record whose time is no date', async () => {
    const { log, options } = open()
    const { records, ...rest } = batchOf(['{"type":"page"}', 'no JSON'])
    for (const timestampMs of [-1, 2 ** 63]) {
      const wild = records.map((record) => ({ ...record, timestampMs }))
      // oxlint-disable-next-line no-await-in-loop -- one after the other
      expect(await takeBatch(source('app'), { ...rest, records: wild }, options)).toBe(true)
    }
    expect(eventsOf(log).map((event) => event.receivedTimeMs)).toEqual([0, 253_402_300_799_999])
    expect(rejectsOf(log).map((each) => each.receivedAt)).toEqual([
      '1970-01-01T00:00:00.000Z',
      '9999-12-31T23:59:59.999Z',
    ])
  })

  test('is tried again while Kafka does not acknowledge, and never skipped', async () => {
    const { log, registry, options } = open()
    log.fault = 'away'
    const taken = takeBatch(source('app'), batchOf(['{"type":"page"}']), options)
    await new Promise((resolve) => setTimeout(resolve, 50))
    log.fault = undefined
    expect(await taken).toBe(true)
    expect(eventsOf(log)).toHaveLength(1)
    expect(await registry.text()).toMatch(/source_retries_total\{source="app"\} [1-9]/)
  })

  test('is given up, not committed, when its partition belongs to somebody else', async () => {
    const { log, options } = open()
    log.fault = 'away'
    const revoked = new AbortController()
    const taken = takeBatch(source('app'), batchOf(['{"type":"page"}'], revoked.signal), options)
    setTimeout(() => revoked.abort(), 20)
    expect(await taken).toBe(false)
  })

  test('is given up, not committed, when the collector stops', async () => {
    const { options } = open()
    await options.groupCommit.stop()
    expect(await takeBatch(source('app'), batchOf(['{"type":"page"}']), options)).toBe(false)
  })
})
