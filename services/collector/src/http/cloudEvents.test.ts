import { afterAll, beforeAll, expect, test } from '@jest/globals'
import { type Event, EventRecord } from '@tributary/contracts/generated/tributary/event/v1/event'
import {
  type MemoryLog,
  type TestCollector,
  createMemoryLog,
  exampleSources,
  post,
  startTestCollector,
  workspaceOf,
} from '../testing/index.ts'

let log: MemoryLog
let collector: TestCollector
beforeAll(async () => {
  log = createMemoryLog()
  collector = await startTestCollector(log)
  collector.adopt(workspaceOf(exampleSources))
})
afterAll(() => collector.stop())

const key = { 'x-write-key': 'wk_crm_1' }
const send = (body: string, headers: Record<string, string>) =>
  post(`${collector.url}/v1/events`, body, { ...key, ...headers })
const events = (): Event[] =>
  log.records('events').flatMap((record) => {
    const decoded = EventRecord.decode(record.value).record
    return decoded?.$case === 'event' ? [decoded.value] : []
  })

const attributes = { specversion: '1.0', id: 'a1', source: '/shop', type: 'com.shop.paid' }
const structured = { 'content-type': 'application/cloudevents+json; charset=utf-8' }

test('binary: the attributes are headers, the data the body, which is kept to the byte', async () => {
  const headers = {
    'content-type': 'application/json',
    'ce-specversion': '1.0',
    'ce-id': 'b1',
    'ce-source': '/shop',
    'ce-type': 'com.shop.paid',
    'ce-subject': 'caf%C3%A9',
    'ce-time': '2026-11-24T12:00:00Z',
    'ce-userid': 'u1',
  }
  const answer = await send('{"total" : 9007199254740993}', headers)
  expect(answer).toMatchObject({ status: 200, body: { accepted: 1, rejected: [] } })
  const event = events().at(-1)!
  expect(event).toMatchObject({
    messageId: '/shop#b1',
    name: 'com.shop.paid',
    type: 1,
    originalTimeMs: Date.parse('2026-11-24T12:00:00Z'),
    identifiers: [{ type: 'user_id', value: 'u1' }],
  })
  expect(event.raw.toString()).toContain('"data":{"total" : 9007199254740993}}')
  expect(event.raw.toString()).toContain('"subject":"café"')
  expect(event.payload!.toString()).toContain('"properties":{"total":9007199254740993}')
})

test('structured: the body is kept as it is', async () => {
  const body = JSON.stringify({ ...attributes, id: 's1', data: { total: 1 } })
  expect(await send(body, structured)).toMatchObject({ status: 200, body: { accepted: 1 } })
  expect(events().at(-1)!.raw.toString()).toBe(body)
})

test('batched: one verdict each', async () => {
  const batch = [{ ...attributes, id: 'x1' }, { id: 'x2' }, 7, { ...attributes, id: 'x4' }]
  const answer = await send(JSON.stringify(batch), { 'content-type': 'application/cloudevents-batch+json' })
  expect(answer).toMatchObject({
    status: 200,
    body: {
      accepted: 2,
      rejected: [
        { index: 1, code: 'does_not_map' },
        { index: 2, code: 'not_an_object' },
      ],
    },
  })
  expect(
    events()
      .slice(-2)
      .map((event) => event.messageId)
      .sort(),
  ).toEqual(['/shop#x1', '/shop#x4'])
})

test.each<[string, string, Record<string, string>, string]>([
  ['a body without any sign of a CloudEvent', '{}', { 'content-type': 'application/json' }, 'invalid_body'],
  ['a structured one that is no JSON', '{', structured, 'invalid_json'],
  [
    'a batch that is no array',
    '{}',
    { 'content-type': 'application/cloudevents-batch+json' },
    'invalid_body',
  ],
  [
    'a batch with more after it',
    '[] 1',
    { 'content-type': 'application/cloudevents-batch+json' },
    'invalid_json',
  ],
  [
    'binary data that are no JSON and say they are',
    '{',
    { 'ce-id': '1', 'content-type': 'application/json' },
    'invalid_json',
  ],
])('%s is 400', async (_name, body, headers, code) => {
  expect(await send(body, headers)).toMatchObject({ status: 400, body: { success: false, code } })
})

test('a CloudEvent without what every CloudEvent has is a reject, whole', async () => {
  const answer = await send('{"specversion":"1.0","id":"1"}', structured)
  expect(answer).toMatchObject({ status: 200, body: { accepted: 0, rejected: [{ code: 'does_not_map' }] } })
})

test('other data than JSON come in base64', async () => {
  const headers = { 'content-type': 'text/plain', 'ce-specversion': '1.0', 'ce-id': 't', 'ce-source': 's' }
  expect((await send('hello', { ...headers, 'ce-type': 'greeting' })).status).toBe(200)
  expect(events().at(-1)!.payload!.toString()).toContain('"properties":{"data_base64":"aGVsbG8="}')
})
