import { Server, ServerCredentials, status, type sendUnaryData, type ServerUnaryCall } from '@grpc/grpc-js'
import { afterAll, beforeAll, beforeEach, describe, expect, test } from '@jest/globals'
import {
  type ActOnDeadLettersRequest,
  type ActOnDeadLettersResponse,
  DeadLetterAction,
  DeliveryServiceService,
  type ListDeadLettersRequest,
  ListDeadLettersResponse,
  type ListDeliveriesRequest,
  ListDeliveriesResponse,
  ListDestinationsResponse,
  type StopDestinationRequest,
  type TestDestinationRequest,
  type TestDestinationResponse,
} from '@tributary/contracts/generated/tributary/delivery/v1/delivery'
import { whyText, deliveryStoryText } from '../output/deliveryText.ts'
import { commandLine } from '../testing/commandLine.ts'
import { MemoryDoor } from '../testing/memoryDoor.ts'

const pending = ListDeliveriesResponse.fromPartial({
  deliveries: [
    { delivery: { id: 'p1', destinationId: 'crm' }, attempts: 2, nextTryMs: 60_000, lastCode: 'HTTP_503' },
    { delivery: { id: 'p2', destinationId: 'crm' } },
  ],
})
const letters = [
  {
    delivery: { id: 'd1', destinationId: 'crm' },
    attempts: 1,
    last: {
      code: 'HTTP_422',
      message: 'the destination answered 422; it will not take this item',
      timeMs: 0,
    },
  },
  { delivery: { id: 'd2', destinationId: 'crm' }, attempts: 9, last: { code: 'TIMEOUT' }, superseded: true },
]

let server: Server
let tributary: ReturnType<typeof commandLine>
let asked: unknown[] = []

/** Answers in turn, the last one again and again. */
function answering<Q, A>(...answers: (A | { code: status; details: string })[]) {
  let turn = 0
  return ({ request }: ServerUnaryCall<Q, A>, answer: sendUnaryData<A>) => {
    asked.push(request)
    const given = answers[Math.min(turn++, answers.length - 1)]!
    if (typeof given === 'object' && given !== null && 'details' in given) answer(given)
    else answer(null, given)
  }
}

beforeAll(async () => {
  server = new Server()
  server.addService(DeliveryServiceService, {
    listDeliveries: answering<ListDeliveriesRequest, ListDeliveriesResponse>(pending),
    listDeadLetters: (
      { request }: ServerUnaryCall<ListDeadLettersRequest, unknown>,
      answer: sendUnaryData<unknown>,
    ) => {
      asked.push(request)
      const page = request.pageToken === '' ? letters.slice(0, 1) : letters.slice(1)
      const nextPageToken = request.pageToken === '' ? 'next' : ''
      answer(null, ListDeadLettersResponse.fromPartial({ letters: page, nextPageToken }))
    },
    actOnDeadLetters: answering<ActOnDeadLettersRequest, ActOnDeadLettersResponse>(
      { acted: 1_000, superseded: 2, more: true },
      { acted: 3, superseded: 0, more: false },
      { acted: 1, superseded: 0, more: false },
    ),
    listDestinations: answering<unknown, ListDestinationsResponse>(
      ListDestinationsResponse.fromPartial({
        destinations: [
          {
            id: 'crm',
            pending: 12,
            dead: 2,
            mode: 'paused',
            code: 'HTTP_401',
            sinceMs: 1,
            heldUntilMs: 60_000,
          },
          { id: 'erp', mode: 'stopped', code: 'STOPPED_BY_PERSON', sinceMs: 1, actor: 'ada', reason: 'move' },
          { id: 'mail', mode: 'open' },
        ],
      }),
    ),
    stopDestination: answering<StopDestinationRequest, object>(
      {},
      {
        code: status.INVALID_ARGUMENT,
        details: 'no destination is called "x"',
      },
    ),
    resumeDestination: answering<unknown, object>({}),
    testDestination: answering<TestDestinationRequest, TestDestinationResponse>(
      { verdict: 'delivered', code: '', message: '', tookMs: 12 },
      { verdict: 'pause', code: 'HTTP_401', message: 'the destination answered 401', tookMs: 3 },
    ),
  })
  const port = await new Promise<number>((resolve, reject) => {
    server.bindAsync('127.0.0.1:0', ServerCredentials.createInsecure(), (error, bound) =>
      error ? reject(error) : resolve(bound),
    )
  })
  tributary = commandLine({
    door: new MemoryDoor(),
    env: { ACTIVATION_GRPC: `127.0.0.1:${port}`, USER: 'ada' },
  })
})
beforeEach(() => {
  asked = []
})
afterAll(() => {
  server.forceShutdown()
})

describe('delivery list', () => {
  test('lines up what waits and what was given up', async () => {
    const { out, code } = await tributary('delivery', 'list')
    expect(code).toBe(0)
    expect(out).toBe(
      `STATE       DESTINATION  DELIVERY  TRIES  NEXT OR LAST          CODE      WHY
pending     crm          p1        2      1970-01-01 00:01:00Z  HTTP_503
pending     crm          p2        0      behind another
dead        crm          d1        1      1970-01-01 00:00:00Z  HTTP_422  the destination answered 422; it will not take this item
superseded  crm          d2        9      1970-01-01 00:00:00Z  TIMEOUT`,
    )
  })

  test('asks for dead letters alone by code and time', async () => {
    const { out } = await tributary(
      'delivery',
      'list',
      '--code',
      'HTTP_422',
      '--since',
      '2026-01-01',
      '--json',
    )
    expect(JSON.parse(out)).toMatchObject({ pending: [], dead: [{ delivery: { id: 'd1' } }, {}] })
    expect(asked[0]).toMatchObject({
      selection: { code: 'HTTP_422', fromMs: Date.UTC(2026, 0, 1), untilMs: 0 },
    })
    expect((await tributary('delivery', 'list', '--since', 'yesterday')).err).toContain(
      'It takes a time such as',
    )
  })
})

describe('delivery redrive and discard', () => {
  test('name what is meant, or do nothing', async () => {
    const { code, err } = await tributary('delivery', 'redrive', '--reason', 'x')
    expect([code, asked]).toEqual([1, []])
    expect(err).toContain('or say --all')
  })

  test('a dry run shows which, and does nothing', async () => {
    const { out, err, code } = await tributary('delivery', 'discard', '--all', '--dry-run', '--reason', 'x')
    expect(code).toBe(2)
    expect(out.split('\n')).toHaveLength(3)
    expect(err).toBe('2 dead letters; nothing was done')
    expect(asked).not.toContainEqual(expect.objectContaining({ action: expect.anything() }))
  })

  test('redrive goes on until none is left, and says who decided and why', async () => {
    const { out, err } = await tributary('delivery', 'redrive', '--destination', 'crm', '--reason', 'mended')
    expect(out).toBe('1003 dead letters tried again; of these 2 not, since something newer was sent')
    expect(err).toBe('1000 dead letters so far')
    expect(asked).toHaveLength(2)
    expect(asked[0]).toMatchObject({
      action: DeadLetterAction.DEAD_LETTER_ACTION_REDRIVE,
      actor: 'ada',
      reason: 'mended',
      selection: { destinationId: 'crm', deliveryIds: [] },
    })
  })

  test('discard takes ids', async () => {
    const { out } = await tributary('delivery', 'discard', 'd1', '--reason', 'a test')
    expect(out).toBe('1 dead letter put away')
    expect(asked[0]).toMatchObject({
      action: DeadLetterAction.DEAD_LETTER_ACTION_DISCARD,
      selection: { deliveryIds: ['d1'] },
    })
  })
})

describe('destination', () => {
  test('list says what is held and why, and ends with 2 when somebody should look', async () => {
    const { out, code } = await tributary('destination', 'list')
    expect(code).toBe(2)
    expect(out).toBe(`DESTINATION  STATE    PENDING  DEAD  SINCE                 WHY
crm          paused   12       2     1970-01-01 00:00:00Z  HTTP_401, tried again 1970-01-01 00:01:00Z
erp          stopped  0        0     1970-01-01 00:00:00Z  by ada: move
mail         open     0        0`)
  })

  test('pause and resume say what holds now', async () => {
    expect((await tributary('destination', 'pause', 'crm', '--reason', 'move')).out).toBe(
      'crm is sent nothing until `tributary destination resume crm`',
    )
    expect(asked[0]).toEqual({ destinationId: 'crm', actor: 'ada', reason: 'move' })
    expect((await tributary('destination', 'pause', 'x', '--reason', 'move')).err).toBe(
      'error: activation: no destination is called "x"',
    )
    expect((await tributary('destination', 'resume', 'crm')).out).toBe('crm is sent to again')
  })

  test('a test item: what came of it is said', async () => {
    expect(await tributary('destination', 'test', 'crm')).toMatchObject({
      code: 0,
      out: 'crm took the test item in 12 ms',
    })
    expect(await tributary('destination', 'test', 'crm')).toMatchObject({
      code: 2,
      out: 'crm did not (HTTP_401): the destination answered 401',
    })
  })
})

const story = {
  id: 'd1',
  destination: 'crm',
  sync: 'vips-to-crm',
  profileId: 'p-0',
  version: 'v7',
  type: 'dev.tributary.audience.entered.v1',
  body: '{"data":{"plan":"pro"}}',
  createdMs: 0,
  mapping: 'm1',
  filtered: '',
  lane: '',
  withdraws: '',
  change: JSON.stringify({
    audience: 'vips',
    change: 'entered',
    reason: 'event',
    because: [{ condition: 'plan is "pro"', value: 'pro', met: true }],
    causedBy: { messageIds: ['m-1'], sources: ['web'] },
  }),
  outcomes: [
    { kind: 'dead', attempt: 1, status: 422, code: 'HTTP_422', message: 'refused', timeMs: 1_000 },
    {
      kind: 'redriven',
      attempt: 1,
      status: 0,
      code: 'REDRIVEN',
      message: 'redriven by ada: mended',
      timeMs: 2_000,
    },
    { kind: 'delivered', attempt: 2, status: 200, code: '', message: '', timeMs: 3_000 },
  ],
}

test('why tells the change, the decision and what became of it', () => {
  expect(whyText(story)).toBe(
    `Profile p-0 changed (dev.tributary.audience.entered.v1, version v7): it entered the audience vips because of event, caused by message m-1 from web: plan is "pro" holds (it saw "pro").
Sync vips-to-crm sends that to crm (mapping m1), made 1970-01-01 00:00:00Z.
Consent and the rest allowed it.
1970-01-01 00:00:01Z: given up after try 1 (HTTP_422): refused.
1970-01-01 00:00:02Z: redriven (REDRIVEN): redriven by ada: mended.
1970-01-01 00:00:03Z: try 2 was taken.`,
  )
  const filtered = { ...story, filtered: 'no consent to email', body: '', change: '', outcomes: [] }
  expect(whyText(filtered)).toContain('It must not be sent: no consent to email. The item was not kept.')
})

test('show prints the item and every try', () => {
  expect(deliveryStoryText(story)).toBe(`delivery  d1
to        crm by vips-to-crm
profile   p-0, version v7
change    dev.tributary.audience.entered.v1
made      1970-01-01 00:00:00Z
mapping   m1

what became of it
  1970-01-01 00:00:01Z  dead       try 1  HTTP_422  refused
  1970-01-01 00:00:02Z  redriven   try 1  REDRIVEN  redriven by ada: mended
  1970-01-01 00:00:03Z  delivered  try 2

item
{
  "data": {
    "plan": "pro"
  }
}`)
})
