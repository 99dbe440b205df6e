/** Before a real HTTP receiver: the documented shape of each shipped recipe, batches, halves, answers, secrets. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { type Server, createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createHash } from 'node:crypto'
import { afterAll, beforeAll, beforeEach, describe, expect, test } from '@jest/globals'
import type { DestinationDocument } from '@tributary/configuration'
import type { Delivery } from '@tributary/contracts/generated/tributary/delivery/v1/delivery'
import { type Answer, classify } from '../delivery/classify.ts'
import { type GuardedHttp, createGuardedHttp } from '../http/guardedHttp.ts'
import type { Sender } from '../delivery/dispatcher.ts'
import { delivery } from '../testing/deliveries.ts'
import { createRecipeSecrets } from './recipeSecrets.ts'
import { createRecipeSender } from './recipeSender.ts'

interface Received {
  readonly method: string
  readonly url: string
  readonly headers: Record<string, unknown>
  readonly body: unknown
}

let server: Server
let base: string
let secretsDir: string
let http: GuardedHttp
let sender: Sender
let received: Received[] = []
/** Status for a request. */
let answer: (request: Received) => number = () => 200
const { signal } = new AbortController()

beforeAll(async () => {
  server = createServer((request, response) => {
    const chunks: Buffer[] = []
    request.on('data', (chunk: Buffer) => chunks.push(chunk))
    request.on('end', () => {
      const { method = '', url = '', headers } = request
      const got = { method, url, headers, body: JSON.parse(Buffer.concat(chunks).toString()) as unknown }
      received.push(got)
      response.writeHead(answer(got)).end('{"echo":"nobody reads this"}')
    })
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  base = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
  secretsDir = mkdtempSync(join(tmpdir(), 'recipe-secrets-'))
  writeFileSync(join(secretsDir, 'token'), 's3cret\n')
  writeFileSync(join(secretsDir, 'hook'), `${base}/services/T0/B0/X0\n`)
  http = createGuardedHttp(Date.now)
})
beforeEach(() => {
  received = []
  answer = () => 200
  sender = createRecipeSender({ secrets: createRecipeSecrets(secretsDir, Date.now), http, userAgent: 'test' })
})
afterAll(async () => {
  await http.close()
  server.close()
  rmSync(secretsDir, { recursive: true })
})

type Recipe = NonNullable<DestinationDocument['recipe']>

const destination = (recipe: Recipe): DestinationDocument => ({
  kind: 'Destination',
  id: 'there',
  recipe: { allowPrivateAddresses: true, ...recipe },
})

const item = (id: string, data: object): Delivery =>
  delivery(id, {
    profileId: `p-${id}`,
    body: JSON.stringify({
      type: 'dev.tributary.audience.entered.v1',
      timestamp: '2026-01-31T18:00:00.250Z',
      data,
    }),
  })

const sha256 = (text: string) => createHash('sha256').update(text).digest('hex')
const token = { token: { file: 'token' } }
const ada = { email: ' Ada@Example.com ', phone: '+33 6 12 34 56 78', external_id: 'u1' }

describe('the documented request of', () => {
  test.each<[string, () => Recipe, object, Partial<Received>]>([
    [
      'a Slack message',
      () => ({ use: 'slack', secrets: { url: { file: 'hook' } } }),
      { text: 'Ada is a VIP' },
      { url: '/services/T0/B0/X0', body: { text: 'Ada is a VIP' } },
    ],
    [
      'HubSpot contacts',
      () => ({ use: 'hubspot_contacts', params: { base }, secrets: token }),
      { email: 'ada@example.com', plan: 'pro', firstname: null },
      {
        url: '/crm/objects/2026-03/contacts/batch/upsert',
        body: {
          inputs: [
            {
              idProperty: 'email',
              id: 'ada@example.com',
              properties: { email: 'ada@example.com', plan: 'pro', firstname: null },
            },
          ],
        },
      },
    ],
    [
      'Braze users',
      () => ({ use: 'braze_users_track', params: { base }, secrets: token }),
      { external_id: 'u1', plan: 'pro' },
      { url: '/users/track', body: { attributes: [{ external_id: 'u1', plan: 'pro' }] } },
    ],
    [
      'Meta conversions',
      () => ({ use: 'meta_conversions', params: { base, version: 'v24.0', dataset: '42' }, secrets: token }),
      { event_name: 'VipEntered', ...ada },
      {
        url: '/v24.0/42/events?access_token=s3cret',
        body: {
          data: [
            {
              event_name: 'VipEntered',
              event_time: 1_769_882_400,
              event_id: 'd1',
              action_source: 'system_generated',
              user_data: {
                em: [sha256('ada@example.com')],
                ph: [sha256('33612345678')],
                external_id: [sha256('u1')],
              },
            },
          ],
        },
      },
    ],
    [
      'a Google audience',
      () => ({
        use: 'google_audience_add',
        params: { base, accountId: '1', audienceId: '2' },
        secrets: token,
      }),
      ada,
      {
        url: '/v1/audienceMembers:ingest',
        body: {
          destinations: [
            { operatingAccount: { accountType: 'GOOGLE_ADS', accountId: '1' }, productDestinationId: '2' },
          ],
          audienceMembers: [{ userData: { userIdentifiers: [{ emailAddress: sha256('ada@example.com') }] } }],
          encoding: 'HEX',
          consent: { adUserData: 'CONSENT_GRANTED', adPersonalization: 'CONSENT_GRANTED' },
          termsOfService: { customerMatchTermsOfServiceStatus: 'ACCEPTED' },
        },
      },
    ],
    [
      'leaving a Google audience',
      () => ({
        use: 'google_audience_remove',
        params: { base, accountId: '1', audienceId: '2' },
        secrets: token,
      }),
      ada,
      { url: '/v1/audienceMembers:remove' },
    ],
    [
      'a GA4 event',
      () => ({
        use: 'ga4_measurement_protocol',
        params: { base, measurementId: 'G-1' },
        secrets: { apiSecret: { file: 'token' } },
      }),
      { client_id: '1.2', name: 'vip_entered', params: { value: 3 } },
      {
        url: '/mp/collect?measurement_id=G-1&api_secret=s3cret',
        body: {
          client_id: '1.2',
          timestamp_micros: 1_769_882_400_250_000,
          events: [{ name: 'vip_entered', params: { value: 3 } }],
        },
      },
    ],
  ])('%s', async (_, recipe, data, expected) => {
    const to = destination(recipe())
    expect(sender.blocked(to)).toBeUndefined()
    expect(await sender.send(to, item('d1', data), signal)).toMatchObject({ status: 200 })
    expect(received).toMatchObject([{ method: 'POST', ...expected }])
    const bearer = ['slack', 'meta_conversions', 'ga4_measurement_protocol'].every(
      (each) => each !== to.recipe?.use,
    )
    expect(received[0]!.headers['authorization']).toBe(bearer ? 'Bearer s3cret' : undefined)
  })
})

const define = {
  url: '{{ param.base }}/people',
  item: { id: '{{ item.id }}', who: '{{ item.data.who }}' },
  body: { people: '{{ items }}' },
  batch: 4,
  params: { base: { description: 'Address.' } },
}
const own = (over: object = {}) => destination({ define: { ...define, ...over }, params: { base } })
const idsIn = ({ body }: Received) => (body as { people: { id: string }[] }).people.map(({ id }) => id)
const sendAll = (to: DestinationDocument, count: number): Promise<Answer[]> =>
  Promise.all(Array.from({ length: count }, (_, i) => sender.send(to, item(`d${i}`, { who: i }), signal)))

test('what comes together goes in requests of at most a batch', async () => {
  const answers = await sendAll(own(), 10)
  expect(received.map(idsIn).map(({ length }) => length)).toEqual([4, 4, 2])
  expect(received.flatMap(idsIn).sort()).toEqual(Array.from({ length: 10 }, (_, i) => `d${i}`))
  expect(answers.every((each) => classify(each).verdict === 'delivered')).toBe(true)
})

test('one item that is refused costs the others nothing: halves, down to the one', async () => {
  answer = (request) => (idsIn(request).includes('d2') ? 400 : 200)
  const answers = await sendAll(own({ batch: 8 }), 8)
  expect(answers.map((each) => classify(each).verdict)).toEqual(
    Array.from({ length: 8 }, (_, i) => (i === 2 ? 'item' : 'delivered')),
  )
  expect(received.length).toBeLessThanOrEqual(7)
})

test.each([
  [503, 'retry'],
  [401, 'pause'],
  [429, 'wait'],
])(
  'a request that fails with %d says %s of each of its items, and is not halved',
  async (status, verdict) => {
    answer = () => status
    const answers = await sendAll(own(), 4)
    expect(answers.map((each) => classify(each).verdict)).toEqual(Array.from({ length: 4 }, () => verdict))
    expect(received).toHaveLength(1)
  },
)

test('a recipe says what an unusual answer means', async () => {
  answer = (request) => (idsIn(request).length > 1 ? 207 : 200)
  const answers = await sendAll(own({ answers: [{ status: 207, verdict: 'item' as const }] }), 2)
  expect(answers.map((each) => classify(each).verdict)).toEqual(['delivered', 'delivered'])
  expect(received).toHaveLength(3)
})

test('what an item says is data: templates, addresses and secrets in it stay text', async () => {
  const evil = '{{ secret.token }} http://169.254.169.254/ ${TOKEN} "}'
  await sender.send(own(), item('d1', { who: evil }), signal)
  expect(received[0]!.body).toEqual({ people: [{ id: 'd1', who: evil }] })
})

test('numbers that JavaScript cannot hold are sent as they were written', async () => {
  let text = ''
  const listening: GuardedHttp = {
    async call({ body }) {
      text = body
      return { kind: 'status', status: 200 }
    },
    close: () => Promise.resolve(),
  }
  const exact = createRecipeSender({
    secrets: createRecipeSecrets(secretsDir, Date.now),
    http: listening,
    userAgent: 'test',
  })
  const one = delivery('d1', {
    body: '{"type":"t","timestamp":"2026-01-31T18:00:00Z","data":{"who":12345678901234567890}}',
  })
  await exact.send(own(), one, signal)
  expect(text).toBe('{"people":[{"id":"d1","who":12345678901234567890}]}')
})

test('a secret that is not mounted holds the destination, by name and not by value', () => {
  const to = destination({
    use: 'braze_users_track',
    params: { base },
    secrets: { token: { file: 'later' } },
  })
  expect(sender.blocked(to)).toMatchObject({
    code: 'SECRET_MISSING',
    message: expect.stringContaining('later'),
  })
})

test('a private address is refused unless the document allows it', async () => {
  const to = destination({ define, params: { base }, allowPrivateAddresses: false })
  expect(await sender.send(to, item('d1', {}), signal)).toMatchObject({ code: 'ADDRESS_REFUSED' })
  expect(received).toEqual([])
})
