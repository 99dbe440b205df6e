import { connect } from 'node:net'
import { gzipSync } from 'node:zlib'
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals'
import { EventRecord } from '@tributary/contracts/generated/tributary/event/v1/event'
import {
  type MemoryLog,
  type TestCollector,
  createMemoryLog,
  exampleSources,
  post,
  startTestCollector,
  workspaceOf,
} from '../testing/index.ts'

const MIB = 1024 * 1024
const key = { 'x-write-key': 'wk_web_1' }

let log: MemoryLog
let collector: TestCollector
let open: TestCollector[] = []

async function start(options: Parameters<typeof startTestCollector>[1] = {}): Promise<TestCollector> {
  const started = await startTestCollector(log, options)
  started.adopt(workspaceOf(exampleSources))
  open.push(started)
  return started
}

beforeEach(async () => {
  log = createMemoryLog()
  collector = await start()
})
afterEach(async () => {
  log.release()
  await Promise.all(open.map((each) => each.stop()))
  open = []
})

const stored = (): string[] =>
  log.records('events').map((record) => {
    const decoded = EventRecord.decode(record.value).record
    return decoded?.$case === 'event' ? decoded.value.raw.toString() : ''
  })

describe('a body that is no JSON is answered with 400 and nothing of it is kept', () => {
  test.each<[string, string | Uint8Array<ArrayBuffer>, string]>([
    ['nothing', '', 'invalid_json'],
    ['half an object', '{"batch":[{"type":"page"}', 'invalid_json'],
    ['one bad event among good ones', '{"batch":[{"type":"page"},{"type":page}]}', 'invalid_json'],
    ['a text', '"hello"', 'invalid_body'],
    ['an array', '[{"type":"page"}]', 'invalid_body'],
    ['no batch', '{"events":[]}', 'invalid_body'],
    ['a form', 'a=1&b=2', 'invalid_body'],
    ['bytes', new Uint8Array([0, 1, 2, 255]), 'invalid_body'],
    ['two batches in one', '{"batch":[{"type":"page"}],"batch":[{"type":"page"}]}', 'invalid_body'],
    ['a truncated gzip', new Uint8Array(gzipSync('{"batch":[]}').subarray(0, 20)), 'invalid_encoding'],
  ])('%s', async (_name, body, code) => {
    const answer = await post(`${collector.url}/v1/batch`, body, key)
    expect(answer).toMatchObject({ status: 400, body: { success: false, code, message: expect.any(String) } })
    expect(log.requests).toEqual([])
  })

  test('a single event that is no object', async () => {
    expect(await post(`${collector.url}/v1/track`, '[]', key)).toMatchObject({
      status: 400,
      body: { code: 'invalid_body' },
    })
    expect(await post(`${collector.url}/v1/track`, '{"event":"x"}{}', key)).toMatchObject({
      status: 400,
      body: { code: 'invalid_json' },
    })
  })
})

describe('numbers, texts and nesting arrive as they were sent', () => {
  test.each([
    ['an integer over 2^53', '{"type":"page","properties":{"n":9007199254740993}}'],
    ['an integer over 2^64', '{"type":"page","properties":{"n":18446744073709551617}}'],
    ['exponents', '{"type":"page","properties":{"n":[1e400,-0,1.10,1E-7]}}'],
    ['duplicate keys', '{"type":"page","a":1,"a":2}'],
    ['the order of keys', '{"z":1,"type":"page","a":2}'],
    ['escapes', '{"type":"page","a":"\\u0041\\/\\n\\ud83d\\ude00"}'],
    ['NUL', '{"type":"page","a":"x\\u0000y"}'],
    ['lone surrogates', '{"type":"page","a":"\\ud800","b":"\\udc00x"}'],
    ['white space', '{ "type" :\t"page" ,\n "a": [ ] }'],
    ['31 levels', `{"type":"page","a":${'['.repeat(30)}${']'.repeat(30)}}`],
  ])('%s', async (_name, event) => {
    const answer = await post(`${collector.url}/v1/batch`, `\uFEFF{"batch":[${event}]}`, key)
    expect(answer.body).toMatchObject({ accepted: 1, rejected: [] })
    expect(stored()).toEqual([event])
  })

  test('33 levels are rejected alone, as are a thousand', async () => {
    const deep = (levels: number): string =>
      `{"type":"page","a":${'['.repeat(levels - 1)}${']'.repeat(levels - 1)}}`
    const answer = await post(
      `${collector.url}/v1/batch`,
      `{"batch":[${deep(32)},${deep(33)},${deep(1000)}]}`,
      key,
    )
    expect(answer.body).toMatchObject({
      accepted: 1,
      rejected: [
        { index: 1, code: 'too_deep' },
        { index: 2, code: 'too_deep' },
      ],
    })
  })

  test('levels by the hundred thousand end in an answer', async () => {
    const answer = await post(
      `${collector.url}/v1/batch`,
      `{"batch":[${'['.repeat(120_000)}${']'.repeat(120_000)}]}`,
      key,
    )
    expect(answer.body).toMatchObject({ accepted: 0, rejected: [{ code: 'too_deep' }] })
  })
})

describe('sizes', () => {
  test('a body over the limit is 413, before and after decompression', async () => {
    const body = `{"batch":[],"x":"${'x'.repeat(4 * MIB)}"}`
    for (const sent of [body, new Uint8Array(gzipSync(body))]) {
      // oxlint-disable-next-line no-await-in-loop -- one after the other
      const answer = await post(`${collector.url}/v1/batch`, sent, key)
      expect(answer).toMatchObject({ status: 413, body: { success: false, code: 'body_too_large' } })
    }
    expect(collector.inFlight.bytes).toBe(0)
  })

  test('a body of exactly the limit passes', async () => {
    const small = await start({ maxBodyBytes: 1000 })
    const body = (bytes: number): string => `{"batch":[],"x":"${'x'.repeat(bytes - 19)}"}`
    expect(body(1000)).toHaveLength(1000)
    expect((await post(`${small.url}/v1/batch`, body(1000), key)).status).toBe(200)
    expect((await post(`${small.url}/v1/batch`, body(1001), key)).status).toBe(413)
    expect((await post(`${small.url}/v1/batch`, new Uint8Array(gzipSync(body(1000))), key)).status).toBe(200)
    expect((await post(`${small.url}/v1/batch`, new Uint8Array(gzipSync(body(1001))), key)).status).toBe(413)
  })

  test('a gzip bomb stops at the limit', async () => {
    const bomb = new Uint8Array(gzipSync(Buffer.alloc(256 * MIB)))
    const answer = await post(`${collector.url}/v1/batch`, bomb, key)
    expect(answer).toMatchObject({ status: 413, body: { code: 'body_too_large' } })
  })

  test('a source may raise its limit per event', async () => {
    const event = `{"type":"page","x":"${'x'.repeat(300 * 1024)}"}`
    const web = await post(`${collector.url}/v1/page`, event, key)
    expect(web.body).toMatchObject({ accepted: 0, rejected: [{ index: 0, code: 'event_too_large' }] })
    const crm = await post(`${collector.url}/v1/page`, event, { 'x-write-key': 'wk_crm_1' })
    expect(crm.body).toMatchObject({ accepted: 1, rejected: [] })
  })

  test('2,500 events are taken, those beyond are rejected one by one, ten thousand are refused', async () => {
    const batch = (events: number): string => `{"batch":[${Array(events).fill('{"type":"page"}').join(',')}]}`
    const answer = await post(`${collector.url}/v1/batch`, batch(2502), key)
    expect(answer.body).toMatchObject({
      accepted: 2500,
      rejected: [
        { index: 2500, code: 'too_many_events' },
        { index: 2501, code: 'too_many_events' },
      ],
    })
    expect(await post(`${collector.url}/v1/batch`, batch(10_001), key)).toMatchObject({
      status: 413,
      body: { code: 'too_many_events' },
    })
  })

  test('a context beside the batch cannot be made to multiply', async () => {
    const events = Array(2500).fill('{"type":"page"}').join(',')
    const answer = await post(
      `${collector.url}/v1/batch`,
      `{"context":{"x":"${'x'.repeat(100_000)}"},"batch":[${events}]}`,
      key,
    )
    expect(answer).toMatchObject({ status: 413, body: { code: 'body_too_large' } })
    expect(log.requests).toEqual([])
  })
})

describe('load', () => {
  test('beyond the bytes in flight the answer is 503 at once, and it passes', async () => {
    const small = await start({ maxInFlightBytes: 1_000_000 })
    log.hold()
    const body = `{"batch":[{"type":"page","x":"${'x'.repeat(200_000)}"}]}`
    const taken = [1, 2, 3, 4].map(() => post(`${small.url}/v1/batch`, body, key))
    await new Promise((resolve) => setTimeout(resolve, 300))
    const refused = await post(`${small.url}/v1/batch`, body, key)
    expect(refused).toMatchObject({ status: 503, body: { success: false, code: 'overloaded' } })
    expect(refused.headers.get('retry-after')).toBe('1')
    log.release()
    expect((await Promise.all(taken)).map((answer) => answer.status)).toEqual([200, 200, 200, 200])
    expect((await post(`${small.url}/v1/batch`, body, key)).status).toBe(200)
    expect(small.inFlight.bytes).toBe(0)
  })

  test('what Kafka does not acknowledge is 503 with whole seconds to wait, and works again without a restart', async () => {
    log.fault = 'away'
    const answer = await post(`${collector.url}/v1/page`, '{}', key)
    expect(answer).toMatchObject({ status: 503, body: { success: false, code: 'unavailable' } })
    expect(answer.headers.get('retry-after')).toMatch(/^[1-9][0-9]*$/)
    log.fault = undefined
    expect((await post(`${collector.url}/v1/page`, '{}', key)).status).toBe(200)
  })

  test('a reject that Kafka does not acknowledge is no 200 either', async () => {
    log.fault = 'away'
    expect((await post(`${collector.url}/v1/batch`, '{"batch":[7]}', key)).status).toBe(503)
  })

  test('while the end is near, requests are taken and each answer ends its connection', async () => {
    const ending = await start()
    expect((await post(`${ending.url}/v1/page`, '{}', key)).headers.get('connection')).not.toBe('close')
    ending.drain()
    const answer = await post(`${ending.url}/v1/page`, '{}', key)
    expect(answer.status).toBe(200)
    expect(answer.headers.get('connection')).toBe('close')
  })

  test('a stop answers everything that was taken and tells the client to go elsewhere', async () => {
    const stopping = await start()
    log.hold()
    const taken = post(`${stopping.url}/v1/page`, '{}', key)
    await new Promise((resolve) => setTimeout(resolve, 100))
    const stopped = stopping.stop()
    log.release()
    const answer = await taken
    await stopped
    expect(answer.status).toBe(200)
    expect(answer.headers.get('connection')).toBe('close')
    await expect(post(`${stopping.url}/v1/page`, '{}', key)).rejects.toThrow('fetch failed')
  })
})

/** Sends bytes as they are and gives what comes back, until the other side closes or `until` is seen. */
function talk(url: string, bytes: string, until: RegExp): Promise<string> {
  return new Promise((resolve, reject) => {
    const socket = connect(Number(new URL(url).port), '127.0.0.1', () => socket.write(bytes))
    let text = ''
    socket.on('data', (chunk) => {
      text += chunk.toString()
      if (until.test(text)) socket.end()
    })
    socket.on('close', () => resolve(text))
    socket.on('error', reject)
  })
}

describe('wire', () => {
  const head = 'POST /v1/page HTTP/1.1\r\nhost: x\r\nx-write-key: wk_web_1\r\n'

  test('pipelined requests are answered in order', async () => {
    const request = (name: string): string =>
      `${head}content-length: ${12 + name.length}\r\n\r\n{"event":"${name}"}`.replace('/page', '/track')
    const text = await talk(collector.url, request('a') + request('b'), /"success".*"success"/s)
    expect(text.match(/HTTP\/1.1 200/g)).toHaveLength(2)
  })

  test('a body in chunks without a length is read', async () => {
    const text = await talk(
      collector.url,
      `${head}transfer-encoding: chunked\r\n\r\n1\r\n{\r\n1\r\n}\r\n0\r\n\r\n`,
      /success/,
    )
    expect(text).toContain('"accepted":1')
  })

  test('a body longer than its length is an event, and what is beyond it no request', async () => {
    const text = await talk(
      collector.url,
      `${head}content-length: 2\r\n\r\n{}{"type":"page"}`,
      /invalid_request/,
    )
    expect(text.match(/HTTP\/1.1 \d+/g)).toEqual(['HTTP/1.1 200', 'HTTP/1.1 400'])
    expect(log.records('events')).toHaveLength(1)
  })

  test('what is no request waits for the answer of the one before it, however long that takes', async () => {
    log.hold()
    setTimeout(() => log.release(), 200)
    const two = `${head}content-length: 2\r\n\r\n{}`
    const text = await talk(collector.url, `${two}${two}hello\r\n\r\n`, /invalid_request/)
    expect(text.match(/HTTP\/1.1 \d+/g)).toEqual(['HTTP/1.1 200', 'HTTP/1.1 200', 'HTTP/1.1 400'])
  })

  test('a length and chunks at once are refused: two readers could take them for different requests', async () => {
    const text = await talk(
      collector.url,
      `${head}content-length: 2\r\ntransfer-encoding: chunked\r\n\r\n2\r\n{}\r\n0\r\n\r\n`,
      /invalid_request/,
    )
    expect(text).toMatch(/^HTTP\/1.1 400/)
    expect(log.requests).toEqual([])
  })

  test('a body that ends early keeps nothing and gives its bytes back', async () => {
    const socket = connect(Number(new URL(collector.url).port), '127.0.0.1')
    socket.write(`${head}content-length: 5000\r\n\r\n{"a":`)
    await new Promise((resolve) => setTimeout(resolve, 100))
    expect(collector.inFlight.bytes).toBe(5000)
    socket.destroy()
    await new Promise((resolve) => setTimeout(resolve, 100))
    expect(collector.inFlight.bytes).toBe(0)
    expect(log.requests).toEqual([])
    expect(collector.faults).toEqual([])
  })

  test('a client that never finishes its request is cut off', async () => {
    const impatient = await start({ requestTimeoutMs: 1000 })
    const text = await talk(impatient.url, `${head}content-length: 5000\r\n\r\n{"a":`, /never/)
    expect(text).toMatch(/^HTTP\/1.1 408.*"success":false,"code":"request_timeout"/s)
    await new Promise((resolve) => setTimeout(resolve, 100))
    expect(impatient.inFlight.bytes).toBe(0)
  }, 40_000)

  test('what is no HTTP is answered and closed', async () => {
    expect(await talk(collector.url, 'hello\r\n\r\n', /never/)).toMatch(
      /^HTTP\/1.1 400.*"code":"invalid_request"/s,
    )
  })
})
