import { readFileSync } from 'node:fs'
import {
  credentials,
  status,
  type ChannelCredentials,
  type Client,
  type ClientOptions,
  type ClientReadableStream,
  type Metadata,
  type ServiceError,
} from '@grpc/grpc-js'
import { bearerCredentials, callUnary, createGrpcChannelOptions } from '@tributary/service-kit'
import type { GrpcTarget } from './connections.ts'
import { CommandError } from './context.ts'

/** Longest wait for an answer to a person at a terminal, ms. */
const DEADLINE_MS = 10_000

type ClientClass<C extends Client> = new (
  address: string,
  credentials: ChannelCredentials,
  options?: Partial<ClientOptions>,
) => C

type Unary<Q, A> = Parameters<typeof callUnary<Q, A>>[0]

/** One question to a service: connects, asks, closes; failures become sentences. */
export function ask<C extends Client, Q, A>(
  target: GrpcTarget,
  service: string,
  Client: ClientClass<C>,
  method: (client: C) => Unary<Q, A>,
  request: Q,
): Promise<A> {
  return connected(target, service, Client, (client, metadata) =>
    callUnary(method(client), request, { deadlineMs: DEADLINE_MS, metadata }),
  )
}

/** One question that is answered by a stream of messages, which may take as long as it never pauses for too long. */
export function askStream<C extends Client, Q, A>(
  target: GrpcTarget,
  service: string,
  Client: ClientClass<C>,
  method: (client: C) => (request: Q, metadata: Metadata) => ClientReadableStream<A>,
  request: Q,
  options: { readonly onMessage: (message: A) => void; readonly interrupted: AbortSignal },
): Promise<void> {
  return connected(target, service, Client, async (client, metadata) => {
    const stream = method(client)(request, metadata)
    const cancel = (): void => stream.cancel()
    const silent = (): void => {
      stream.destroy(Object.assign(new Error('silent'), { code: status.DEADLINE_EXCEEDED }))
      cancel()
    }
    options.interrupted.addEventListener('abort', cancel)
    let timer = setTimeout(silent, DEADLINE_MS)
    stream.on('error', () => {})
    try {
      for await (const message of stream) {
        clearTimeout(timer)
        timer = setTimeout(silent, DEADLINE_MS)
        options.onMessage(message as A)
      }
    } finally {
      clearTimeout(timer)
      options.interrupted.removeEventListener('abort', cancel)
    }
  })
}

async function connected<C extends Client, A>(
  target: GrpcTarget,
  service: string,
  Client: ClientClass<C>,
  use: (client: C, metadata: Metadata) => Promise<A>,
): Promise<A> {
  const token = target.tokenFile === undefined ? undefined : tokenIn(target.tokenFile)
  const channel =
    target.tlsCaFile === undefined
      ? credentials.createInsecure()
      : credentials.createSsl(fileIn(target.tlsCaFile))
  const client = new Client(target.address, channel, createGrpcChannelOptions())
  try {
    return await use(client, bearerCredentials(token))
  } catch (error) {
    throw new CommandError(grpcSentence(error as ServiceError, service, target))
  } finally {
    client.close()
  }
}

function grpcSentence(error: Partial<ServiceError>, service: string, target: GrpcTarget): string {
  const details = error.details ?? error.message ?? 'no reason given'
  if (error.code === status.UNAUTHENTICATED)
    return `${service} at ${target.address} refuses the token: set GRPC_TOKEN_FILE to the file it was started with`
  if (error.code === status.UNAVAILABLE)
    return `${service} does not answer at ${target.address} (${details}): is it running, and ready?`
  if (error.code === status.DEADLINE_EXCEEDED)
    return `${service} at ${target.address} did not answer within ${DEADLINE_MS / 1000} s`
  return `${service}: ${details}`
}

function tokenIn(file: string): string {
  const line = fileIn(file).toString('utf8').split('\n')[0]!.trim()
  if (line === '') throw new CommandError(`the token file ${file} is empty`)
  return line
}

function fileIn(file: string): Buffer {
  try {
    return readFileSync(file)
  } catch (error) {
    throw new CommandError(`${file} cannot be read: ${(error as Error).message}`)
  }
}
