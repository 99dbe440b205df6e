import { afterEach, expect, test } from '@jest/globals'
import { type Client, type ServiceError, credentials, loadPackageDefinition } from '@grpc/grpc-js'
import {
  type DeliveryServiceServer,
  DeliveryServiceClient,
  DeliveryServiceService,
  ListDeliveriesResponse,
} from '@tributary/contracts/generated/tributary/delivery/v1/delivery'
import { service as healthDefinition } from 'grpc-health-check'
import {
  bearerCredentials,
  callUnary,
  createGrpcChannelOptions,
  grpcStatus,
  hop,
  isHop,
} from './grpcClient.ts'
import {
  type GrpcServer,
  type GrpcServerOptions,
  grpcService,
  grpcTokens,
  startGrpcServer,
} from './grpcServer.ts'
import { createHealth } from './health.ts'
import { createMetrics } from './metrics.ts'
import { createRecordingLogger } from './testing/recordingLogger.ts'

const cleanUp: (() => Promise<void> | void)[] = []
afterEach(async () => {
  for (const step of cleanUp.splice(0).toReversed()) await step()
})

async function start(
  listDeliveries: DeliveryServiceServer['listDeliveries'],
  options: Partial<GrpcServerOptions> = {},
): Promise<{ server: GrpcServer; client: DeliveryServiceClient; health: ReturnType<typeof createHealth> }> {
  const health = createHealth()
  const server = await startGrpcServer({
    host: '127.0.0.1',
    port: 0,
    services: [grpcService(DeliveryServiceService, { listDeliveries })],
    tokens: ['t1', 't2'],
    health,
    logger: createRecordingLogger().logger,
    ...options,
  })
  const client = new DeliveryServiceClient(
    `127.0.0.1:${server.port}`,
    credentials.createInsecure(),
    createGrpcChannelOptions(),
  )
  cleanUp.push(
    () => server.stop(100),
    () => {
      client.close()
    },
  )
  return { server, client, health }
}

const request = { destinationId: '', limit: 0 }
const empty: DeliveryServiceServer['listDeliveries'] = (_call, done) => {
  done(null, ListDeliveriesResponse.create())
}

async function until(condition: () => boolean): Promise<void> {
  while (!condition()) await new Promise((resolve) => setTimeout(resolve, 5))
}

function list(
  client: DeliveryServiceClient,
  token: string | undefined,
  deadlineMs = 5_000,
): Promise<unknown> {
  return callUnary(client.listDeliveries.bind(client), request, {
    deadlineMs,
    metadata: bearerCredentials(token),
  })
}

test('each known token opens the service', async () => {
  const { client } = await start(empty)
  await expect(list(client, 't1')).resolves.toMatchObject({ deliveries: [] })
  await expect(list(client, 't2')).resolves.toMatchObject({ deliveries: [] })
})

test('without a known token no handler is reached', async () => {
  let reached = 0
  const { client } = await start((call, done) => {
    reached += 1
    empty(call, done)
  })
  for (const token of [undefined, '', 't3']) {
    await expect(list(client, token)).rejects.toMatchObject({ code: grpcStatus.UNAUTHENTICATED })
  }
  expect(reached).toBe(0)
})

test('answering anybody is an explicit choice, and is logged', async () => {
  const { logger, lines } = createRecordingLogger()
  const { client } = await start(empty, { tokens: undefined, logger })
  await expect(list(client, undefined)).resolves.toMatchObject({ deliveries: [] })
  expect(lines).toEqual([
    expect.objectContaining({ level: 'warn', msg: expect.stringContaining('without a token') }),
  ])
  expect(() => grpcTokens({ GRPC_TOKEN_FILE: undefined, GRPC_ALLOW_UNAUTHENTICATED: false })).toThrow(
    /GRPC_TOKEN_FILE is not set/,
  )
})

test('one call more than the limit is refused at once, and places become free again', async () => {
  const waiting: (() => void)[] = []
  const metrics = createMetrics('test')
  const { client } = await start(
    (call, done) => {
      waiting.push(() => {
        empty(call, done)
      })
    },
    { maxInFlight: 2, metrics },
  )
  const first = [list(client, 't1'), list(client, 't1')]
  await until(() => waiting.length === 2)
  await expect(list(client, 't1')).rejects.toMatchObject({ code: grpcStatus.RESOURCE_EXHAUSTED })
  for (const finish of waiting.splice(0)) finish()
  await Promise.all(first)
  const next = list(client, 't1')
  await until(() => waiting.length === 1)
  waiting[0]?.()
  await expect(next).resolves.toMatchObject({ deliveries: [] })
  expect(await metrics.text()).toContain('tributary_test_grpc_refused_total 1')
  expect(await metrics.text()).toContain('tributary_test_grpc_in_flight_records 0')
})

test('calls whose deadline passed give their places back', async () => {
  const { client } = await start(() => undefined, { maxInFlight: 1 })
  for (let i = 0; i < 3; i++) {
    await expect(list(client, 't1', 50)).rejects.toMatchObject({ code: grpcStatus.DEADLINE_EXCEEDED })
    await new Promise((resolve) => setTimeout(resolve, 20))
  }
})

test('the health service answers without a token and follows readiness', async () => {
  const { server, health } = await start(empty)
  const packages = loadPackageDefinition({ Health: healthDefinition })
  const HealthClient = packages['Health'] as unknown as new (
    address: string,
    c: unknown,
  ) => Client & {
    check(
      request: { service: string },
      done: (error: Error | null, answer?: { status: string }) => void,
    ): void
  }
  const client = new HealthClient(`127.0.0.1:${server.port}`, credentials.createInsecure())
  cleanUp.push(() => {
    client.close()
  })
  const status = (): Promise<string | undefined> =>
    new Promise((resolve, reject) => {
      client.check({ service: '' }, (error, answer) => {
        if (error) reject(error)
        else resolve(answer?.status)
      })
    })
  expect(await status()).toBe('NOT_SERVING')
  health.setReady('tasks', true)
  expect(await status()).toBe('SERVING')
  health.setDraining()
  expect(await status()).toBe('NOT_SERVING')
})

test('a graceful stop lets a call under way finish', async () => {
  let finish: (() => void) | undefined
  const { server, client } = await start((call, done) => {
    finish = () => {
      empty(call, done)
    }
  })
  const call = list(client, 't1')
  await until(() => finish !== undefined)
  const stopped = server.stop(5_000)
  finish?.()
  await expect(call).resolves.toMatchObject({ deliveries: [] })
  await stopped
})

test('a stop cuts what does not finish in its time', async () => {
  let reached = false
  const { server, client } = await start(() => {
    reached = true
  })
  const call = list(client, 't1', 10_000)
  const outcome = call.then(
    () => 'answered',
    (error: ServiceError) => error.code,
  )
  await until(() => reached)
  await server.stop(50)
  expect([grpcStatus.UNAVAILABLE, grpcStatus.CANCELLED, grpcStatus.INTERNAL]).toContain(await outcome)
})

test('a call that was passed on says so and keeps the token', async () => {
  const seen: [boolean, string | undefined][] = []
  const { client } = await start((call, done) => {
    seen.push([isHop(call.metadata), call.metadata.get('authorization')[0]?.toString()])
    empty(call, done)
  })
  await list(client, 't1')
  await callUnary(client.listDeliveries.bind(client), request, {
    deadlineMs: 5_000,
    metadata: hop(bearerCredentials('t1')),
  })
  expect(seen).toEqual([
    [false, 'Bearer t1'],
    [true, 'Bearer t1'],
  ])
})
