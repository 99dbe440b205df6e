/** A reject holds what is needed to judge its input as it came: compared with what a collector makes of the same request. */
import { createHmac } from 'node:crypto'
import { afterEach, expect, test } from '@jest/globals'
import { REDRIVE_ORIGIN, type RejectedRecord } from '@tributary/contracts'
import { EventRecord, type Event } from '@tributary/contracts/generated/tributary/event/v1/event'
import { createMetrics } from '@tributary/service-kit'
import { judgeAgain, sourceReading, workspaceRules } from '@tributary/sources'
import { createCollectorMetrics } from '../collectorMetrics.ts'
import { createInFlight } from '../http/inFlight.ts'
import { buildSourceBook } from '../sources/sourceBook.ts'
import { takeBatch } from '../sources/sourceConsumer.ts'
import {
  type MemoryLog,
  type TestCollector,
  TEST_PARTITIONS,
  TEST_SECRET,
  createMemoryLog,
  startTestCollector,
  testPorts,
  workspaceOf,
} from '../testing/index.ts'
import { eventRecord } from './eventRecord.ts'
import { createGroupCommit } from './groupCommit.ts'

/** Too strict, or looking in the wrong place; and as it should have been. */
const sources = (right: boolean) => {
  const map = {
    event: { path: right ? 'kind' : 'nowhere' },
    identifiers: { email: 'mail' },
    properties: { total: 'total' },
    traits: { plan: 'plan' },
  }
  const rows = {
    type: right ? { const: 'identify' } : { path: 'nowhere' },
    identifiers: { user_id: 'id' },
    traits: { plan: 'plan' },
  }
  const keys = [
    { kind: 'client', value: 'wk_web_1' },
    { kind: 'secret', file: 'web-key' },
  ]
  return [
    { kind: 'Source', id: 'web', http: { keys, limits: { eventBytes: right ? 9_000 : 1_024 } } },
    { kind: 'Source', id: 'till', http: { keys: [{ kind: 'client', value: 'wk_till_1' }] }, map },
    { kind: 'Source', id: 'shop', webhook: { scheme: 'shopify', secrets: [{ file: 'web-key' }] }, map },
    { kind: 'Source', id: 'pos', kafka: { topic: 'pos', format: 'json' }, map },
    { kind: 'Source', id: 'crm', kafka: { topic: 'crm', format: 'debezium', onDelete: 'unset' }, map: rows },
  ]
}
const before = workspaceOf(sources(false))
const after = workspaceOf(sources(true))

let collector: TestCollector | undefined
afterEach(async () => {
  await collector?.stop()
  collector = undefined
})

const eventsOf = (log: MemoryLog): Event[] =>
  log.records('events').flatMap((record) => {
    const decoded = EventRecord.decode(record.value).record
    return decoded?.$case === 'event' ? [decoded.value] : []
  })
const rejectsOf = (log: MemoryLog): RejectedRecord[] =>
  log.records('rejected').map((record) => JSON.parse(Buffer.from(record.value).toString()) as RejectedRecord)

function again(rejected: RejectedRecord): Event {
  const document = after.sources.get(rejected.source)
  const reading = document && sourceReading(document, workspaceRules(after, testPorts), testPorts)
  const verdict = judgeAgain(rejected, document, reading)
  if (!('accepted' in verdict)) throw new Error(JSON.stringify(verdict))
  const record = EventRecord.decode(eventRecord(verdict.accepted, TEST_PARTITIONS).value).record
  return (record as { value: Event }).value
}

/** Two requests do not arrive in the same millisecond, and have ids of their own. */
function comparable({ receivedTimeMs, timeMs, origin: _origin, messageId, ...event }: Event) {
  return {
    ...event,
    ...(event.messageIdGenerated ? { anchor: event.identifiers[0]?.id } : { messageId }),
    // Without an original time that of receipt stands; without one of sending the original does.
    time:
      event.originalTimeMs !== undefined && event.sentTimeMs === undefined ? timeMs : receivedTimeMs - timeMs,
    raw: Buffer.from(event.raw).toString(),
    payload: event.payload && Buffer.from(event.payload).toString(),
  }
}

const long = 'x'.repeat(1_024)
const track = (messageId: string) =>
  `{"type":"track","event":"Bought","userId":"u1","messageId":"${messageId}","timestamp":"2026-01-01T00:00:00Z","properties":{"text":"${long}","n":12345678901234567890}}`
const json = { 'content-type': 'application/json', 'x-write-key': 'wk_web_1' }
const body = '{"kind":"Bought","mail":"Ada@example.com","total":1.50}'

const requests: readonly (readonly [string, string, string, Record<string, string>])[] = [
  ['alone, its type in the path', '/v1/identify', `{"userId":"u1","traits":{"text":"${long}"}}`, json],
  ['alone, with a SentAt header', '/v1/track', track('m1'), { ...json, sentat: '2026-01-01T00:00:10Z' }],
  ['with a secret key', '/v1/track', track('m1'), { ...json, 'x-write-key': TEST_SECRET }],
  [
    'in a batch, with context and times beside it',
    '/v1/batch',
    `{"batch":[${track('m1')}],"writeKey":"wk_web_1","sentAt":"2026-01-01T00:00:05Z","context":{"locale":"fr","n":12345678901234567890}}`,
    json,
  ],
  [
    'as a CloudEvent',
    '/v1/events',
    `{"text":"${long}"}`,
    {
      ...json,
      'ce-specversion': '1.0',
      'ce-id': '1',
      'ce-source': '/shop',
      'ce-type': 'paid',
      'ce-userid': 'u1',
    },
  ],
  [
    'as a delivery of a webhook',
    '/v1/webhook/shop',
    body,
    {
      'x-shopify-hmac-sha256': createHmac('sha256', TEST_SECRET).update(body).digest('base64'),
      'x-shopify-webhook-id': 'w1',
      'x-shopify-triggered-at': '2026-01-01T00:00:00Z',
    },
  ],
  [
    'as a line of a named upload',
    '/v1/upload?upload=july',
    `${body}\n`,
    { 'content-type': 'application/x-ndjson', 'x-write-key': 'wk_till_1' },
  ],
  [
    'as a row of a CSV',
    '/v1/upload',
    'kind,mail,total\nBought,ada@example.com,"1,5"\n',
    { 'content-type': 'text/csv', 'x-write-key': 'wk_till_1' },
  ],
]

test.each(requests)(
  '%s: refused, then judged again as if it had been accepted at once',
  async (_how, path, text, headers) => {
    const log = createMemoryLog()
    collector = await startTestCollector(log, { readSecret: () => TEST_SECRET })
    const post = async () =>
      (await fetch(`${collector!.url}${path}`, { method: 'POST', headers, body: text })).text()
    collector.adopt(before)
    await post()
    const [rejected] = rejectsOf(log)
    expect(eventsOf(log)).toEqual([])
    collector.adopt(after)
    await post()
    const [accepted] = eventsOf(log)
    const event = again(rejected!)
    expect(comparable(event)).toEqual(comparable(accepted!))
    expect(event.origin).toBe(REDRIVE_ORIGIN + rejected!.origin)
    expect(new Date(event.receivedTimeMs).toISOString()).toBe(rejected!.receivedAt)
    expect(again(rejected!)).toEqual(event)
    // Keys are secrets, wherever they stood.
    expect(JSON.stringify(rejected)).not.toMatch(new RegExp(`wk_web_1|${TEST_SECRET}`))
  },
)

test.each([
  ['pos', body, null],
  [
    'crm',
    '{"op":"c","before":null,"after":{"id":"u1","plan":"pro"},"source":{"table":"t","lsn":7}}',
    '{"id":"u1"}',
  ],
  ['crm', '{"op":"d","before":null,"after":null,"source":{"table":"t","lsn":8}}', '{"id":"u1"}'],
])('a record of %s: %s', async (id, value, key) => {
  const records = [
    {
      offset: 4,
      timestampMs: 1_767_225_600_000,
      value: Buffer.from(value),
      key: key === null ? null : Buffer.from(key),
    },
  ]
  const take = async (workspace: typeof after) => {
    const log = createMemoryLog()
    const groupCommit = createGroupCommit({ sender: log, inFlight: 1, timeoutMs: 1_000 })
    const metrics = createCollectorMetrics(createMetrics('collector'), createInFlight(1))
    const source = buildSourceBook(workspace, { ...testPorts, readSecret: () => TEST_SECRET }).kafka.find(
      (each) => each.id === id,
    )!
    const batch = { topic: id, partition: 2, records, signal: new AbortController().signal }
    await takeBatch(source, batch, { groupCommit, metrics, partitions: TEST_PARTITIONS })
    return log
  }
  const [rejected] = rejectsOf(await take(before))
  const [accepted] = eventsOf(await take(after))
  // A record has its own time, so all is the same but the mark.
  expect(again(rejected!)).toEqual({ ...accepted, origin: `${REDRIVE_ORIGIN}kafka:${id}:2:4` })
})

test('what the verdict may depend on and the reject does not hold is a reason, not a guess', () => {
  const rejected: RejectedRecord = {
    code: 'event_too_large',
    message: '',
    source: 'web',
    receivedAt: '2026-01-01T00:00:00.000Z',
    input: Buffer.from(track('m')).toString('base64'),
    origin: 'http:r:0',
  }
  const reason = (given: Partial<RejectedRecord>, workspace = after) => {
    const record = { ...rejected, ...given }
    const document = workspace.sources.get(record.source)
    const reading = document && sourceReading(document, workspaceRules(workspace, testPorts), testPorts)
    return (judgeAgain(record, document, reading) as { reason?: string }).reason
  }
  expect(reason({})).toMatch('by an earlier version')
  expect(reason({ arrival: { as: 'event', trusted: false, incomplete: true } })).toMatch(
    'too large to be kept',
  )
  expect(reason({ arrival: { as: 'record', trusted: true } })).toMatch('takes no such input any more')
  expect(reason({ source: 'gone' })).toBe('there is no source gone any more')
  expect(reason({ chunk: 0, chunks: 2 })).toMatch('larger than any event')
  const position = { topic: 'crm', partition: 0, offset: 1 }
  expect(reason({ source: 'crm', position, origin: 'kafka:crm:0:1' })).toMatch('by an earlier version')
  expect(
    reason({ source: 'pos', position, origin: 'kafka:pos:0:1', input: Buffer.from(body).toString('base64') }),
  ).toBeUndefined()
})

test('what stands beside a batch is not repeated with each reject beyond what its events may have of it', async () => {
  const log = createMemoryLog()
  collector = await startTestCollector(log)
  collector.adopt(after)
  const bad = '{"type":"nothing","messageId":"m"}'
  const time = 'x'.repeat(60_000)
  const batch = `{"timestamp":"${time}","sentAt":[${'1,'.repeat(9_999)}1],"batch":[${Array(2_500).fill(bad).join(',')}]}`
  const answer = await fetch(`${collector.url}/v1/batch`, { method: 'POST', headers: json, body: batch })
  expect(answer.status).toBe(200)
  const rejects = log.records('rejected')
  expect(rejects.length).toBe(2_500)
  expect(rejects.reduce((sum, { value }) => sum + value.length, 0)).toBeLessThan(2_500 * 600)
  expect(rejectsOf(log)[0]!.arrival).toEqual({
    as: 'event',
    trusted: false,
    beside: '{"sentAt":"unreadable","timestamp":"unreadable"}',
  })
})
