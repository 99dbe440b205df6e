import { afterEach, expect, test } from '@jest/globals'
import type { ListDeliveriesResponse } from '@tributary/contracts/generated/tributary/delivery/v1/delivery'
import { callUnary, grpcStatus } from '@tributary/service-kit'
import { callOptions, startDeliveryInstances } from './testing/deliveryInstances.ts'
import { delivery } from './testing/deliveries.ts'
import { type FakeTasks, createFakeTasks } from './testing/fakeTasks.ts'

const stops: (() => Promise<void> | void)[] = []
afterEach(async () => {
  for (const stop of stops.splice(0).toReversed()) await stop()
})

type List = (request: { destinationId?: string; limit?: number }) => Promise<ListDeliveriesResponse>

/** The lists of so many instances; each answers for all. */
async function startInstances(tasks: FakeTasks, partitions: number, count: number): Promise<List[]> {
  const { clients, stop } = await startDeliveryInstances({ tasks, partitions, count })
  stops.push(stop)
  return clients.map(
    (client) =>
      ({ destinationId = '', limit = 0 }) =>
        callUnary(client.listDeliveries.bind(client), { destinationId, limit }, callOptions),
  )
}

async function start(tasks: FakeTasks, partitions: number): Promise<List> {
  const [list] = await startInstances(tasks, partitions, 1)
  return list!
}
const ids = (answer: ListDeliveriesResponse): (string | undefined)[] =>
  answer.deliveries.map((one) => one.delivery?.id)

test('lists what is pending by destination and profile, oldest first, from all partitions', async () => {
  const tasks = createFakeTasks(3)
  for (const [id, destinationId, profileId] of [
    ['1', 'erp', 'p2'],
    ['2', 'crm', 'p2'],
    ['3', 'crm', 'p1'],
    ['4', 'crm', 'p2'],
    ['5', 'crm-2', 'p1'],
  ] as const) {
    tasks.arrive(delivery(id, { destinationId, profileId }), 100)
  }
  tasks.commit()
  const list = await start(tasks, 3)
  const all = await list({})
  expect(all.partitions).toEqual([0, 1, 2])
  expect(new Set(ids(all))).toEqual(new Set(['1', '2', '3', '4', '5']))
  expect(ids(await list({ destinationId: 'crm' }))).toEqual(['3', '2', '4'])
  expect(ids(await list({ destinationId: 'crm', limit: 2 }))).toEqual(['3', '2'])
  expect((await list({ destinationId: 'crm', limit: 1 })).deliveries[0]).toMatchObject({
    attempts: 0,
    nextTryMs: 100,
  })
})

test('an answer never grows past what a message may have', async () => {
  const tasks = createFakeTasks(1)
  for (let i = 0; i < 20; i++)
    tasks.arrive(delivery(`d${i}`, { body: 'x'.repeat(500_000), profileId: `p${i}` }), 1)
  tasks.commit()
  const list = await start(tasks, 1)
  const { deliveries } = await list({ limit: 1_000 })
  expect(deliveries.length).toBeGreaterThan(0)
  expect(deliveries.length).toBeLessThan(10)
})

test.each([{ limit: 1_001 }, { destinationId: 'a|b' }, { destinationId: '~' }])(
  '%j is refused',
  async (request) => {
    const list = await start(createFakeTasks(1), 1)
    await expect(list(request)).rejects.toMatchObject({ code: grpcStatus.INVALID_ARGUMENT })
  },
)

test('three instances give the same answer as one, in order and whole, also where an answer has to end early', async () => {
  const partitions = 5
  const tasks = createFakeTasks(partitions)
  for (let i = 0; i < 14; i++)
    tasks.arrive(delivery(`d${i}`, { body: 'x'.repeat(i * 60_000), profileId: `p${(i * 7) % 10}` }), i)
  tasks.commit()
  const alone = await start(tasks, partitions)
  const lists = await startInstances(tasks, partitions, 3)
  for (const request of [
    {},
    { limit: 7 },
    { limit: 1_000 },
    { destinationId: 'crm' },
    { destinationId: 'no' },
  ]) {
    const expected = await alone(request)
    for (const list of lists) expect(await list(request)).toEqual(expected)
  }
  const { deliveries } = await alone({ limit: 1_000 })
  expect(deliveries.length).toBeGreaterThan(5)
  expect(deliveries.length).toBeLessThan(14)
})

test('a partition that is nowhere makes the whole answer UNAVAILABLE, with a hint', async () => {
  const tasks = createFakeTasks(2)
  const view = tasks.view.bind(tasks)
  tasks.view = (partition) => (partition === 1 ? undefined : view(partition))
  for (const list of await startInstances(tasks, 2, 2))
    await expect(list({})).rejects.toMatchObject({
      code: grpcStatus.UNAVAILABLE,
      details: expect.stringContaining('partition 1 of the deliveries'),
    })
})
