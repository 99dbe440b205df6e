import { afterEach, expect, test } from '@jest/globals'
import { Metadata, type ServerUnaryCall, credentials, status } from '@grpc/grpc-js'
import {
  DeliveryServiceClient,
  DeliveryServiceService,
  type ListDeliveriesRequest,
  ListDeliveriesResponse,
} from '@tributary/contracts/generated/tributary/delivery/v1/delivery'
import { bearerCredentials, callUnary, isHop } from './grpcClient.ts'
import { callPeer, createPeerClients } from './grpcPeers.ts'
import { answering } from './grpcRefusal.ts'
import { type GrpcServerOptions, grpcService, startGrpcServer } from './grpcServer.ts'
import { createHealth } from './health.ts'
import { createRecordingLogger, selfSignedCertificate } from './testing/index.ts'

const cleanUp: (() => Promise<void> | void)[] = []
afterEach(async () => {
  for (const step of cleanUp.splice(0).toReversed()) await step()
})

type Call = ServerUnaryCall<ListDeliveriesRequest, ListDeliveriesResponse>
type Answer = (call: Call) => Promise<ListDeliveriesResponse>

const { logger } = createRecordingLogger()
const request = { destinationId: '', limit: 0 }
const empty: Answer = async () => ListDeliveriesResponse.create()

async function serve(answer: Answer, over: Partial<GrpcServerOptions> = {}): Promise<string> {
  const server = await startGrpcServer({
    host: '127.0.0.1',
    port: 0,
    services: [
      grpcService(DeliveryServiceService, {
        listDeliveries: answering<ListDeliveriesRequest, ListDeliveriesResponse>(logger, (_request, call) =>
          answer(call),
        ),
      }),
    ],
    tokens: ['t1'],
    health: createHealth(),
    logger,
    ...over,
  })
  cleanUp.push(() => server.stop(100))
  return `127.0.0.1:${server.port}`
}

/** An instance that passes everything on to another, and a caller of it. */
async function passingOn(
  behind: Answer,
): Promise<{ client: DeliveryServiceClient; peers: ReturnType<typeof peersOf> }> {
  const there = await serve(behind)
  const peers = peersOf()
  const here = await serve((call) => {
    const peer = peers.at(there)
    return callPeer(peer.listDeliveries.bind(peer), call.request, call)
  })
  const client = new DeliveryServiceClient(here, credentials.createInsecure())
  cleanUp.push(() => client.close())
  return { client, peers }
}

function peersOf() {
  const peers = createPeerClients(DeliveryServiceClient)
  cleanUp.push(() => peers.close())
  return peers
}

async function until(done: () => boolean): Promise<void> {
  for (let i = 0; i < 400 && !done(); i++) await new Promise((resolve) => setTimeout(resolve, 5))
  expect(done()).toBe(true)
}

test('a call that is passed on carries the token, the mark, and no more time than its caller has', async () => {
  const seen: { token: unknown; hop: boolean; deadline: number; other: unknown[] }[] = []
  const { client } = await passingOn(async (call) => {
    seen.push({
      token: call.metadata.get('authorization')[0],
      hop: isHop(call.metadata),
      deadline: Number(call.getDeadline()),
      other: call.metadata.get('x-other'),
    })
    return empty(call)
  })
  const metadata = bearerCredentials('t1')
  metadata.set('x-other', 'stays behind')
  const before = Date.now()
  await callUnary(client.listDeliveries.bind(client), request, { deadlineMs: 700, metadata })
  expect(seen).toEqual([{ token: 'Bearer t1', hop: true, deadline: expect.any(Number), other: [] }])
  expect(seen[0]!.deadline).toBeLessThanOrEqual(before + 800)
})

test('a caller that gives up has the call it caused given up too', async () => {
  let begun = false
  let cancelled = false
  const { client } = await passingOn(
    (call) =>
      new Promise((resolve) => {
        begun = true
        call.on('cancelled', () => {
          cancelled = true
          resolve(ListDeliveriesResponse.create())
        })
      }),
  )
  const call = client.listDeliveries(request, bearerCredentials('t1'), () => {})
  await until(() => begun)
  call.cancel()
  await until(() => cancelled)
  expect(cancelled).toBe(true)
})

test('a peer that says nothing is given up after two seconds, however long the caller would wait', async () => {
  const answers: (() => void)[] = []
  const { client } = await passingOn(
    () => new Promise((resolve) => answers.push(() => resolve(ListDeliveriesResponse.create()))),
  )
  const startedMs = Date.now()
  const options = { deadlineMs: 30_000, metadata: bearerCredentials('t1') }
  await expect(callUnary(client.listDeliveries.bind(client), request, options)).rejects.toMatchObject({
    code: status.INTERNAL,
  })
  expect(Date.now() - startedMs).toBeLessThan(4_000)
  for (const answer of answers) answer()
})

test('connections are shared by address, and those that nobody uses are closed', () => {
  let nowMs = 0
  const closed: string[] = []
  class Client {
    readonly address: string
    constructor(address: string) {
      this.address = address
    }
    close(): void {
      closed.push(this.address)
    }
  }
  const peers = createPeerClients(Client, { nowMs: () => nowMs })
  const first = peers.at('a:1')
  nowMs = 9 * 60_000
  expect(peers.at('a:1')).toBe(first)
  peers.at('b:1')
  nowMs = 20 * 60_000
  peers.at('c:1')
  expect(closed).toEqual(['a:1', 'b:1'])
  peers.close()
  expect(closed).toEqual(['a:1', 'b:1', 'c:1'])
})

test('instances that serve with TLS call each other with it, by the name in their certificates', async () => {
  const { cert, key } = selfSignedCertificate('localhost', Date.now())
  const address = await serve(empty, {
    tls: { cert, key, clientCa: cert },
  })
  const tls = { ca: cert, cert, key, name: 'localhost' }
  const peers = createPeerClients(DeliveryServiceClient, { tls })
  cleanUp.push(() => peers.close())
  const peer = peers.at(address)
  const caller = {
    metadata: bearerCredentials('t1'),
    getDeadline: () => Infinity,
    on() {},
    off() {},
    setMaxListeners() {},
  }
  expect(await callPeer(peer.listDeliveries.bind(peer), request, caller)).toEqual({
    deliveries: [],
    partitions: [],
  })
  const stranger = createPeerClients(DeliveryServiceClient)
  cleanUp.push(() => stranger.close())
  const plain = stranger.at(address)
  const refused = callPeer(plain.listDeliveries.bind(plain), request, { ...caller, metadata: new Metadata() })
  await expect(refused).rejects.toMatchObject({ code: status.UNAVAILABLE })
})
