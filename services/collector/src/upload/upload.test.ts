import { once } from 'node:events'
import { type IncomingMessage, request as httpRequest } from 'node:http'
import { gzipSync } from 'node:zlib'
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals'
import { EventRecord, type Event } from '@tributary/contracts/generated/tributary/event/v1/event'
import { type RejectedRecord } from '@tributary/contracts'
import {
  type MemoryLog,
  type TestCollector,
  createMemoryLog,
  startTestCollector,
  workspaceOf,
} from '../testing/index.ts'
import { MAX_LINE_BYTES } from '@tributary/sources'

let log: MemoryLog
let collector: TestCollector

const sources = [
  { kind: 'Source', id: 'web', http: { keys: [{ kind: 'client', value: 'wk_web_1' }] } },
  {
    kind: 'Source',
    id: 'till',
    http: { keys: [{ kind: 'client', value: 'wk_till_1' }] },
    map: {
      event: { const: 'Order Completed' },
      messageId: 'receipt',
      identifiers: { email: 'email' },
      properties: { total: 'total', note: 'note' },
    },
  },
]

beforeEach(async () => {
  log = createMemoryLog()
  collector = await startTestCollector(log, { requestTimeoutMs: 3_000 })
  collector.adopt(workspaceOf(sources))
})
afterEach(async () => {
  await collector.stop()
  if (collector.faults.length > 0 || collector.inFlight.bytes !== 0)
    throw new Error(`a fault, or bytes that were not given back: ${String(collector.faults[0])}`)
})

interface Verdict {
  readonly line: number
  readonly accepted: boolean
  readonly code?: string
  readonly messageId?: string | null
}

async function upload(body: string | Buffer, type = 'application/x-ndjson', query = '', key = 'wk_web_1') {
  const response = await fetch(`${collector.url}/v1/upload${query}`, {
    method: 'POST',
    headers: { 'x-write-key': key, 'content-type': type },
    body: new Uint8Array(Buffer.from(body)),
  })
  const answer = (await response.text()).trim().split('\n')
  const end = JSON.parse(answer.at(-1)!) as Record<string, unknown>
  return { response, end, verdicts: answer.slice(0, -1).map((line) => JSON.parse(line) as Verdict) }
}

function events(): Event[] {
  return log.records('events').flatMap(({ value }) => {
    const { record } = EventRecord.decode(value)
    return record?.$case === 'event' ? [record.value] : []
  })
}
const rejected = (): RejectedRecord[] =>
  log.records('rejected').map(({ value }) => JSON.parse(Buffer.from(value).toString()) as RejectedRecord)
const inputs = (): string[] => rejected().map(({ input }) => Buffer.from(input, 'base64').toString())

describe('NDJSON', () => {
  const good = '{"type":"track","event":"x","messageId":"m1","properties":{"n":18446744073709551616}}'

  test('U4: each line has its verdict; what is accepted and what is rejected is kept to the byte', async () => {
    const bad = ['{"type":"nonsense","messageId":"m2"}', '{"type":', '[1]']
    const { response, verdicts, end } = await upload([good, ...bad, '', '{"type":"page"}'].join('\r\n'))
    expect([response.status, response.headers.get('content-type')]).toEqual([200, 'application/x-ndjson'])
    expect(verdicts.map(({ line, accepted, code, messageId }) => [line, accepted, code, messageId])).toEqual([
      [1, true, undefined, 'm1'],
      [2, false, 'unknown_type', 'm2'],
      [3, false, 'invalid_json', null],
      [4, false, 'not_an_object', null],
      [6, true, undefined, expect.any(String)],
    ])
    expect(end).toMatchObject({ done: true, lines: 5, accepted: 2, rejected: 3, refused: 0 })
    expect(end['position']).toEqual(expect.any(String))
    expect(events().map(({ raw }) => Buffer.from(raw).toString())).toContain(good)
    expect(inputs()).toEqual(bad)
  })

  test('gzip is told by its first bytes', async () => {
    expect((await upload(gzipSync(`${good}\n`))).end).toMatchObject({ done: true, accepted: 1 })
  })

  test('a broken gzip is said, and what came out of it before is kept', async () => {
    const whole = gzipSync(
      Array.from({ length: 20_000 }, (_, n) => `{"type":"page","messageId":"p${n * 7919}"}`).join('\n'),
    )
    const { end, verdicts } = await upload(whole.subarray(0, -2000))
    expect(end).toMatchObject({ done: false, code: 'invalid_encoding' })
    expect(events()).toHaveLength(verdicts.length)
  })

  test('a line is limited as an event; one that is longer than can be held is the sender’s', async () => {
    const large = `{"type":"page","x":"${'y'.repeat(300_000)}"}`
    const { verdicts, end } = await upload([large, 'z'.repeat(MAX_LINE_BYTES + 1), good].join('\n'))
    expect(verdicts.map(({ line, code }) => [line, code])).toEqual([
      [1, 'event_too_large'],
      [2, 'line_too_large'],
      [3, undefined],
    ])
    expect(end).toMatchObject({ done: true, lines: 3, accepted: 1, rejected: 1, refused: 1 })
    expect(inputs()).toEqual([large])
  })

  test('a file that has a name may be sent again: its lines have the same message ids', async () => {
    for (let times = 0; times < 2; times++)
      await upload('{"type":"page"}\n{"type":"page"}', undefined, '?upload=july')
    const ids = events().map(({ messageId }) => messageId)
    expect([ids.length, new Set(ids).size]).toEqual([4, 2])
  })

  test('?verdicts=bad tells of what is no event only', async () => {
    const { verdicts, end } = await upload(`${good}\n{}\n${good}`, undefined, '?verdicts=bad')
    expect(verdicts.map(({ line }) => line)).toEqual([2])
    expect(end).toMatchObject({ accepted: 2, rejected: 1 })
  })
})

describe('CSV', () => {
  const till = (text: string) => upload(text, 'text/csv; charset=utf-8', '', 'wk_till_1')

  test('rows become events by the mapping of the source, and are kept below their header', async () => {
    const { verdicts, end } = await till(
      'receipt,email,total,note\nR1,A@x.example,12.50,"two\nlines"\nR2,b@x.example\nR3,c@x.example,,\n',
    )
    expect(verdicts.map(({ line, code, messageId }) => [line, code, messageId])).toEqual([
      [2, undefined, 'R1'],
      [4, 'invalid_row', null],
      [5, undefined, 'R3'],
    ])
    expect(end).toMatchObject({ done: true, accepted: 2, rejected: 1 })
    const first = events().find(({ messageId }) => messageId === 'R1')!
    expect(Buffer.from(first.raw).toString()).toBe(
      'receipt,email,total,note\nR1,A@x.example,12.50,"two\nlines"',
    )
    expect(JSON.parse(Buffer.from(first.payload!).toString())).toMatchObject({
      event: 'Order Completed',
      properties: { total: '12.50', note: 'two\nlines' },
    })
    expect(first.identifiers.map(({ type, value }) => [type, value])).toEqual([['email', 'a@x.example']])
    expect(inputs()).toEqual(['receipt,email,total,note\nR2,b@x.example'])
  })

  test.each([
    ['no header', '', 'invalid_body'],
    ['a column twice', 'a,a\n1,2', 'invalid_body'],
    ['a column without a name', 'a,,c\n1,2,3', 'invalid_body'],
    ['a header that is no row', 'a"b\n1', 'invalid_body'],
  ])('%s is refused before anything is kept', async (_, text, code) => {
    const { response, end } = await till(text)
    expect([response.status, end['code']]).toEqual([400, code])
    expect(log.records('events')).toEqual([])
  })

  test('a source without a mapping takes no CSV', async () => {
    const { response, end } = await upload('a\n1', 'text/csv')
    expect([response.status, end['code']]).toEqual([400, 'no_mapping'])
  })

  test('the mapping is for files: an SDK’s events to the same source are taken as they are', async () => {
    const response = await fetch(`${collector.url}/v1/batch`, {
      method: 'POST',
      headers: { 'x-write-key': 'wk_till_1' },
      body: '{"batch":[{"type":"page","messageId":"sdk"}]}',
    })
    expect(await response.json()).toMatchObject({ accepted: 1 })
    expect(events()[0]!.payload).toBeUndefined()
  })
})

test.each([
  [
    'another type',
    { 'x-write-key': 'wk_web_1', 'content-type': 'application/json' },
    415,
    'unsupported_type',
  ],
  [
    'another encoding',
    { 'x-write-key': 'wk_web_1', 'content-type': 'text/csv', 'content-encoding': 'br' },
    415,
    'unsupported_encoding',
  ],
  ['no key', { 'content-type': 'application/x-ndjson' }, 401, 'missing_key'],
  ['an unknown key', { 'x-write-key': 'nobody', 'content-type': 'application/x-ndjson' }, 401, 'unknown_key'],
])('%s is refused', async (_, headers, status, code) => {
  const query = code === 'unsupported_encoding' ? 'wk_till_1' : undefined
  const response = await fetch(`${collector.url}/v1/upload`, {
    method: 'POST',
    headers: { ...headers, ...(query && { 'x-write-key': query }) } as Record<string, string>,
    body: '{}',
  })
  expect([response.status, ((await response.json()) as { code: string }).code]).toEqual([status, code])
})

/** An upload whose body is written by hand. */
function open(): {
  readonly request: ReturnType<typeof httpRequest>
  readonly answer: Promise<IncomingMessage>
} {
  const request = httpRequest(`${collector.url}/v1/upload?verdicts=bad`, {
    method: 'POST',
    headers: { 'x-write-key': 'wk_web_1', 'content-type': 'application/x-ndjson' },
  })
  request.on('error', () => undefined)
  const answer = once(request, 'response').then(([response]) => response as IncomingMessage)
  return { request, answer }
}

async function textOf(response: IncomingMessage): Promise<string> {
  let text = ''
  for await (const chunk of response) text += String(chunk)
  return text
}

test('U1: verdicts come while the file is sent, and what was answered is kept when the connection breaks', async () => {
  const { request, answer } = open()
  request.write('{"type":"page","messageId":"kept"}\n{"no":"event"}\n{"type":"pa')
  const response = await answer
  const [first] = (await once(response, 'data')) as [Buffer]
  expect(JSON.parse(first.toString())).toMatchObject({ line: 2, code: 'unknown_type' })
  response.on('error', () => undefined)
  request.destroy()
  expect(events().map(({ messageId }) => messageId)).toEqual(['kept'])
  while (collector.inFlight.bytes > 0) await new Promise((resolve) => setTimeout(resolve, 10))
})

test('U3: a Kafka that is away for a moment slows the file down; one that stays away ends it with how far it came', async () => {
  const { request, answer } = open()
  request.write('{"type":"page","messageId":"a"}\n{}\n')
  await once(await answer, 'readable')
  collector.refuse(2)
  request.write('{"type":"page","messageId":"b"}\n')
  while (events().length < 2) await new Promise((resolve) => setTimeout(resolve, 20))
  collector.refuse(1_000_000)
  request.write('{"type":"page","messageId":"c"}\n')
  const lines = (await textOf(await answer)).trim().split('\n')
  expect(JSON.parse(lines.at(-1)!)).toMatchObject({ done: false, code: 'unavailable', lines: 3, accepted: 2 })
}, 20_000)

test('a client that falls silent is told so', async () => {
  const { request, answer } = open()
  request.write('{"type":"page"}\n{}\n')
  const lines = (await textOf(await answer)).trim().split('\n')
  expect(JSON.parse(lines.at(-1)!)).toMatchObject({ done: false, code: 'request_timeout', lines: 2 })
}, 20_000)

test('a stop ends an upload with what it has taken', async () => {
  const { request, answer } = open()
  request.write('{"type":"page","messageId":"a"}\n{}\n')
  const response = await answer
  await once(response, 'readable')
  const stopped = collector.server.stop()
  request.write('{"type":"page","messageId":"b"}\n')
  const lines = (await textOf(response)).trim().split('\n')
  expect(JSON.parse(lines.at(-1)!)).toMatchObject({ done: false, code: 'stopping', accepted: 2 })
  await stopped
})
