/**
 * A scripted front before the real collector, one per client and status.
 *
 *  F1. What it refuses is refused in the collector's own words: the request goes on spoilt (bad JSON, unknown key, too large,
 *      a source over its rate), or to a collector that has no Kafka (503), so body, Retry-After and CORS are the real ones.
 *  F2. 400, 401 and 413 meet every attempt; 429, 503, reset and lost only the first one of each event.
 *  F3. Preflights, settings and whatever else is no event pass.
 */
import { type IncomingMessage, type ServerResponse, createServer, request } from 'node:http'
import { type AddressInfo } from 'node:net'
import { gunzipSync, gzipSync } from 'node:zlib'
import { type Status } from './clients.ts'

export interface Attempt {
  readonly atMs: number
  readonly status: number | 'reset' | 'lost'
  readonly retryAfterS: number | undefined
  readonly messageIds: readonly string[]
}

/** A request as it came; `body` after decompression. */
export interface RecordedRequest {
  readonly path: string
  readonly headers: Readonly<Record<string, string>>
  readonly gzip: boolean
  readonly body: string
}

export interface Front {
  readonly url: string
  readonly attempts: readonly Attempt[]
  readonly requests: readonly RecordedRequest[]
  readonly preflights: () => number
  stop(): Promise<void>
}

export interface FrontOptions {
  readonly status: Status
  readonly collector: string
  /** One that is up and has no Kafka. */
  readonly starting: string
  /** The client's own key. */
  readonly key: string
  /** Key of a source that may send one event a second. */
  readonly slowKey: string
}

/** One byte more than the collector takes, small on the wire: it is refused when it has arrived whole. */
const TOO_LARGE = gzipSync(Buffer.alloc(4 * 1024 * 1024 + 1, ' '))
/** Events that put the slow source three seconds over its rate: Retry-After is then longer than any first backoff. */
const BURST = 4
const KEPT_HEADERS = [
  'authorization',
  'content-type',
  'content-encoding',
  'x-write-key',
  'anonymousid',
  'sentat',
]

export async function startFront(options: FrontOptions): Promise<Front> {
  const attempts: Attempt[] = []
  const requests: RecordedRequest[] = []
  const seen = new Set<string>()
  let preflights = 0

  async function handle(incoming: IncomingMessage, response: ServerResponse): Promise<void> {
    const chunks: Buffer[] = []
    for await (const chunk of incoming) chunks.push(chunk as Buffer)
    const body = Buffer.concat(chunks)
    const { method = 'GET', url: path = '/', headers } = incoming
    if (method === 'OPTIONS') preflights++
    if (method !== 'POST' || path.startsWith('/v1/m')) {
      relay(await ask(options.collector, { method, path, headers, body }), response)
      return
    }
    const gzip = body[0] === 0x1f && body[1] === 0x8b
    const text = (gzip ? gunzipSync(body) : body).toString()
    const messageIds = messageIdsOf(text)
    requests.push({ path, headers: kept(headers), gzip, body: text })
    const atMs = performance.now()
    const first = messageIds.some((id) => !seen.has(id))
    for (const id of messageIds) seen.add(id)
    const permanent = ['400', '401', '413'].includes(options.status)
    if (options.status === '200' || !(first || permanent)) {
      const answer = await ask(options.collector, { method, path, headers, body })
      attempts.push({ atMs, status: answer.status, retryAfterS: undefined, messageIds })
      relay(answer, response)
      return
    }
    if (options.status === 'lost') await ask(options.collector, { method, path, headers, body })
    if (options.status === 'reset' || options.status === 'lost') {
      attempts.push({ atMs, status: options.status, retryAfterS: undefined, messageIds })
      incoming.socket.resetAndDestroy()
      return
    }
    const answer = await refusal(options, { method, path, headers, body })
    const after = answer.headers['retry-after']
    attempts.push({ atMs, status: answer.status, retryAfterS: after ? Number(after) : undefined, messageIds })
    relay(answer, response)
  }

  const server = createServer((incoming, response) => {
    handle(incoming, response).catch((error: unknown) => response.destroy(error as Error))
  })
  await new Promise<void>((resolve) => {
    server.listen(0, '127.0.0.1', resolve)
  })
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    attempts,
    requests,
    preflights: () => preflights,
    stop: () =>
      new Promise((resolve) => {
        server.close(() => resolve())
        server.closeAllConnections()
      }),
  }
}

interface Question {
  readonly method: string
  readonly path: string
  readonly headers: NodeJS.Dict<string | string[]>
  readonly body: Buffer
}

interface Answer {
  readonly status: number
  readonly headers: NodeJS.Dict<string | string[]>
  readonly body: Buffer
}

/** F1. */
async function refusal(options: FrontOptions, question: Question): Promise<Answer> {
  const { collector } = options
  const spoilt = (body: Buffer, key: string): Question => {
    const { 'content-encoding': _, ...headers } = question.headers
    return { ...question, headers: { ...headers, 'x-write-key': key }, body }
  }
  if (options.status === '400') return ask(collector, spoilt(Buffer.from('{'), options.key))
  if (options.status === '401') return ask(collector, spoilt(Buffer.from('{}'), 'wk_nobody'))
  if (options.status === '413') return ask(collector, spoilt(TOO_LARGE, options.key))
  if (options.status === '503') return ask(options.starting, question)
  const batch = JSON.stringify({ batch: Array.from({ length: BURST }, () => ({ type: 'page' })) })
  const burst = { ...spoilt(Buffer.from(batch), options.slowKey), path: '/v1/batch' }
  for (;;) {
    // oxlint-disable-next-line no-await-in-loop -- until it is over its rate
    const answer = await ask(collector, burst)
    if (answer.status !== 200) return answer
  }
}

function ask(base: string, { method, path, headers, body }: Question): Promise<Answer> {
  const { 'content-length': _, 'transfer-encoding': __, connection: ___, ...others } = headers
  return new Promise((resolve, reject) => {
    const outgoing = request(
      new URL(path, base),
      {
        method,
        agent: false,
        headers: { ...others, ...(method === 'POST' && { 'content-length': body.length }) },
      },
      (incoming) => {
        const chunks: Buffer[] = []
        incoming.on('data', (chunk: Buffer) => chunks.push(chunk))
        incoming.on('error', reject)
        incoming.on('end', () =>
          resolve({
            status: incoming.statusCode ?? 0,
            headers: incoming.headers,
            body: Buffer.concat(chunks),
          }),
        )
      },
    )
    outgoing.on('error', reject)
    outgoing.end(method === 'POST' ? body : undefined)
  })
}

function relay(answer: Answer, response: ServerResponse): void {
  const { 'transfer-encoding': _, connection: __, 'content-length': ___, ...headers } = answer.headers
  response.writeHead(answer.status, { ...headers, 'content-length': answer.body.length })
  response.end(answer.body)
}

function kept(headers: NodeJS.Dict<string | string[]>): Record<string, string> {
  return Object.fromEntries(
    KEPT_HEADERS.flatMap((name) => (headers[name] === undefined ? [] : [[name, String(headers[name])]])),
  )
}

function messageIdsOf(text: string): string[] {
  try {
    const body = JSON.parse(text) as { messageId?: string; batch?: { messageId?: string }[] }
    return (body.batch ?? [body]).flatMap(({ messageId }) => (messageId === undefined ? [] : [messageId]))
  } catch {
    return []
  }
}
