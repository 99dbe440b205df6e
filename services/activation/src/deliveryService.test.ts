import { afterEach, expect, test } from '@jest/globals'
import { credentials } from '@grpc/grpc-js'
import {
  DeliveryServiceClient,
  DeliveryServiceService,
  type ListDeliveriesResponse,
} from '@tributary/contracts/generated/tributary/delivery/v1/delivery'
import {
  bearerCredentials,
  callUnary,
  createHealth,
  grpcService,
  grpcStatus,
  startGrpcServer,
} from '@tributary/service-kit'
import { createRecordingLogger } from '@tributary/service-kit/testing'
import { createDeliveryService } from './deliveryService.ts'
import { delivery } from './testing/deliveries.ts'
import { type FakeTasks, createFakeTasks } from './testing/fakeTasks.ts'

let stop: (() => Promise<void>) | undefined
afterEach(() => stop?.())

type List = (request: { destinationId?: string; limit?: number }) => Promise<ListDeliveriesResponse>

async function start(tasks: FakeTasks): Promise<List> {
  const server = await startGrpcServer({
    host: '127.0.0.1',
    port: 0,
    services: [grpcService(DeliveryServiceService, createDeliveryService(tasks))],
    tokens: ['t'],
    health: createHealth(),
    logger: createRecordingLogger().logger,
  })
  const client = new DeliveryServiceClient(`127.0.0.1:${server.port}`, credentials.createInsecure())
  stop = () => {
    client.close()
    return server.stop(100)
  }
  return ({ destinationId = '', limit = 0 }) =>
    callUnary(
      client.listDeliveries.bind(client),
      { destinationId, limit },
      { deadlineMs: 5_000, metadata: bearerCredentials('t') },
    )
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
  const list = await start(tasks)
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
  const list = await start(tasks)
  const { deliveries } = await list({ limit: 1_000 })
  expect(deliveries.length).toBeGreaterThan(0)
  expect(deliveries.length).toBeLessThan(10)
})

test.each([{ limit: 1_001 }, { destinationId: 'a|b' }, { destinationId: '~' }])(
  '%j is refused',
  async (request) => {
    const list = await start(createFakeTasks(1))
    await expect(list(request)).rejects.toMatchObject({ code: grpcStatus.INVALID_ARGUMENT })
  },
)
