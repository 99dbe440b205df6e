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
import { type GrpcTarget, type ServiceName, serviceTarget } from './connections.ts'
import { CommandError, type Context } from './context.ts'

/** Longest wait for an answer to a person at a terminal, ms. */
const DEADLINE_MS = 10_000

/** In a sentence. */
const called: Readonly<Record<ServiceName, string>> = {
  'identity-stitcher': 'the identity-stitcher',
  'profile-store': 'the profile-store',
  activation: 'activation',
}

type ClientClass<C extends Client> = new (
  address: string,
  credentials: ChannelCredentials,
  options?: Partial<ClientOptions>,
) => C

type Unary<Q, A> = Parameters<typeof callUnary<Q, A>>[0]

/** One question to a service: connects, asks, closes; failures become sentences. */
export function ask<C extends Client, Q, A>(
  target: GrpcTarget,
  service: ServiceName,
  Client: ClientClass<C>,
  method: (client: C) => Unary<Q, A>,
  request: Q,
): Promise<A> {
  return connected(target, service, Client, (client, metadata) =>
    callUnary(method(client), request, { deadlineMs: DEADLINE_MS, metadata }),
  )
}

/** `ask` of one service, at the address that the flags of a command give or that is found without. */
export function questionsTo<C extends Client>(service: ServiceName, Client: ClientClass<C>) {
  return <Q, A>(
    context: Context,
    flags: { readonly address?: string },
    method: (client: C) => Unary<Q, A>,
    request: Q,
  ): Promise<A> => ask(serviceTarget(context, service, flags.address), service, Client, method, request)
}

/** One question that is answered by a stream of messages, which may take as long as it never pauses for too long. */
export function askStream<C extends Client, Q, A>(
  target: GrpcTarget,
  service: ServiceName,
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
  service: ServiceName,
  Client: ClientClass<C>,
  use: (client: C, metadata: Metadata) => Promise<A>,
): Promise<A> {
  const token = target.tokenFile === undefined ? undefined : tokenIn(target.tokenFile)
  const channel =
    target.tlsCaFile === undefined
      ? credentials.createInsecure()
      : credentials.createSsl(
          fileIn(target.tlsCaFile),
          target.tlsCertificate ? fileIn(target.tlsCertificate.keyFile) : null,
          target.tlsCertificate ? fileIn(target.tlsCertificate.certFile) : null,
        )
  const client = new Client(target.address, channel, createGrpcChannelOptions())
  try {
    return await use(client, bearerCredentials(token))
  } catch (error) {
    throw new CommandError(grpcSentence(error as ServiceError, called[service], target))
  } finally {
    client.close()
  }
}

function grpcSentence(error: Partial<ServiceError>, service: string, { address }: GrpcTarget): string {
  const details = error.details ?? error.message ?? 'no reason given'
  if (error.code === status.UNAUTHENTICATED)
    return `${service} at ${address} refuses the token: set GRPC_TOKEN_FILE to the file it was started with`
  if (error.code === status.UNAVAILABLE)
    return `${service} does not answer at ${address} (${details}): is it running, and ready?`
  if (error.code === status.DEADLINE_EXCEEDED)
    return `${service} at ${address} did not answer within ${DEADLINE_MS / 1000} s`
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
