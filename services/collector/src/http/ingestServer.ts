/**
 * The HTTP side: takes requests, answers each exactly once.
 *
 *      request ─▶ route ─▶ key ─▶ body ─▶ verdicts ─▶ records ─▶ Kafka's acknowledgement ─▶ 200
 *                   └──────┴───────┴── refused: 4xx ──┘             └── none in time: 503
 *
 *  H1. 200 is said only when every event of the request is durable, as an event or as a reject.
 *  H2. What is held in memory is bounded: beyond it the answer is 503, at once.
 *  H3. A request keeps the configuration its key was found in; adopting a new revision touches none.
 *  H4. A stop refuses no connection that is there and answers everything it took.
 */
import { type IncomingMessage, type Server, type ServerResponse, createServer } from 'node:http'
import { type AddressInfo } from 'node:net'
import { type RejectedArrival } from '@tributary/contracts'
import { defaultEventLimits, originOf } from '@tributary/domain'
import { type ActiveSpan, type Tracing } from '@tributary/service-kit'
import { deliveryMapping } from '@tributary/sources'
import { type CollectorMetrics } from '../collectorMetrics.ts'
import { eventRecord } from '../produce/eventRecord.ts'
import { type GroupCommit, NotDurable, type WrittenPosition } from '../produce/groupCommit.ts'
import { type OutgoingRecord } from '../produce/outgoing.ts'
import { positionToken } from '../produce/positionToken.ts'
import { rejectedRecords } from '../produce/rejectedRecords.ts'
import { type KeyHolder, type SourceBook } from '../sources/sourceBook.ts'
import { type Answer, type RejectedItem, accept, preflight, refuse, send, wireFault } from './answer.ts'
import { type InFlight } from './inFlight.ts'
import { type EventRoute, type EventsRead, arrivalOf, judgeEvents, readEvents } from './readEvents.ts'
import { settingsAnswer, sourceConfigAnswer } from './startAnswers.ts'
import { createRateLimits, type RateLimits } from './rateLimits.ts'
import { readRequestBody } from './readRequestBody.ts'
import { refuseConnection } from './refuseConnection.ts'
import { type Route, findRoute } from './route.ts'
import { beginRequest, endRequest, inTrace } from './traceRequest.ts'
import { verifyWebhook } from './webhook.ts'
import { keyInBody, keysInRequest } from './writeKey.ts'
import { answerUpload } from '../upload/answerUpload.ts'

export interface IngestServerOptions {
  readonly host: string
  readonly port: number
  readonly maxBodyBytes: number
  readonly maxBatchEvents: number
  readonly requestTimeoutMs: number
  readonly partitions: number
  readonly epoch: number
  readonly inFlight: InFlight
  readonly groupCommit: GroupCommit
  readonly metrics: CollectorMetrics
  /** The book that holds now; undefined until it is known whether there is one. */
  readonly book: () => SourceBook | undefined
  /**
   * Whether the end is near: answers then end their connections, so that clients with kept ones are elsewhere before
   * this side closes any.
   */
  readonly isDraining: () => boolean
  readonly now: () => number
  readonly newId: () => string
  /** A fault of the collector itself: the client got 500. */
  readonly onFault: (error: unknown, traceparent?: string) => void
  /** Nothing is traced without it. */
  readonly tracing?: Tracing
}

export interface IngestServer {
  readonly port: number
  /** Takes no more connections; resolves when every request has its answer. */
  stop(): Promise<void>
}

export async function startIngestServer(options: IngestServerOptions): Promise<IngestServer> {
  let stopping = false
  const limits = createRateLimits(options.now)
  const answering: Answering = {
    ...options,
    limits,
    uploading: new WeakSet(),
    isStopping: () => stopping || options.isDraining(),
  }
  const handle = (request: IncomingMessage, response: ServerResponse): void => {
    void answerRequest(request, response, answering)
  }
  const server = createServer(
    {
      requestTimeout: options.requestTimeoutMs,
      // Headers come in one packet.
      headersTimeout: Math.min(10_000, options.requestTimeoutMs),
      // How late a time-out may be noticed.
      connectionsCheckingInterval: Math.min(5_000, options.requestTimeoutMs),
      // Longer than the 60 s of common load balancers, so that it is never this side that closes under a request.
      keepAliveTimeout: 65_000,
      noDelay: true,
    },
    handle,
  )
  server.on('clientError', (error, socket) => {
    // An upload takes as long as it takes; it has time-outs of its own.
    if (answering.uploading.has(socket)) {
      if (wireFault((error as NodeJS.ErrnoException).code) !== 'request_timeout') socket.destroy()
      return
    }
    refuseConnection(socket, (error as NodeJS.ErrnoException).code)
  })
  await listen(server, options)
  return {
    port: (server.address() as AddressInfo).port,
    stop: () =>
      new Promise((resolve) => {
        stopping = true
        server.close(() => {
          resolve()
        })
        server.closeIdleConnections()
      }),
  }
}

function listen(server: Server, { host, port }: { host: string; port: number }): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once('error', reject)
    server.listen({ host, port, backlog: 1024 }, () => {
      server.off('error', reject)
      resolve()
    })
  })
}

interface Answering extends IngestServerOptions {
  readonly limits: RateLimits
  /** Connections with an upload under way. */
  readonly uploading: WeakSet<object>
  readonly isStopping: () => boolean
}

async function answerRequest(
  request: IncomingMessage,
  response: ServerResponse,
  options: Answering,
): Promise<void> {
  const startedMs = options.now()
  if (request.method === 'OPTIONS') {
    const { status, headers } = preflight(request.headers)
    response.writeHead(status, headers).end()
    request.resume()
    return
  }
  const [path = '', query] = (request.url ?? '').split('?', 2)
  const found = findRoute(request.method ?? '', path)
  let name = 'other'
  const held = { bytes: 0 }
  let answer: Answer | { readonly streamed: true }
  let span: ActiveSpan | undefined
  let decided: Decided | undefined
  try {
    if (!found) answer = refuse('not_found', `there is no ${path}`)
    else if ('allow' in found) answer = { ...refuse('method_not_allowed'), headers: { allow: found.allow } }
    else {
      name = found.route.name
      const { route } = found
      span = beginRequest(options.tracing, route, request, startedMs)
      const outcome =
        route.kind === 'upload'
          ? await takeUpload(request, response, query, options)
          : await answerRoute(route, request, query, startedMs, options, held)
      if ('records' in outcome) {
        decided = outcome
        const records = inTrace(outcome.records, span)
        answer = durable(outcome, await options.groupCommit.submit(records), options)
      } else answer = outcome
    }
  } catch (error) {
    if (error instanceof NotDurable)
      answer = refuse(error.reason === 'stopped' ? 'stopping' : 'unavailable', error.message)
    else {
      options.onFault(error, span?.traceparent)
      answer = refuse('internal_error')
    }
  }
  options.inFlight.release(held.bytes)
  if (!('streamed' in answer) && !response.destroyed)
    send(response, request.headers, answer, { close: options.isStopping() })
  const status = 'streamed' in answer ? 200 : answer.status
  options.metrics.answered(name, status, (options.now() - startedMs) / 1000)
  endRequest(span, name, status, decided)
}

async function takeUpload(
  request: IncomingMessage,
  response: ServerResponse,
  query: string | undefined,
  options: Answering,
): Promise<Answer | { readonly streamed: true }> {
  const book = options.book()
  if (!book) return refuse('starting')
  const holder = findHolder(book, request, query) ?? holderOf(book, undefined, request)
  if ('refused' in holder) return holder.refused
  const tooMany = rateRefusal(holder, options)
  if (tooMany) return tooMany
  options.uploading.add(request.socket)
  try {
    const patienceMs = options.requestTimeoutMs
    return await answerUpload(request, response, query, holder, { ...options, patienceMs })
  } finally {
    options.uploading.delete(request.socket)
  }
}

function answerRoute(
  route: Exclude<Route, { kind: 'upload' }>,
  request: IncomingMessage,
  query: string | undefined,
  receivedMs: number,
  options: Answering,
  held: { bytes: number },
): Answer | Promise<Answer | Decided> {
  if (route.kind === 'settings') return settingsAnswer(route.key, request)

  // What the headers already decide is decided before a body is read.
  const book = options.book()
  if (!book) return refuse('starting')
  const early =
    route.kind === 'webhook' ? webhookHolder(book, route.source) : findHolder(book, request, query)
  if (early && 'refused' in early) return early.refused
  if (route.kind === 'source-config')
    return early ? sourceConfigAnswer(early, receivedMs) : refuse('missing_key')
  const late = early && rateRefusal(early, options)
  if (late) return late

  const { maxBodyBytes: maxBytes, inFlight } = options
  return readRequestBody(request, { maxBytes, inFlight, held }, (body) =>
    route.kind === 'sdk-metrics'
      ? { status: 200, body: '{"success":true}' }
      : decideOnBody(route, book, early, request, body, receivedMs, options),
  )
}

/** From the body to the records nothing is awaited: its bytes are borrowed. */
function decideOnBody(
  route: EventRoute,
  book: SourceBook,
  early: KeyHolder | undefined,
  request: IncomingMessage,
  body: Buffer,
  receivedMs: number,
  options: Answering,
): Answer | Decided {
  const delivery =
    route.kind === 'webhook' ? delivered(book, route.source, request, body, receivedMs) : undefined
  if (delivery && 'refused' in delivery) return delivery.refused

  const most = { maxEvents: options.maxBatchEvents, maxDepth: defaultEventLimits.maxDepth }
  const events = readEvents(route, body, request.headers, most, book.wanted)
  if ('refused' in events) return events.refused
  const holder = early ?? holderOf(book, keyInBody(events.envelope), request)
  if ('refused' in holder) return holder.refused
  const tooMany = early ? undefined : rateRefusal(holder, options)
  if (tooMany) return tooMany
  options.limits.take(holder.source.id, holder.source.eventsPerSecond, events.items.length)
  options.metrics.received(holder.source.id, body.length)
  return decide(route, events, delivery ?? holder, request, receivedMs, options)
}

/** Undefined when the key can only be in the body. */
function findHolder(
  book: SourceBook,
  request: IncomingMessage,
  query: string | undefined,
): KeyHolder | { readonly refused: Answer } | undefined {
  for (const { key, optional } of keysInRequest(request.headers, query)) {
    if (optional && !book.findKey(key)) continue
    return holderOf(book, key, request)
  }
  return undefined
}

function webhookHolder(book: SourceBook, id: string): KeyHolder | { readonly refused: Answer } {
  const found = book.webhooks.get(id)
  if (!found) return { refused: refuse('not_found', `there is no webhook of a source "${id}"`) }
  if (found.source.disabled) return { refused: refuse('source_disabled') }
  return { source: found.source, trusted: true }
}

/** Whose delivery it is, once its signature holds: the source as it reads this one. */
function delivered(
  book: SourceBook,
  id: string,
  request: IncomingMessage,
  body: Buffer,
  nowMs: number,
): KeyHolder | { readonly refused: Answer } {
  const { source, webhook, mapping } = book.webhooks.get(id)!
  const delivery = verifyWebhook(webhook, request.headers, body, nowMs)
  if ('code' in delivery) return { refused: refuse(delivery.code, delivery.message) }
  const circumstances = { ...source.circumstances, mapping: deliveryMapping(mapping, delivery) }
  return { source: { ...source, circumstances }, trusted: true, delivery }
}

function holderOf(
  book: SourceBook,
  key: string | undefined,
  request: IncomingMessage,
): KeyHolder | { readonly refused: Answer } {
  if (key === undefined)
    return {
      refused: refuse(
        'missing_key',
        'no write key: send it as X-Write-Key, Basic user, Bearer, ?writeKey= or "writeKey"',
      ),
    }
  const holder = book.findKey(key)
  if (!holder)
    return { refused: refuse('unknown_key', 'the write key belongs to no source of this workspace') }
  if (holder.source.disabled) return { refused: refuse('source_disabled') }
  const { origin } = request.headers
  if (origin !== undefined && holder.source.origins && !holder.source.origins.has(origin))
    return {
      refused: refuse('origin_not_allowed', `the source ${holder.source.id} takes no events from ${origin}`),
    }
  return holder
}

/** What a request comes to once each of its events has a verdict. */
interface Decided {
  readonly source: string
  readonly records: readonly OutgoingRecord[]
  readonly accepted: number
  readonly rejected: readonly RejectedItem[]
}

/**
 * Judges and encodes every event. Apart from the wait for Kafka, which must hold on to nothing but the records: parsed
 * events that live through it cost a third of the process in garbage collection.
 */
function decide(
  route: EventRoute,
  events: EventsRead,
  holder: KeyHolder,
  request: IncomingMessage,
  receivedMs: number,
  options: IngestServerOptions,
): Decided {
  const { metrics, partitions } = options
  const source = holder.source.id
  const requestId = options.newId()
  const sentAt = request.headers['sentat']
  const sentHeader = typeof sentAt === 'string' ? sentAt : undefined
  const verdicts = judgeEvents(route, events, holder, {
    requestId,
    receivedMs,
    sentHeader,
    maxEvents: options.maxBatchEvents,
    newMessageId: options.newId,
  })

  const records: OutgoingRecord[] = []
  const rejected: RejectedItem[] = []
  let arrival: RejectedArrival | undefined
  for (let index = 0; index < verdicts.length; index++) {
    const verdict = verdicts[index]!
    if ('accepted' in verdict) {
      records.push(eventRecord(verdict.accepted, partitions))
      for (const each of verdict.ignored) metrics.ignoredIdentifier(each.type, each.reason)
      continue
    }
    const { rejected: rejection } = verdict
    const input = events.items[index]!.bytes
    const origin = originOf(requestId, index)
    arrival ??= arrivalOf(route, events, holder, sentHeader)
    records.push(...rejectedRecords({ source, rejection, input, origin, receivedMs, arrival }, partitions))
    const { messageId = null, code, message } = rejection
    rejected.push({ index, messageId, code, message })
  }
  return { source, records, accepted: verdicts.length - rejected.length, rejected }
}

/** The answer once every event is durable, as an event or as a reject. */
function durable(
  { source, accepted, rejected }: Decided,
  positions: readonly WrittenPosition[],
  { metrics, epoch }: IngestServerOptions,
): Answer {
  metrics.accepted(source, accepted)
  for (const each of rejected) metrics.rejected(source, each.code)
  return accept(accepted, rejected, positionToken(epoch, positions))
}

/** Undefined when the source may send now. */
function rateRefusal({ source }: KeyHolder, { limits }: Answering): Answer | undefined {
  const wait = limits.wait(source.id, source.eventsPerSecond)
  if (wait === 0) return undefined
  return refuse(
    'rate_limited',
    `the source ${source.id} may send ${source.eventsPerSecond} events a second; send again in ${wait} s`,
    wait,
  )
}
