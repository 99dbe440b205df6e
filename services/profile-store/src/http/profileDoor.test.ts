/** The door over made-up reads: paths, tokens, errors. What the reads answer is tested where they are. */
import { afterAll, beforeAll, beforeEach, describe, expect, test } from '@jest/globals'
import { status } from '@grpc/grpc-js'
import {
  type GetProfileRequest,
  type GetProfileResponse,
  type ListEventsRequest,
} from '@tributary/contracts/generated/tributary/profile/v1/profile_service'
import { Refusal, unavailable } from '@tributary/service-kit'
import { createRecordingLogger } from '@tributary/service-kit/testing'
import { openApiProblems } from '../../../../tests/support/openApiProblems.ts'
import { type ProfileDoor, startProfileDoor } from './profileDoor.ts'

const { logger, records } = (() => {
  const recording = createRecordingLogger()
  return { logger: recording.logger, records: () => JSON.stringify(recording) }
})()
let door: ProfileDoor
let asked: (GetProfileRequest | ListEventsRequest)[] = []
let answer: () => GetProfileResponse

beforeAll(async () => {
  door = await startProfileDoor({
    host: '127.0.0.1',
    port: 0,
    tokens: ['t0ken', 'n3xt'],
    reads: {
      async getProfile(request) {
        asked.push(request)
        return answer()
      },
      async listEvents(request) {
        asked.push(request)
        return {
          events: [
            {
              messageId: 'm1',
              source: 'web',
              type: 'track',
              name: 'Viewed',
              time: new Date(1_000),
              received: new Date(2_000),
              identifiers: [{ type: 'user_id', value: 'u1' }],
              json: Buffer.from('{"order": 12345678901234567890}'),
            },
          ],
          nextPageToken: 'next',
        }
      },
    },
    logger,
  })
})
afterAll(() => door.stop())

const profile = {
  profileId: 'p1',
  version: 'v',
  firstSeen: new Date(1_000),
  lastSeen: new Date(2_000),
  identifiers: [],
  traits: undefined,
  computed: undefined,
  audiences: {},
  events: 3,
  json: JSON.stringify({
    profileId: '0123456789abcdef0123456789abcdef-0',
    version: '0001-000000000000000001',
    firstSeen: '1970-01-01T00:00:01.000Z',
    lastSeen: '1970-01-01T00:00:02.000Z',
    identifiers: [],
    traits: { card: 'CARD' },
    computed: {},
    audiences: {},
    consent: {},
    events: 3,
  }).replace('"CARD"', '12345678901234567890'),
}

beforeEach(() => {
  asked = []
  answer = () => ({ profile, behind: [] })
})

async function get(path: string, options: { token?: string; method?: string } = {}) {
  const { token = 't0ken', method = 'GET' } = options
  const response = await fetch(`http://127.0.0.1:${door.port}${path}`, {
    method,
    headers: token === '' ? {} : { authorization: `Bearer ${token}` },
  })
  const got = { code: response.status, headers: response.headers, text: await response.text() }
  const template = /\/events(\?|$)/.test(path) ? '/v1/profiles/{ref}/events' : '/v1/profiles/{ref}'
  expect(openApiProblems(template, got)).toEqual([])
  return got
}

describe('questions', () => {
  test.each<[string, object]>([
    [
      '/v1/profiles/0123456789abcdef0123456789abcdef-0',
      { $case: 'profileId', value: '0123456789abcdef0123456789abcdef-0' },
    ],
    [
      '/v1/profiles/email:ada%40example.com',
      { $case: 'identifier', value: { type: 'email', value: 'ada@example.com' } },
    ],
    ['/v1/profiles/user_id:a:b%2Fc', { $case: 'identifier', value: { type: 'user_id', value: 'a:b/c' } }],
  ])('%s', async (path, ref) => {
    expect((await get(path)).code).toBe(200)
    expect(asked).toEqual([{ ref: { ref }, fieldMask: undefined, freshness: undefined }])
  })

  test('read-your-write goes with the question', async () => {
    await get('/v1/profiles/user_id:u1?min_position=CAE&with_identity=true&max_wait_ms=500')
    expect(asked).toMatchObject([{ freshness: { minPosition: 'CAE', withIdentity: true, maxWaitMs: 500 } }])
  })

  test('events go by pages', async () => {
    const { text } = await get('/v1/profiles/user_id:u1/events?page_size=10&page_token=abc')
    expect(asked).toMatchObject([{ pageSize: 10, pageToken: 'abc' }])
    expect(text).toContain('"event":{"order": 12345678901234567890}')
    expect(JSON.parse(text)).toMatchObject({ events: [{ messageId: 'm1' }], nextPageToken: 'next' })
  })

  test.each([
    ['/v1/profiles/user_id:u1?fields=traits', 400],
    ['/v1/profiles/user_id:u1?with_identity=true', 400],
    ['/v1/profiles/user_id:u1?min_position=CAE&max_wait_ms=soon', 400],
    ['/v1/profiles/user_id:u1/events?page_size=-1', 400],
    ['/v1/profiles/user_id:%zz', 400],
    ['/v1/profiles', 404],
    ['/v2/profiles/x', 404],
  ])('%s is %d', async (path, code) => {
    const refused = await get(path)
    expect(refused.code).toBe(code)
    expect(JSON.parse(refused.text)).toEqual({ code: expect.any(String), message: expect.any(String) })
    expect(asked).toEqual([])
  })
})

describe('answers', () => {
  test('D2: numbers keep their digits', async () => {
    const { text, headers } = await get('/v1/profiles/user_id:u1')
    expect(text).toContain(`"profile":${profile.json}`)
    expect(JSON.parse(text)).toMatchObject({ now: { events: 3 }, behind: [] })
    expect(headers.get('cache-control')).toBe('no-store')
  })

  test('D1: without a known token nothing is asked', async () => {
    for (const token of ['', 'other', 't0ken2']) {
      const refused = await get('/v1/profiles/user_id:u1', { token })
      expect([refused.code, refused.headers.get('www-authenticate')]).toEqual([401, 'Bearer'])
    }
    expect(asked).toEqual([])
    expect((await get('/v1/profiles/user_id:u1', { token: 'n3xt' })).code).toBe(200)
  })

  test('nothing is written here', async () => {
    const refused = await get('/v1/profiles/user_id:u1', { method: 'DELETE' })
    expect([refused.code, refused.headers.get('allow')]).toEqual([405, 'GET'])
  })

  test.each<[Error, number, string | null]>([
    [new Refusal(status.NOT_FOUND, 'nobody'), 404, null],
    [new Refusal(status.INVALID_ARGUMENT, 'no such type'), 400, null],
    [unavailable('partition 1 of the profiles'), 503, '1'],
    [new Error('broken: ada@example.com'), 500, null],
  ])('%s', async (error, code, retryAfter) => {
    answer = () => {
      throw error
    }
    const refused = await get('/v1/profiles/email:ada@example.com')
    expect([refused.code, refused.headers.get('retry-after')]).toEqual([code, retryAfter])
    expect(refused.text).not.toContain('ada@')
  })

  test('D3: a path is not in the log', () => {
    expect(records()).not.toContain('email:ada')
  })
})
