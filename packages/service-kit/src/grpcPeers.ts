/**
 * Calls from one instance of a service to another, made for the caller of the first.
 *
 * Invariants:
 *  P1. A call to a peer carries the caller's token, ends with the caller's call, and is marked as passed on.
 *  P2. No call to a peer outlives PEER_TIMEOUT_MS: a peer that says nothing for so long is not there. An answer that
 *      comes as a stream ends when it pauses for so long.
 *  P3. A peer is called once: trying again is up to who knows the owners (askOwners.ts).
 */
import {
  type ChannelCredentials,
  type ChannelOptions,
  type ClientReadableStream,
  type ClientUnaryCall,
  type Deadline,
  Metadata,
  type ServiceError,
  credentials,
  status,
} from '@grpc/grpc-js'
import { createGrpcChannelOptions, hop } from './grpcClient.ts'
import { Refusal } from './grpcRefusal.ts'

/** What is known of the call that is passed on: any call of a gRPC server. */
export interface Caller {
  readonly metadata: Metadata
  getDeadline(): Deadline
  on(event: 'cancelled', listener: () => void): unknown
  off(event: 'cancelled', listener: () => void): unknown
  setMaxListeners(count: number): unknown
}

/** An answer out of the local store takes milliseconds; two seconds bridge a long pause for garbage. */
const PEER_TIMEOUT_MS = 2_000
/** Pods come back under new addresses: a connection that nobody has used for so long is closed, ms. */
const IDLE_MS = 10 * 60_000

type PeerMethod<Q, A> = (
  request: Q,
  metadata: Metadata,
  options: { deadline: number },
  callback: (error: ServiceError | null, answer: A) => void,
) => ClientUnaryCall

/** P1, P2. */
export function callPeer<Q, A>(method: PeerMethod<Q, A>, request: Q, caller: Caller): Promise<A> {
  return new Promise((resolve, reject) => {
    const deadline = Math.min(Number(caller.getDeadline()), Date.now() + PEER_TIMEOUT_MS)
    const cancel = (): void => call.cancel()
    const call = method(request, passedOn(caller.metadata), { deadline }, (error, answer) => {
      caller.off('cancelled', cancel)
      if (error) reject(error)
      else resolve(answer)
    })
    // One question may go to many peers at a time.
    caller.setMaxListeners(0)
    caller.on('cancelled', cancel)
  })
}

type PeerStreamMethod<Q, A> = (
  request: Q,
  metadata: Metadata,
  options: { deadline: Deadline },
) => ClientReadableStream<A>

/** P1, P2. Resolves with the first message; what the peer refuses before that rejects. */
export async function streamFromPeer<Q, A>(
  method: PeerStreamMethod<Q, A>,
  request: Q,
  caller: Caller,
): Promise<AsyncIterable<A>> {
  const stream = method(request, passedOn(caller.metadata), { deadline: caller.getDeadline() })
  // Whoever reads is told; nobody may be reading when it is cancelled.
  stream.on('error', () => {})
  const cancel = (): void => stream.cancel()
  caller.setMaxListeners(0)
  caller.on('cancelled', cancel)
  const messages = stream[Symbol.asyncIterator]() as AsyncIterator<A>
  const next = async (): Promise<IteratorResult<A>> => {
    const timer = setTimeout(() => {
      stream.cancel()
      stream.destroy(silent())
    }, PEER_TIMEOUT_MS)
    try {
      return await messages.next()
    } finally {
      clearTimeout(timer)
    }
  }
  async function* all(first: IteratorResult<A>): AsyncIterable<A> {
    try {
      // oxlint-disable-next-line no-await-in-loop -- one message after the other
      for (let message = first; !message.done; message = await next().catch(refused)) yield message.value
    } finally {
      caller.off('cancelled', cancel)
      stream.cancel()
    }
  }
  return all(await next())
}

/** What the peer says in the middle of its answer goes to the caller as it is. */
function refused(error: Partial<ServiceError>): never {
  throw error.code === undefined ? error : new Refusal(error.code, error.details ?? '')
}

function silent(): Error {
  const details = `the other instance said nothing for ${PEER_TIMEOUT_MS} ms`
  return Object.assign(new Error(details), { code: status.DEADLINE_EXCEEDED, details })
}

/** Only the token goes with it: the rest of the metadata is about the caller's own connection. */
function passedOn(from: Metadata): Metadata {
  const metadata = new Metadata()
  for (const value of from.get('authorization')) metadata.add('authorization', value)
  return hop(metadata)
}

export interface PeerTls {
  /** PEM; the system's authorities without it. */
  readonly ca?: Buffer
  /** This instance's own certificate, shown to peers that ask for one. */
  readonly cert: Buffer
  readonly key: Buffer
  /** Name in the peers' certificates, when it is not the address they are called at. */
  readonly name?: string
}

export interface PeerClients<C> {
  /** The client of one address; connections are kept and shared. */
  at(address: string): C
  close(): void
}

type PeerClient<C> = new (address: string, channel: ChannelCredentials, options: ChannelOptions) => C

export function createPeerClients<C extends { close(): void }>(
  Client: PeerClient<C>,
  options: { readonly tls?: PeerTls | undefined; readonly nowMs?: () => number } = {},
): PeerClients<C> {
  const { tls, nowMs = Date.now } = options
  const pool = new Map<string, { readonly client: C; usedMs: number }>()
  const channel = tls
    ? credentials.createSsl(tls.ca ?? null, tls.key, tls.cert)
    : credentials.createInsecure()
  const channelOptions: ChannelOptions = {
    ...createGrpcChannelOptions(),
    // P3.
    'grpc.enable_retries': 0,
    'grpc.service_config': '{}',
    ...(tls?.name === undefined ? {} : { 'grpc.ssl_target_name_override': tls.name }),
  }

  function closeIdle(now: number): void {
    for (const [address, { client, usedMs }] of pool) {
      if (now - usedMs <= IDLE_MS) continue
      pool.delete(address)
      client.close()
    }
  }

  return {
    at(address) {
      const now = nowMs()
      let found = pool.get(address)
      if (!found) {
        closeIdle(now)
        pool.set(address, (found = { client: new Client(address, channel, channelOptions), usedMs: now }))
      }
      found.usedMs = now
      return found.client
    },
    close() {
      for (const { client } of pool.values()) client.close()
      pool.clear()
    },
  }
}
