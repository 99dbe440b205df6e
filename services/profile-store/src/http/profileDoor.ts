/**
 * The reads of ProfileService over HTTP/JSON, for tools without gRPC. Only GET, only answers of profileReads.ts.
 *
 *  D1. Without a known token nothing is answered, and how long that takes says nothing about the token.
 *  D2. A profile is the text of the profiles topic, byte for byte: numbers keep their digits.
 *  D3. Values in paths are neither logged nor repeated in errors.
 *  D4. Bounded: so many questions at a time, so long a head, so long a time; whatever is more is refused at once.
 *
 * | gRPC                | HTTP | what to do                                  |
 * | ------------------- | ---- | ------------------------------------------- |
 * | INVALID_ARGUMENT    | 400  | ask differently                             |
 * | UNAUTHENTICATED     | 401  | send a token                                |
 * | NOT_FOUND           | 404  |                                             |
 * | RESOURCE_EXHAUSTED  | 429  | ask again after Retry-After                 |
 * | UNAVAILABLE         | 503  | ask again after Retry-After                 |
 * | DEADLINE_EXCEEDED   | 504  | ask again                                   |
 * | everything else     | 500  | the service log says why                    |
 */
import { EventEmitter } from 'node:events'
import { type IncomingMessage, type ServerResponse, createServer } from 'node:http'
import { createServer as createTlsServer } from 'node:https'
import { type AddressInfo } from 'node:net'
import { Metadata, status } from '@grpc/grpc-js'
import {
  type Caller,
  type GrpcServerOptions,
  type Logger,
  Refusal,
  createBearerCheck,
  refusalStatus,
} from '@tributary/service-kit'
import { type ProfileReads } from '../grpc/profileReads.ts'
import { eventsText, profileText } from './answerText.ts'
import { type Question, readQuestion } from './readQuestion.ts'

/** As many as keep both cores of a small pod busy, ten times over. */
const MAX_IN_FLIGHT = 200
/** Longer than the longest wait for freshness (10 s). */
const DEADLINE_MS = 15_000
/** Path, token and headers; an identifier has at most some hundred bytes. */
const MAX_HEAD_BYTES = 16 * 1024
const RETRY_AFTER_S = 1

const HTTP_STATUS: Partial<Record<status, number>> = {
  [status.INVALID_ARGUMENT]: 400,
  [status.UNAUTHENTICATED]: 401,
  [status.NOT_FOUND]: 404,
  [status.RESOURCE_EXHAUSTED]: 429,
  [status.UNAVAILABLE]: 503,
  [status.DEADLINE_EXCEEDED]: 504,
}

export interface ProfileDoorOptions extends Pick<GrpcServerOptions, 'tokens'> {
  readonly tls?: GrpcServerOptions['tls'] | undefined
  readonly host: string
  readonly port: number
  readonly reads: Pick<ProfileReads, 'getProfile' | 'listEvents'>
  readonly logger: Logger
}

export interface ProfileDoor {
  readonly port: number
  stop(): Promise<void>
}

export async function startProfileDoor(options: ProfileDoorOptions): Promise<ProfileDoor> {
  const { reads, logger, tls } = options
  const bearer = options.tokens && createBearerCheck(options.tokens)
  let inFlight = 0

  async function answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    if (bearer && !bearer.accepts(request.headers.authorization)) {
      response.setHeader('www-authenticate', 'Bearer')
      throw new Refusal(
        status.UNAUTHENTICATED,
        'send the header "authorization: Bearer <token>" with a token this service knows',
      )
    }
    if (request.method !== 'GET') {
      response.setHeader('allow', 'GET')
      send(response, 405, errorText('METHOD_NOT_ALLOWED', 'profiles are only read here'))
      return
    }
    const question = readQuestion(request.url ?? '')
    if ('problem' in question) throw new Refusal(question.code, question.problem)
    if (inFlight >= MAX_IN_FLIGHT)
      throw new Refusal(status.RESOURCE_EXHAUSTED, `more than ${MAX_IN_FLIGHT} questions at a time`)
    inFlight++
    const call = callerOf(request, response)
    try {
      send(response, 200, await read(question, call))
    } finally {
      inFlight--
    }
  }

  async function read(question: Question, call: Caller): Promise<string> {
    if (question.kind === 'events') return eventsText(await reads.listEvents(question.request, call))
    return profileText(await reads.getProfile(question.request, call))
  }

  const handle = (request: IncomingMessage, response: ServerResponse): void => {
    answer(request, response).catch((error: unknown) => {
      // D3: the path is not logged.
      const { code, details } = refusalStatus(error, '/v1/profiles', logger)
      if (code === status.UNAVAILABLE || code === status.RESOURCE_EXHAUSTED)
        response.setHeader('retry-after', String(RETRY_AFTER_S))
      send(response, HTTP_STATUS[code] ?? 500, errorText(status[code], details))
    })
  }
  const limits = { maxHeaderSize: MAX_HEAD_BYTES, requestTimeout: DEADLINE_MS }
  const server = tls
    ? createTlsServer(
        {
          ...limits,
          cert: tls.cert,
          key: tls.key,
          ...(tls.clientCa && { ca: tls.clientCa, requestCert: true, rejectUnauthorized: true }),
        },
        handle,
      )
    : createServer(limits, handle)
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject)
    server.listen(options.port, options.host, () => {
      server.off('error', reject)
      resolve()
    })
  })
  return {
    port: (server.address() as AddressInfo).port,
    stop: () =>
      new Promise((resolve) => {
        server.close(() => resolve())
        server.closeIdleConnections()
        setTimeout(() => server.closeAllConnections(), 5_000).unref()
      }),
  }
}

/** What is passed on to other instances for this question: its token, its end, its time. */
function callerOf(request: IncomingMessage, response: ServerResponse): Caller {
  const metadata = new Metadata()
  if (request.headers.authorization) metadata.set('authorization', request.headers.authorization)
  const deadline = Date.now() + DEADLINE_MS
  const caller = Object.assign(new EventEmitter(), { metadata, getDeadline: () => deadline })
  response.once('close', () => {
    if (!response.writableFinished) caller.emit('cancelled')
  })
  return caller
}

function errorText(code: string, message: string): string {
  return JSON.stringify({ code, message })
}

function send(response: ServerResponse, code: number, text: string): void {
  if (response.headersSent || response.destroyed) return
  response
    .writeHead(code, { 'content-type': 'application/json; charset=utf-8', 'cache-control': 'no-store' })
    .end(`${text}\n`)
}
