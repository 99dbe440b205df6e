/** Two instances that own every other partition: what one is asked or told, both answer and do. */
import { afterEach, beforeEach, expect, test } from '@jest/globals'
import type { WorkspaceConfiguration } from '@tributary/configuration'
import {
  DeadLetterAction,
  type DeadLetterSelection,
  type DeliveryServiceClient,
  OutcomeKind,
} from '@tributary/contracts/generated/tributary/delivery/v1/delivery'
import { callUnary, grpcStatus } from '@tributary/service-kit'
import type { Answer } from '../delivery/classify.ts'
import type { Sender } from '../delivery/dispatcher.ts'
import { dueBy, dueTable, queueTable } from '../delivery/queueRows.ts'
import { delivery } from '../testing/deliveries.ts'
import { callOptions, startDeliveryInstances } from '../testing/deliveryInstances.ts'
import { type FakeTasks, createFakeTasks } from '../testing/fakeTasks.ts'

const PARTITIONS = 4
const crm = { kind: 'Destination' as const, id: 'crm' }
const workspace = { destinations: new Map([['crm', crm]]) } as unknown as WorkspaceConfiguration

let tasks: FakeTasks
let clients: readonly DeliveryServiceClient[]
let answer: Answer
const sent: string[] = []
const stops: (() => Promise<void> | void)[] = []

const sender: Sender = {
  blocked: () => undefined,
  async send(_destination, { type, body }) {
    sent.push(`${type} ${body}`)
    return answer
  },
}

beforeEach(async () => {
  tasks = createFakeTasks(PARTITIONS)
  answer = { kind: 'status', status: 204 }
  const instances = await startDeliveryInstances({
    tasks,
    partitions: PARTITIONS,
    count: 2,
    workspace,
    sender,
  })
  clients = instances.clients
  stops.push(instances.stop)
  const timer = setInterval(() => tasks.commit(), 10)
  stops.push(() => clearInterval(timer))
})
afterEach(async () => {
  for (const stop of stops.splice(0).toReversed()) await stop()
})

/** Gives up one delivery for each of so many profiles. */
function giveUp(count: number, status = 422): void {
  for (let i = 0; i < count; i++) tasks.arrive(delivery(`d${i}`, { profileId: `p${i}` }), 100)
  tasks.commit()
  const { from, to } = dueBy('crm', 1e14)
  for (let partition = 0; partition < PARTITIONS; partition++) {
    const view = tasks.view(partition)!
    for (const [, row] of Array.from(view.table(dueTable).range(from, to))) {
      const { delivery: one, attempts } = view.table(queueTable).get(row)!
      const at = { atMs: 500, random: 0, document: 'h', leftOut: [] }
      const answered: Answer = { kind: 'status', status }
      tasks.inject(partition, {
        row,
        deliveryId: one!.id,
        attempt: attempts + 1,
        fileEnd: '',
        answer: answered,
        ...at,
      })
    }
  }
  tasks.commit()
}

const selection = (over: Partial<DeadLetterSelection> = {}): DeadLetterSelection => ({
  destinationId: '',
  code: '',
  fromMs: 0,
  untilMs: 0,
  deliveryIds: [],
  ...over,
})

async function deadIds(client: DeliveryServiceClient, wanted = selection(), pageSize = 0): Promise<string[]> {
  const next = async (pageToken: string): Promise<string[]> => {
    const request = { selection: wanted, pageSize, pageToken }
    const page = await callUnary(client.listDeadLetters.bind(client), request, callOptions)
    const ids = page.letters.map((letter) => letter.delivery?.id ?? '')
    return page.nextPageToken === '' ? ids : [...ids, ...(await next(page.nextPageToken))]
  }
  return (await next('')).sort()
}

const act = (
  client: DeliveryServiceClient,
  action: DeadLetterAction,
  wanted: DeadLetterSelection,
  said = { actor: 'ada', reason: 'the field was renamed' },
) => callUnary(client.actOnDeadLetters.bind(client), { action, selection: wanted, ...said }, callOptions)

const everyId = Array.from({ length: 9 }, (_, i) => `d${i}`)

test.each([1, 4, 9, 100])('every instance lists all dead letters, in pages of %d', async (pageSize) => {
  giveUp(9)
  for (const client of clients) expect(await deadIds(client, selection(), pageSize)).toEqual(everyId)
})

test.each<[Partial<DeadLetterSelection>, number]>([
  [{ destinationId: 'crm' }, 9],
  [{ destinationId: 'erp' }, 0],
  [{ code: 'HTTP_422' }, 9],
  [{ code: 'HTTP_400' }, 0],
  [{ fromMs: 500, untilMs: 501 }, 9],
  [{ fromMs: 501 }, 0],
  [{ untilMs: 500 }, 0],
  [{ deliveryIds: ['d3', 'd5', 'other'] }, 2],
])('those that %j names', async (over, count) => {
  giveUp(9)
  expect(await deadIds(clients[0]!, selection(over))).toHaveLength(count)
})

test('redriving lets each be tried again, once, whichever instance is told', async () => {
  giveUp(9)
  const wanted = selection({ destinationId: 'crm' })
  const { DEAD_LETTER_ACTION_REDRIVE: redrive } = DeadLetterAction
  expect(await act(clients[0]!, redrive, selection({ deliveryIds: ['d1'] }))).toMatchObject({ acted: 1 })
  expect(await act(clients[1]!, redrive, wanted)).toEqual({ acted: 8, superseded: 0, more: false })
  expect(await act(clients[0]!, redrive, wanted)).toEqual({ acted: 0, superseded: 0, more: false })
  const redriven = tasks.outcomes.filter(({ kind }) => kind === OutcomeKind.OUTCOME_KIND_REDRIVEN)
  expect(redriven.map(({ deliveryId }) => deliveryId).sort()).toEqual(everyId)
  expect(redriven[0]!.message).toBe('redriven by ada: the field was renamed')
  const list = await callUnary(
    clients[0]!.listDeliveries.bind(clients[0]),
    { destinationId: 'crm', limit: 0 },
    callOptions,
  )
  expect(list.deliveries).toHaveLength(9)
})

test('discarding puts them away, with who and why', async () => {
  giveUp(3)
  expect(await act(clients[1]!, DeadLetterAction.DEAD_LETTER_ACTION_DISCARD, selection())).toMatchObject({
    acted: 3,
  })
  expect(await deadIds(clients[0]!)).toEqual([])
  const discarded = tasks.outcomes.filter(({ kind }) => kind === OutcomeKind.OUTCOME_KIND_DISCARDED)
  expect(discarded.map(({ message }) => message)).toEqual(
    Array.from({ length: 3 }, () => 'discarded by ada: the field was renamed'),
  )
})

test.each([
  ['nobody', { actor: ' ', reason: 'x' }],
  ['no reason', { actor: 'ada', reason: '' }],
])('%s is no decision', async (_, said) => {
  const decided = act(clients[0]!, DeadLetterAction.DEAD_LETTER_ACTION_REDRIVE, selection(), said)
  await expect(decided).rejects.toMatchObject({ code: grpcStatus.INVALID_ARGUMENT })
})

const statusOf = async (client: DeliveryServiceClient, id: string) =>
  (await callUnary(client.listDestinations.bind(client), {}, callOptions)).destinations.find(
    (each) => each.id === id,
  )

test('a destination is stopped in every partition until it is resumed, and every instance says by whom', async () => {
  giveUp(5)
  const [first, second] = [clients[0]!, clients[1]!]
  expect(await statusOf(first, 'crm')).toMatchObject({ dead: 5, pending: 0, mode: 'open' })
  const request = { destinationId: 'crm', actor: 'ada', reason: 'migration' }
  await callUnary(second.stopDestination.bind(second), request, callOptions)
  for (const client of clients)
    expect(await statusOf(client, 'crm')).toEqual({
      id: 'crm',
      pending: 0,
      dead: 5,
      mode: 'stopped',
      code: 'STOPPED_BY_PERSON',
      sinceMs: 1_000,
      heldUntilMs: 0,
      actor: 'ada',
      reason: 'migration',
    })
  await callUnary(first.resumeDestination.bind(first), { destinationId: 'crm', actor: 'ada' }, callOptions)
  expect(await statusOf(second, 'crm')).toMatchObject({ mode: 'open', actor: '' })
})

test('while a partition is away nothing is decided of it, and that is said', async () => {
  giveUp(9)
  tasks.away = true
  const decided = act(clients[0]!, DeadLetterAction.DEAD_LETTER_ACTION_REDRIVE, selection())
  await expect(decided).rejects.toMatchObject({ code: grpcStatus.UNAVAILABLE })
  tasks.away = false
  expect(await act(clients[0]!, DeadLetterAction.DEAD_LETTER_ACTION_REDRIVE, selection())).toMatchObject({
    acted: 9,
  })
})

test('a test item is sent past every queue, and what came of it is said', async () => {
  const ask = (destinationId: string) =>
    callUnary(clients[0]!.testDestination.bind(clients[0]), { destinationId }, callOptions)
  expect(await ask('crm')).toMatchObject({ verdict: 'delivered', code: '' })
  expect(sent.at(-1)).toBe(
    'dev.tributary.destination.test.v1 {"type":"dev.tributary.destination.test.v1","timestamp":"1970-01-01T00:00:01.000Z","data":{"test":true}}',
  )
  answer = { kind: 'status', status: 401 }
  expect(await ask('crm')).toMatchObject({ verdict: 'pause', code: 'HTTP_401' })
  await expect(ask('erp')).rejects.toMatchObject({ code: grpcStatus.INVALID_ARGUMENT })
})
