import { afterAll, afterEach, beforeAll, expect, test } from '@jest/globals'
import { type ChannelCredentials, credentials } from '@grpc/grpc-js'
import {
  DeliveryServiceClient,
  type DeliveryServiceServer,
  DeliveryServiceService,
  ListDeliveriesResponse,
} from '@tributary/contracts/generated/tributary/delivery/v1/delivery'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { bearerCredentials, callUnary } from './grpcClient.ts'
import { grpcService, grpcTls, startGrpcServer } from './grpcServer.ts'
import { createHealth } from './health.ts'
import { createRecordingLogger } from './testing/recordingLogger.ts'
import { type Certificate, selfSignedCertificate } from './testing/selfSignedCertificate.ts'

const dir = mkdtempSync(join(tmpdir(), 'tls-'))
const [server, caller, stranger] = (['server', 'caller', 'stranger'] as const).map((name) =>
  selfSignedCertificate(name, Date.now()),
) as [Certificate, Certificate, Certificate]
beforeAll(() => {
  for (const [name, content] of [
    ['cert', server.cert],
    ['key', server.key],
    ['callers', caller.cert],
  ] as const) {
    writeFileSync(join(dir, name), content)
  }
})
afterAll(() => {
  rmSync(dir, { recursive: true })
})

let stop: (() => Promise<void>) | undefined
afterEach(() => stop?.())

const listDeliveries: DeliveryServiceServer['listDeliveries'] = (_call, done) => {
  done(null, ListDeliveriesResponse.create())
}

async function start(mutual: boolean): Promise<(channel: ChannelCredentials) => Promise<unknown>> {
  const tls = grpcTls({
    GRPC_TLS_CERT_FILE: join(dir, 'cert'),
    GRPC_TLS_KEY_FILE: join(dir, 'key'),
    GRPC_TLS_CLIENT_CA_FILE: mutual ? join(dir, 'callers') : undefined,
  })
  const running = await startGrpcServer({
    host: '127.0.0.1',
    port: 0,
    services: [
      grpcService(DeliveryServiceService, {
        listDeliveries,
      }),
    ],
    tokens: ['t'],
    health: createHealth(),
    logger: createRecordingLogger().logger,
    ...(tls === undefined ? {} : { tls }),
  })
  stop = () => running.stop(100)
  return async (channel) => {
    const client = new DeliveryServiceClient(`localhost:${running.port}`, channel)
    const metadata = bearerCredentials('t')
    return callUnary(
      client.listDeliveries.bind(client),
      { destinationId: '', limit: 0 },
      { deadlineMs: 3_000, metadata },
    ).finally(() => {
      client.close()
    })
  }
}

test('over TLS a caller that trusts the authority is answered, one in plain text is not', async () => {
  const call = await start(false)
  await expect(call(credentials.createSsl(server.cert))).resolves.toEqual({ deliveries: [], partitions: [] })
  await expect(call(credentials.createSsl(stranger.cert))).rejects.toMatchObject({ code: expect.any(Number) })
  await expect(call(credentials.createInsecure())).rejects.toMatchObject({ code: expect.any(Number) })
})

test('with an authority for callers, only callers with its certificate are answered', async () => {
  const call = await start(true)
  await expect(call(credentials.createSsl(server.cert, caller.key, caller.cert))).resolves.toBeDefined()
  await expect(call(credentials.createSsl(server.cert))).rejects.toMatchObject({ code: expect.any(Number) })
  await expect(call(credentials.createSsl(server.cert, stranger.key, stranger.cert))).rejects.toMatchObject({
    code: expect.any(Number),
  })
})

test('without certificate files the server speaks plain text', () => {
  const none = {
    GRPC_TLS_CERT_FILE: undefined,
    GRPC_TLS_KEY_FILE: undefined,
    GRPC_TLS_CLIENT_CA_FILE: undefined,
  }
  expect(grpcTls(none)).toBeUndefined()
})
