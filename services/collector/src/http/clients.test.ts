import { gzipSync } from 'node:zlib'
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals'
import { type Event, EventRecord } from '@tributary/contracts/generated/tributary/event/v1/event'
import {
  TEST_SECRET,
  type MemoryLog,
  type TestCollector,
  createMemoryLog,
  exampleSources,
  post,
  startTestCollector,
  workspaceOf,
} from '../testing/index.ts'
import { ingestPaths } from './route.ts'

let log: MemoryLog
let collector: TestCollector

beforeAll(async () => {
  log = createMemoryLog()
  collector = await startTestCollector(log)
  collector.adopt(workspaceOf(exampleSources))
})
afterAll(() => collector.stop())

const basic = (user: string): string => `Basic ${Buffer.from(user).toString('base64')}`
const events = (): Event[] =>
  log.records('events').flatMap((record) => {
    const decoded = EventRecord.decode(record.value).record
    return decoded?.$case === 'event' ? [decoded.value] : []
  })
const last = (): Event => events().at(-1)!

describe('the key is looked for where clients put it, in this order', () => {
  const body = (key?: string): string =>
    JSON.stringify({ batch: [{ type: 'page' }], ...(key && { writeKey: key }) })
  test.each<[string, string, Record<string, string>, string, string]>([
    [
      'X-Write-Key',
      '/v1/batch',
      { 'x-write-key': 'wk_web_1', authorization: basic('wk_crm_1:') },
      body(),
      'web',
    ],
    [
      'Basic user',
      '/v1/batch?writeKey=wk_web_1',
      { authorization: basic('wk_crm_1:') },
      body('wk_web_1'),
      'crm',
    ],
    ['Basic user without a colon', '/v1/batch', { authorization: basic('wk_crm_1') }, body(), 'crm'],
    ['Bearer', '/v1/batch?writeKey=wk_web_1', { authorization: 'Bearer wk_crm_1' }, body(), 'crm'],
    [
      'a Bearer that is no key of ours',
      '/v1/batch',
      { authorization: 'Bearer eyJhbGciOi' },
      body('wk_crm_1'),
      'crm',
    ],
    ['the query', '/v1/batch?writeKey=wk_crm_1', {}, body('wk_web_1'), 'crm'],
    ['the body', '/v1/batch', {}, body('wk_crm_1'), 'crm'],
    ['X-Write-Key as Jitsu writes it', '/v1/batch', { 'x-write-key': 'wk_crm_1:x' }, body('wk_web_1'), 'crm'],
    ['past a masked one', '/v1/batch', { 'x-write-key': 'wk_***' }, body('wk_crm_1'), 'crm'],
    ['a second key of the same source', '/v1/batch', { 'x-write-key': 'wk_web_2' }, body(), 'web'],
  ])('%s', async (_name, path, headers, sent, source) => {
    expect((await post(collector.url + path, sent, headers)).status).toBe(200)
    expect(last()).toMatchObject({ sourceId: source, trusted: false })
  })

  test('a single event may hold it', async () => {
    expect((await post(`${collector.url}/v1/page`, '{"writeKey":"wk_crm_1"}')).status).toBe(200)
  })

  test('a secret key makes an event trusted; only its hash is stored', async () => {
    expect(
      (await post(`${collector.url}/v1/page`, '{}', { authorization: basic(`${TEST_SECRET}:`) })).status,
    ).toBe(200)
    expect(last()).toMatchObject({ sourceId: 'web', trusted: true })
  })
})

describe('without a key that is known there is 401, and nothing is kept', () => {
  test.each<[string, string, Record<string, string>, string]>([
    ['no key', '{"batch":[{"type":"page"}]}', {}, 'missing_key'],
    ['a masked key alone', '{"batch":[],"writeKey":"***"}', { 'x-write-key': '***' }, 'missing_key'],
    ['a wrong key', '{"batch":[{"type":"page"}]}', { 'x-write-key': 'wk_nobody' }, 'unknown_key'],
    ['a wrong key in the body', '{"batch":[],"writeKey":"wk_nobody"}', {}, 'unknown_key'],
    [
      'a wrong key before a right one',
      '{"batch":[],"writeKey":"wk_web_1"}',
      { authorization: basic('wk_nobody:') },
      'unknown_key',
    ],
    ['a key of the wrong type', '{"batch":[],"writeKey":7}', {}, 'missing_key'],
    ['the name of an object’s property', '{"batch":[]}', { 'x-write-key': 'constructor' }, 'unknown_key'],
  ])('%s', async (_name, body, headers, code) => {
    const before = log.requests.length
    expect(await post(`${collector.url}/v1/batch`, body, headers)).toMatchObject({
      status: 401,
      body: { success: false, code, message: expect.any(String) },
    })
    expect(log.requests).toHaveLength(before)
  })

  test('before any revision of the configuration exists, every key is unknown', async () => {
    const empty = await startTestCollector(createMemoryLog())
    expect(await post(`${empty.url}/v1/page`, '{}', { 'x-write-key': 'wk_web_1' })).toMatchObject({
      status: 401,
      body: { code: 'unknown_key' },
    })
    await empty.stop()
  })

  test('a source that is switched off says so', async () => {
    expect(await post(`${collector.url}/v1/page`, '{}', { 'x-write-key': 'wk_old_1' })).toMatchObject({
      status: 403,
      body: { code: 'source_disabled' },
    })
  })
})

describe('what real clients send is understood', () => {
  const batch = '{"batch":[{"type":"page","messageId":"m"}],"sentAt":"2026-11-24T12:00:00.000Z"}'
  const gzipped = new Uint8Array(gzipSync(batch))
  const web = basic('wk_web_1:')
  test.each<[string, string, string | Uint8Array<ArrayBuffer>, Record<string, string>]>([
    ['analytics-node', '/v1/batch', batch, { authorization: web, 'content-type': 'application/json' }],
    ['analytics-next', '/v1/p', '{"type":"page"}', { authorization: web, 'content-type': 'text/plain' }],
    ['analytics-next, batching', '/v1/b', batch, { authorization: web, 'content-type': 'text/plain' }],
    [
      'rudder-sdk-node',
      '/v1/batch',
      gzipped,
      { authorization: web, 'content-type': 'application/x-www-form-urlencoded' },
    ],
    ['analytics-android', '/v1/import', gzipped, { authorization: web, 'content-encoding': 'gzip' }],
    ['analytics-ruby', '/v1/import', batch, { authorization: web, 'content-type': 'application/json' }],
    [
      'rudder-analytics-js',
      '/v1/track',
      '{"type":"track","event":"x"}',
      { authorization: web, anonymousid: 'YQ==', sentat: '2026-11-24T12:00:00Z' },
    ],
    [
      'a gzip that says it is JSON',
      '/v1/batch',
      gzipped,
      { authorization: web, 'content-type': 'application/json' },
    ],
    ['no content type', '/v1/batch', new Uint8Array(Buffer.from(batch)), { authorization: web }],
    ['a slash too many', '/v1/batch/', batch, { authorization: web }],
  ])('%s', async (_name, path, body, headers) => {
    const answer = await post(collector.url + path, body, headers)
    expect(answer).toMatchObject({ status: 200, body: { success: true, accepted: 1, rejected: [] } })
    expect(answer.headers.get('content-type')).toBe('application/json')
  })

  test('analytics-python: the key in the body alone, and nulls', async () => {
    const body =
      '{"batch":[{"type":"identify","userId":"u1","anonymousId":null,"traits":{"email":"a@x.example"},"timestamp":"2026-11-24T23:22:56.546884+00:00"}],"writeKey":"wk_crm_1","sentAt":"2026-11-24T23:22:57Z"}'
    expect((await post(`${collector.url}/v1/batch`, body)).status).toBe(200)
    expect(last().identifiers.map((each) => each.type)).toEqual(['user_id', 'email'])
  })

  test('the SentAt header corrects a clock when nothing else does', async () => {
    const hourFast = { 'x-write-key': 'wk_web_1', sentat: new Date(Date.now() + 3_600_000).toISOString() }
    const original = new Date(Date.now() + 3_600_000 - 60_000).toISOString()
    await post(`${collector.url}/v1/page`, `{"originalTimestamp":"${original}"}`, hourFast)
    const { timeMs, receivedTimeMs, timeFlags } = last()
    expect(Math.abs(receivedTimeMs - 60_000 - timeMs)).toBeLessThan(2000)
    expect(timeFlags).toEqual([])
  })

  test.each([
    ['/api/s/track', '{"type":"track","event":"x","writeKey":"wk_***:***"}', 1],
    ['/api/s/s2s/identify', '{"type":"identify","userId":"u1"}', 2],
    ['/api/s/page', '{"type":"page"}', 3],
    ['/api/s/s2s/group', '{"type":"group","groupId":"g"}', 5],
  ])('Jitsu: %s', async (path, body, type) => {
    const answer = await post(collector.url + path, body, { 'x-write-key': 'wk_web_1:secret' })
    expect(answer).toMatchObject({ status: 200, body: { success: true, accepted: 1 } })
    expect(last()).toMatchObject({ type, sourceId: 'web', trusted: false })
  })

  test('RudderStack’s beacon: the key in the query alone, a batch as text', async () => {
    const sent = await post(`${collector.url}/beacon/v1/batch?writeKey=wk_web_1`, batch, {
      'content-type': 'text/plain',
      origin: 'https://shop.example',
    })
    expect(sent).toMatchObject({ status: 200, body: { accepted: 1 } })
    expect(sent.headers.get('access-control-allow-credentials')).toBe('true')
  })

  test('RudderStack’s browser SDK reads a source that is on, with nothing to load', async () => {
    const url = `${collector.url}/sourceConfig/?p=npm&v=3.34.1&build=modern&writeKey=wk_web_1`
    const response = await fetch(url, { headers: { authorization: web, origin: 'https://shop.example' } })
    expect(response.status).toBe(200)
    expect(await response.json()).toMatchObject({
      source: { id: 'web', enabled: true, config: expect.any(Object), destinations: [] },
    })
    expect((await fetch(`${collector.url}/sourceConfig/`)).status).toBe(401)
    const nobody = { headers: { authorization: basic('wk_nobody:') } }
    expect((await fetch(`${collector.url}/sourceConfig/`, nobody)).status).toBe(401)
  })

  test.each(ingestPaths)('%s takes events, or at least answers', async (path) => {
    const answer = await post(
      collector.url + path,
      '{"batch":[],"event":"x","groupId":"g","previousId":"p"}',
      {
        authorization: web,
        ...(path === '/v1/events' && {
          'ce-id': '1',
          'ce-specversion': '1.0',
          'ce-type': 't',
          'ce-source': 's',
        }),
      },
    )
    expect(answer).toMatchObject({ status: 200, body: { success: true } })
  })

  test.each([
    ['track', 't', 1],
    ['identify', 'i', 2],
    ['page', 'p', 3],
    ['screen', 's', 4],
    ['group', 'g', 5],
    ['alias', 'a', 6],
  ])('%s and its short form name the type', async (long, short, type) => {
    for (const path of [long, short]) {
      // oxlint-disable-next-line no-await-in-loop -- one after the other
      await post(`${collector.url}/v1/${path}`, '{"event":"x","groupId":"g","previousId":"p"}', {
        authorization: web,
      })
      expect(last().type).toBe(type)
    }
  })

  test('the settings analytics-next asks for point it here', async () => {
    const response = await fetch(`${collector.url}/v1/projects/wk_web_1/settings`)
    const host = new URL(collector.url).host
    expect(response.status).toBe(200)
    expect(await response.json()).toEqual({
      integrations: { 'Segment.io': { apiKey: 'wk_web_1', apiHost: `${host}/v1`, protocol: 'http' } },
    })
    const behind = await fetch(`${collector.url}/v1/projects/wk_web_1/settings`, {
      headers: { 'x-forwarded-host': 'events.shop.example', 'x-forwarded-proto': 'https' },
    })
    expect(await behind.json()).toEqual({
      integrations: { 'Segment.io': { apiKey: 'wk_web_1', apiHost: 'events.shop.example/v1' } },
    })
  })
})

describe('browsers', () => {
  test('a preflight is answered for every path, without a key', async () => {
    const response = await fetch(`${collector.url}/v1/t`, {
      method: 'OPTIONS',
      headers: { origin: 'https://shop.example', 'access-control-request-method': 'POST' },
    })
    expect(response.status).toBe(204)
    expect(response.headers.get('access-control-allow-origin')).toBe('https://shop.example')
    expect(response.headers.get('access-control-max-age')).toBe('86400')
    expect(response.headers.get('access-control-allow-headers')).toBe(
      'authorization, content-type, x-retry-count, x-write-key, anonymousid, sentat, x-enable-debug, x-ip-policy, ' +
        'rsa-retry-attempt, rsa-retry-reason, rsa-since-first-attempt, rsa-since-last-attempt, rsa-recovered',
    )
  })

  test.each<[string, string, string, Record<string, string>, number]>([
    ['200', '/v1/page', '{}', { 'x-write-key': 'wk_web_1' }, 200],
    ['400', '/v1/page', '{', { 'x-write-key': 'wk_web_1' }, 400],
    ['401', '/v1/page', '{}', { 'x-write-key': 'wk_nobody' }, 401],
    ['404', '/v2/page', '{}', {}, 404],
    ['415', '/v1/page', '{}', { 'x-write-key': 'wk_web_1', 'content-encoding': 'br' }, 415],
  ])('%s carries the CORS headers and is JSON', async (_name, path, body, headers, status) => {
    const answer = await post(collector.url + path, body, { origin: 'https://shop.example', ...headers })
    expect(answer.status).toBe(status)
    expect(answer.headers.get('access-control-allow-origin')).toBe('https://shop.example')
    expect(answer.headers.get('access-control-expose-headers')).toBe('retry-after')
    expect(answer.body.success).toBe(status === 200)
  })

  test('a page of another origin is refused by a source that lists its own', async () => {
    const from = (origin: string, key: string): ReturnType<typeof post> =>
      post(`${collector.url}/v1/page`, '{}', { origin, 'x-write-key': key })
    expect(await from('https://evil.example', 'wk_web_1')).toMatchObject({
      status: 403,
      body: { code: 'origin_not_allowed' },
    })
    expect((await from('https://evil.example', 'wk_crm_1')).status).toBe(200)
  })
})

test('a source that sends more than it may is told how long to wait, and the others are not', async () => {
  const limited = await startTestCollector(createMemoryLog())
  const limits = { eventsPerSecond: 2 }
  limited.adopt(
    workspaceOf([
      ...exampleSources,
      {
        kind: 'Source',
        id: 'busy',
        http: { keys: [{ kind: 'client', value: 'wk_busy_1' }], limits },
      } as never,
    ]),
  )
  const batch = JSON.stringify({ batch: Array.from({ length: 10 }, () => ({ type: 'page' })) })
  const busy = { 'x-write-key': 'wk_busy_1' }
  expect((await post(`${limited.url}/v1/batch`, batch, busy)).status).toBe(200)
  const refused = await post(`${limited.url}/v1/batch`, batch, busy)
  expect(refused).toMatchObject({ status: 429, body: { success: false, code: 'rate_limited' } })
  expect(refused.headers.get('retry-after')).toBe('5')
  const inBody = JSON.stringify({ batch: [{ type: 'page' }], writeKey: 'wk_busy_1' })
  expect((await post(`${limited.url}/v1/batch`, inBody)).status).toBe(429)
  expect((await post(`${limited.url}/v1/page`, '{}', { 'x-write-key': 'wk_crm_1' })).status).toBe(200)
  await limited.stop()
})

test('another method is 405 and says which', async () => {
  const response = await fetch(`${collector.url}/v1/batch`)
  expect(response.status).toBe(405)
  expect(response.headers.get('allow')).toBe('POST, OPTIONS')
  expect(await response.json()).toMatchObject({ success: false, code: 'method_not_allowed' })
})

test('a new revision is adopted while requests are under way, and none is dropped', async () => {
  const moving = createMemoryLog()
  const changing = await startTestCollector(moving)
  changing.adopt(workspaceOf(exampleSources))
  const old = { 'x-write-key': 'wk_web_1' }
  moving.hold()
  const underWay = post(`${changing.url}/v1/page`, '{}', old)
  await new Promise((resolve) => setTimeout(resolve, 50))
  changing.adopt(
    workspaceOf(
      [{ kind: 'Source', id: 'shop', http: { keys: [{ kind: 'client', value: 'wk_shop_1' }] } } as never],
      2,
    ),
  )
  moving.release()
  expect((await underWay).status).toBe(200)
  expect((await post(`${changing.url}/v1/page`, '{}', old)).status).toBe(401)
  expect((await post(`${changing.url}/v1/page`, '{}', { 'x-write-key': 'wk_shop_1' })).status).toBe(200)
  await changing.stop()
})

test('a key is rotated with an overlap: both hold until the old one is taken out', async () => {
  const rotating = await startTestCollector(createMemoryLog())
  const status = async (key: string): Promise<number> =>
    (await post(`${rotating.url}/v1/page`, '{}', { 'x-write-key': key })).status
  const statuses = async (): Promise<number[]> => [await status('wk_old_key'), await status('wk_new_key')]
  const revisions = [['wk_old_key'], ['wk_old_key', 'wk_new_key'], ['wk_new_key']]
  const found: number[][] = []
  for (const [i, keys] of revisions.entries()) {
    rotating.adopt(
      workspaceOf(
        [
          { kind: 'Source', id: 'web', http: { keys: keys.map((value) => ({ kind: 'client', value })) } },
        ] as never,
        i + 1,
      ),
    )
    // oxlint-disable-next-line no-await-in-loop -- one revision after the other
    found.push(await statuses())
  }
  expect(found).toEqual([
    [200, 401],
    [200, 200],
    [401, 200],
  ])
  await rotating.stop()
})

test('what happened can be read from the metrics', async () => {
  const counting = await startTestCollector(createMemoryLog())
  counting.adopt(workspaceOf(exampleSources))
  await post(`${counting.url}/v1/batch`, '{"batch":[{"type":"page","userId":"null"},{"type":"track"},7]}', {
    'x-write-key': 'wk_web_1',
  })
  const text = await counting.metrics()
  expect(text).toContain('tributary_collector_accepted_events_total{source="web"} 1')
  expect(text).toContain(
    'tributary_collector_rejected_events_total{source="web",code="missing_event_name"} 1',
  )
  expect(text).toContain(
    'tributary_collector_ignored_identifiers_total{type="user_id",reason="placeholder"} 1',
  )
  expect(text).toContain('tributary_collector_received_bytes_total{source="web"} 62')
  expect(text).toContain('tributary_collector_in_flight_bytes 0')
  expect(text).toContain(
    'tributary_collector_request_duration_seconds_count{path="/v1/batch",status="200"} 1',
  )
  await counting.stop()
})

test('nothing that a sender chose becomes a label of a metric, wherever it wrote it', async () => {
  const counting = await startTestCollector(createMemoryLog())
  counting.adopt(workspaceOf(exampleSources))
  const mark = 'marked7f3a'
  const event = {
    type: mark,
    event: mark,
    userId: mark,
    messageId: mark,
    anonymousId: `${mark}@example.com`,
    traits: { email: mark, [mark]: mark },
    properties: { [mark]: mark },
    context: { ip: mark, library: { name: mark }, externalIds: [{ type: mark, id: 'null' }] },
  }
  const batch = JSON.stringify({
    batch: [event, { ...event, type: 'track' }, { ...event, type: 'identify' }],
  })
  const paths = [
    '/v1/batch',
    `/v1/${mark}`,
    `/v1/webhook/${mark}`,
    `/v1/projects/${mark}/settings`,
    `/v1/batch?${mark}=1`,
  ]
  for (const path of paths)
    for (const key of ['wk_web_1', mark])
      // oxlint-disable-next-line no-await-in-loop -- one after the other
      await post(`${counting.url}${path}`, batch, { 'x-write-key': key, [mark]: mark, 'user-agent': mark })
  await fetch(`${counting.url}/v1/projects/${mark}/settings`)
  const text = await counting.metrics()
  expect(text).toContain('tributary_collector_request_duration_seconds_count{path="other",status="404"}')
  expect(text).toContain('path="/v1/projects/:key/settings"')
  expect(text).toContain('tributary_collector_accepted_events_total{source="web"}')
  expect(text).not.toContain(mark)
  await counting.stop()
})
