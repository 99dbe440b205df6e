import { createHash } from 'node:crypto'
import { describe, expect, test } from '@jest/globals'
import fc from 'fast-check'
import { admitBatch } from './admitBatch.ts'
import {
  type AcceptedEvent,
  type Circumstances,
  type Verdict,
  admitEvent,
  defaultEventLimits,
} from './admitEvent.ts'
import { admitRecord } from './admitRecord.ts'
import { prepareRules } from './identifiers.ts'
import { defaultIdentifierRules } from './identityRules.ts'
import { prepareMapping } from './mapping.ts'
import { type ReceivedItem, readBatch, readSingle } from './readBody.ts'
import { type RejectionCode, rejectionCodes } from './rejection.ts'

const RECEIVED = Date.parse('2026-11-24T12:00:00Z')
const hash = (text: string): string => createHash('sha256').update(text).digest('hex').slice(0, 32)
const rules = prepareRules(
  { types: defaultIdentifierRules, placeholders: { values: [], patterns: [] }, blocked: [], hash: 'rules-1' },
  { hashIdentifier: (type, version, value) => hash(`${type}\0${version}\0${value}`), phone: () => undefined },
)
const web: Circumstances = {
  sourceId: 'web',
  trusted: false,
  epoch: 1,
  rules,
  limits: defaultEventLimits,
  digest: (parts) => hash(parts.join('\0')),
}

function item(text: string | Uint8Array): ReceivedItem {
  const read = readSingle(Buffer.from(text))
  if ('code' in read) throw new Error(read.message)
  return read
}

function admit(text: string | Uint8Array, circumstances: Partial<Circumstances> = {}): Verdict {
  return admitEvent(
    item(text),
    { ...web, ...circumstances },
    {
      origin: 'http:r1:0',
      receivedMs: RECEIVED,
      newMessageId: () => 'new-id',
    },
  )
}

function accepted(text: string | Uint8Array, circumstances: Partial<Circumstances> = {}): AcceptedEvent {
  const verdict = admit(text, circumstances)
  if ('rejected' in verdict) throw new Error(verdict.rejected.message)
  return verdict.accepted
}

const payloadOf = (event: AcceptedEvent): string | undefined =>
  event.payload && Buffer.from(event.payload).toString()

test('an accepted event carries its bytes and everything that is derived from them', () => {
  const text =
    '{"type":"track","event":"Order Completed","messageId":"m1","userId":"u1","anonymousId":"a1","timestamp":"2026-11-24T11:59:00Z","sentAt":"2026-11-24T12:00:00Z","properties":{"total":1.50}}'
  const event = accepted(text)
  expect(Buffer.from(event.raw).toString()).toBe(text)
  expect(event).toMatchObject({
    messageId: 'm1',
    messageIdGenerated: false,
    sourceId: 'web',
    type: 'track',
    name: 'Order Completed',
    anchor: hash('user_id\x001\0u1'),
    identifiers: [
      { type: 'user_id', value: 'u1', id: hash('user_id\x001\0u1') },
      { type: 'anonymous_id', value: 'a1', id: hash('anonymous_id\x001\0a1') },
    ],
    timeMs: RECEIVED - 60_000,
    receivedMs: RECEIVED,
    flags: [],
    origin: 'http:r1:0',
    identityRules: 'rules-1',
    trusted: false,
    epoch: 1,
  })
  expect(event.payload).toBeUndefined()
})

describe('an event is refused for what no retry would cure', () => {
  test.each<[string, RejectionCode]>([
    ['5', 'not_an_object'],
    ['null', 'not_an_object'],
    ['[{"type":"track"}]', 'not_an_object'],
    ['{"userId":"u1"}', 'unknown_type'],
    ['{"type":"Track","event":"x"}', 'unknown_type'],
    ['{"type":1}', 'unknown_type'],
    ['{"type":"track"}', 'missing_event_name'],
    ['{"type":"track","event":" "}', 'missing_event_name'],
    ['{"type":"track","event":7}', 'missing_event_name'],
    [`{"type":"track","event":"${'x'.repeat(1025)}"}`, 'name_too_long'],
    ['{"type":"group","userId":"u1"}', 'missing_group_id'],
    ['{"type":"group","groupId":{}}', 'missing_group_id'],
    ['{"type":"alias","userId":"u1"}', 'missing_previous_id'],
    ['{"type":"track","event":"x","properties":"p"}', 'invalid_field'],
    ['{"type":"identify","traits":[]}', 'invalid_field'],
    ['{"type":"page","context":1}', 'invalid_field'],
    [`{"type":"page","messageId":"${'m'.repeat(257)}"}`, 'message_id_too_long'],
    [`{"type":"page","properties":{"a":${'['.repeat(31)}${']'.repeat(31)}}}`, 'too_deep'],
    [`{"type":"page","properties":{"a":"${'x'.repeat(256 * 1024)}"}}`, 'event_too_large'],
  ])('%.60s', (text, code) => {
    const verdict = admit(text)
    expect('rejected' in verdict && verdict.rejected.code).toBe(code)
  })
})

describe('what is odd but harmless is accepted', () => {
  test.each([
    ['{"type":"page"}'],
    ['{"type":"page","properties":null,"context":null,"traits":null}'],
    ['{"type":"track","event":"x","userId":{"a":1},"anonymousId":null}'],
    ['{"type":"group","groupId":12}'],
    ['{"type":"group","groupId":9007199254740993}'],
    ['{"type":"alias","userId":"u2","previousId":"undefined"}'],
    ['{"type":"track","event":"x","unheard":{"of":1},"__proto__":{"x":1}}'],
    [`{"type":"page","properties":{"a":${'['.repeat(30)}${']'.repeat(30)}}}`],
  ])('%.60s', (text) => {
    expect(Buffer.from(accepted(text).raw).toString()).toBe(text)
  })
})

test('an event of exactly the limit passes, one byte more does not', () => {
  const limits = { ...defaultEventLimits, maxEventBytes: 100 }
  const of = (bytes: number): string => `{"type":"page","a":"${'x'.repeat(bytes - 22)}"}`
  expect(of(100)).toHaveLength(100)
  expect('accepted' in admit(of(100), { limits })).toBe(true)
  expect('accepted' in admit(of(101), { limits })).toBe(false)
})

test('a rejected event is named by its message id when that can be read', () => {
  const verdict = admit('{"type":"nonsense","messageId":12345678901234567890}')
  expect(verdict).toEqual({
    rejected: { code: 'unknown_type', message: expect.any(String), messageId: '12345678901234567890' },
  })
})

test('an event without identifiers is accepted and filed under its own message id', () => {
  const event = accepted('{"type":"track","event":"x","messageId":"m1","userId":"undefined"}')
  expect(event.identifiers).toEqual([])
  expect(event.anchor).toBe(hash('web\0m1'))
})

describe('message ids', () => {
  test.each([
    ['"m1"', 'm1', false],
    ['12', '12', false],
    ['9007199254740993', '9007199254740993', false],
    ['"a\\u0000b"', 'a\uFFFDb', false],
    ['""', 'new-id', true],
    ['"  "', 'new-id', true],
    ['null', 'new-id', true],
    ['1.5', 'new-id', true],
    ['{}', 'new-id', true],
    ['true', 'new-id', true],
  ])('%s', (written, messageId, messageIdGenerated) => {
    expect(accepted(`{"type":"page","messageId":${written}}`)).toMatchObject({
      messageId,
      messageIdGenerated,
    })
  })
})

test('the path of the request names the type, whatever the event says', () => {
  expect(accepted('{"event":"x"}', { type: 'track' })).toMatchObject({ type: 'track', name: 'x' })
  expect(accepted('{"type":"page","event":"x"}', { type: 'track' }).type).toBe('track')
})

test('alias: the previous identifier is a user id beside the set', () => {
  const event = accepted('{"type":"alias","userId":"u2","previousId":"u1"}')
  expect(event.identifiers.map((each) => each.value)).toEqual(['u2'])
  expect(event.previous).toEqual({ type: 'user_id', value: 'u1', id: hash('user_id\x001\0u1') })
  expect(accepted('{"type":"alias","userId":"u2","previousId":18446744073709551615}').previous?.value).toBe(
    '18446744073709551615',
  )
  expect(accepted('{"type":"track","event":"x","previousId":"u1"}').previous).toBeUndefined()
})

describe('the payload stands beside the bytes only when they are not the event itself', () => {
  test('NUL and lone surrogates are replaced in it and kept in the bytes', () => {
    const text =
      '{"type":"track","event":"a\\u0000","properties":{"x\\ud800":"\\udc00","big":9007199254740993}}'
    const event = accepted(text)
    expect(Buffer.from(event.raw).toString()).toBe(text)
    expect(payloadOf(event)).toBe(
      '{"type":"track","event":"a\uFFFD","properties":{"x\uFFFD":"\uFFFD","big":9007199254740993}}',
    )
    expect(event.name).toBe('a\uFFFD')
  })

  test('escapes that are fine need none', () => {
    expect(accepted('{"type":"page","name":"\\u00e9\\ud83d\\ude00"}').payload).toBeUndefined()
  })

  test('bytes that are no UTF-8 are kept, and text stands in for them', () => {
    const bytes = Buffer.concat([
      Buffer.from('{"type":"page","name":"'),
      Buffer.from([0xff]),
      Buffer.from('"}'),
    ])
    const event = accepted(bytes)
    expect(Buffer.from(event.raw).equals(bytes)).toBe(true)
    expect(payloadOf(event)).toBe('{"type":"page","name":"\uFFFD"}')
  })

  test('what stands beside the batch is merged in, the event’s own winning', () => {
    const shared = {
      context: { library: { name: 'l', version: '1' }, device: { id: 'd1' }, traits: { email: 'a@x' } },
      integrations: {},
      sentAt: '2026-11-24T12:00:00Z',
    }
    const event = accepted('{"type":"page","context":{"library":{"version":"2"},"n":1e400}}', { shared })
    expect(payloadOf(event)).toBe(
      '{"context":{"library":{"name":"l","version":"2"},"device":{"id":"d1"},"traits":{"email":"a@x"},"n":1e400},"type":"page"}',
    )
    expect(event.identifiers.map((each) => each.value)).toEqual(['a@x', 'd1'])
  })

  test('an empty context beside the batch changes nothing', () => {
    expect(
      accepted('{"type":"page"}', { shared: { context: {}, integrations: {}, sentAt: 1 } }).payload,
    ).toBeUndefined()
  })

  test('a payload that would not fit beside the bytes is an event too large', () => {
    const limits = { ...defaultEventLimits, maxRecordBytes: 200 }
    const verdict = admit(`{"type":"page","name":"\\u0000${'x'.repeat(100)}"}`, { limits })
    expect('rejected' in verdict && verdict.rejected.code).toBe('event_too_large')
  })
})

test('times: the batch’s sentAt before the event’s, the event’s original time before the batch’s, the header last', () => {
  const text =
    '{"type":"page","originalTimestamp":"2026-11-24T10:00:00Z","timestamp":"2026-11-24T09:00:00Z","sentAt":"2026-11-24T11:00:00Z"}'
  expect(accepted(text)).toMatchObject({ timeMs: RECEIVED - 3_600_000 })
  expect(accepted(text, { shared: { sentAt: '2026-11-24T12:00:00Z' } })).toMatchObject({
    timeMs: RECEIVED - 7_200_000,
  })
  expect(
    accepted('{"type":"page"}', {
      shared: { timestamp: '2026-11-24T11:00:00Z' },
      sentHeader: '2026-11-24T11:30:00Z',
    }),
  ).toMatchObject({
    timeMs: RECEIVED - 1_800_000,
    flags: [],
  })
  expect(
    accepted('{"type":"page","timestamp":"2026-11-24T12:00:00"}', { zone: 'Europe/Paris' }),
  ).toMatchObject({
    timeMs: RECEIVED - 3_600_000,
    flags: ['uncorrected'],
  })
})

describe('records of a Kafka source', () => {
  const record = (value: string | null): Verdict =>
    admitRecord(
      {
        topic: 'retail.receipts',
        partition: 2,
        offset: 7,
        timestampMs: RECEIVED,
        value: value === null ? null : Buffer.from(value),
      },
      {
        ...web,
        sourceId: 'pos',
        trusted: true,
        mapping: prepareMapping({
          event: { const: 'Order Completed' },
          messageId: 'receiptId',
          time: { path: 'soldAt', zone: 'Europe/Paris' },
          identifiers: { email: 'customer.email', user_id: 'customer.number' },
          properties: { total: 'total' },
        }),
      },
    )

  test('a mapped receipt is an event with the till’s own bytes', () => {
    const text =
      '{"receiptId":"R1","soldAt":"2026-11-24T12:30:00","customer":{"email":"A@x","number":90071992547409931},"total":12.50}'
    const verdict = record(text)
    if ('rejected' in verdict) throw new Error(verdict.rejected.message)
    expect(Buffer.from(verdict.accepted.raw).toString()).toBe(text)
    expect(verdict.accepted).toMatchObject({
      messageId: 'R1',
      messageIdGenerated: false,
      name: 'Order Completed',
      timeMs: Date.parse('2026-11-24T11:30:00Z'),
      origin: 'kafka:retail.receipts:2:7',
      trusted: true,
      flags: ['uncorrected'],
    })
    expect(verdict.accepted.identifiers.map((each) => each.value)).toEqual(['90071992547409931', 'a@x'])
    expect(JSON.parse(payloadOf(verdict.accepted) ?? '')).toMatchObject({
      event: 'Order Completed',
      properties: { total: 12.5 },
    })
  })

  test('a receipt without an id is the same event each time it is read', () => {
    const [first, second] = [record('{"total":1}'), record('{"total":1}')]
    expect(first).toEqual(second)
    expect('accepted' in first && first.accepted.messageId).toBe(hash('retail.receipts\x002\x007'))
  })

  test.each<[string | null, RejectionCode]>([
    [null, 'empty_record'],
    ['', 'invalid_json'],
    ['{"total":', 'invalid_json'],
    ['{"total":1}{}', 'invalid_json'],
    ['[1]', 'not_an_object'],
    ['{"invoice":1}', 'does_not_map'],
  ])('%j is rejected', (value, code) => {
    const verdict = record(value)
    expect('rejected' in verdict && verdict.rejected.code).toBe(code)
  })
})

describe('batches', () => {
  const anyEvent = fc.oneof(
    fc.json({ maxDepth: 3 }),
    fc.constantFrom(
      '{"type":"page"}',
      '{"type":"track","event":"x","userId":"u1"}',
      '{"type":"track"}',
      '7',
      '{"a":"\\ud800"}',
    ),
  )

  test('every event is in exactly one of accepted and rejected, in order, with its own bytes', () => {
    fc.assert(
      fc.property(
        fc.array(anyEvent, { maxLength: 30 }),
        fc.integer({ min: 1, max: 30 }),
        (texts, maxEvents) => {
          const body = readBatch(Buffer.from(`{"batch":[${texts.join(',')}]}`), { maxItems: 100 })
          if ('code' in body) throw new Error(body.message)
          const verdicts = admitBatch(body.items, web, {
            requestId: 'r1',
            receivedMs: RECEIVED,
            maxEvents,
            newMessageId: () => 'id',
          })
          expect(verdicts).toHaveLength(texts.length)
          const shown = verdicts.map((verdict, index) =>
            'accepted' in verdict
              ? { bytes: Buffer.from(verdict.accepted.raw).toString(), origin: verdict.accepted.origin }
              : {
                  known: verdict.rejected.code in rejectionCodes,
                  surplus: index >= maxEvents && verdict.rejected.code,
                },
          )
          expect(shown).toEqual(
            texts.map((text, index) =>
              'accepted' in verdicts[index]! && index < maxEvents
                ? { bytes: text.trim(), origin: `http:r1:${index}` }
                : { known: true, surplus: index >= maxEvents && 'too_many_events' },
            ),
          )
          expect(verdicts.every((verdict) => 'accepted' in verdict !== 'rejected' in verdict)).toBe(true)
        },
      ),
    )
  })
})
