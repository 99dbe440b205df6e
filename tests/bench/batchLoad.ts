/**
 * Clients that send numbered batches, either the next when one is answered or as they are due, answered or not.
 *
 * Each event names its request and its place in it, so that what was acknowledged can be looked for in the topic.
 */
import { type Socket, connect } from 'node:net'
import { setTimeout as sleep } from 'node:timers/promises'
import { exampleEvent } from './collectorLoad.ts'

/** What server SDKs send at most in one request by default. */
export const EVENTS_PER_BATCH = 100
/** Different events, so that not one text is all that is seen. */
const TEMPLATES = 8
const REQUEST_DIGITS = 9
/** Stands in an event where the number of its request is written, with leading zeros. */
export const REQUEST_NUMBER = 'N'.repeat(REQUEST_DIGITS)
/** More than the collector can hold bodies of, so that it is the collector that says no. */
const MAX_CONNECTIONS = 4_000
/** Between two looks at what is due, ms. */
const BURST_MS = 5

/** What is sent, and who hears of it. */
export interface BatchLoadOptions {
  readonly eventsPerBatch?: number
  /** Different requests; then the first comes again, with the number of the request wherever REQUEST_NUMBER stands. */
  readonly templates?: number
  readonly event?: (number: number) => Record<string, unknown>
  /** Number of the first request: no two loads on one topic may send the same message ids. */
  readonly firstRequest?: number
  /** A batch was answered 200 at `atMs`, by performance.now(). */
  readonly onAcknowledged?: (request: number, atMs: number, body: string) => void
}

export interface BatchLoadCounts {
  /** Numbers of the requests that were answered 200. */
  readonly acknowledged: number[]
  /** Answered 503, with Retry-After. */
  refused: number
  /** Answered in any other way, or not at all. */
  failed: number
  /** How long each 200 took, ms. */
  readonly tookMs: number[]
}

export interface BatchLoad {
  /** So many clients, each sending the next batch when it is answered. */
  closed(connections: number, seconds: number): Promise<BatchLoadCounts>
  /** As many batches as are due since the beginning, whatever becomes of them; the counts are those at the end of the time. */
  open(due: () => Promise<number>, seconds: number): Promise<BatchLoadCounts>
  /** Of one batch: its status. */
  one(): Promise<number>
  /** Resolves when nothing waits for an answer. */
  answered(): Promise<void>
  close(): void
}

function messageIdOf(request: number | string, index: number): string {
  return `bench-${String(request).padStart(REQUEST_DIGITS, '0')}-${index}`
}

/** The request and the place in it that an event was sent in; undefined for an event of something else. */
export function placeOf(messageId: string): { request: number; index: number } | undefined {
  const [, request, index] = /^bench-([0-9]+)-([0-9]+)$/.exec(messageId) ?? []
  return request === undefined ? undefined : { request: Number(request), index: Number(index) }
}

interface Template {
  readonly bytes: Buffer
  /** Where the number of the request is written. */
  readonly places: readonly number[]
}

interface Client {
  readonly socket: Socket
  onAnswer: ((status: number, body: string) => void) | undefined
}

export function createBatchLoad(
  target: { readonly port: number; readonly authorization: string },
  options: BatchLoadOptions = {},
): BatchLoad {
  const { eventsPerBatch = EVENTS_PER_BATCH, event = exampleEvent, onAcknowledged } = options
  const templates = Array.from({ length: options.templates ?? TEMPLATES }, (_, number) =>
    templateOf(
      target,
      Array.from({ length: eventsPerBatch }, (_each, index) => ({
        ...event(number * eventsPerBatch + index),
        messageId: messageIdOf(REQUEST_NUMBER, index),
      })),
    ),
  )
  const idle: Client[] = []
  const clients = new Set<Client>()
  let requests = options.firstRequest ?? 0
  let waiting = 0

  function open(): Client {
    const socket = connect(target.port, '127.0.0.1').setNoDelay(true)
    const client: Client = { socket, onAnswer: undefined }
    clients.add(client)
    let text = ''
    const answer = (status: number, body = ''): void => {
      const { onAnswer } = client
      client.onAnswer = undefined
      onAnswer?.(status, body)
    }
    socket.on('data', (chunk) => {
      text += chunk.toString('latin1')
      const head = text.indexOf('\r\n\r\n')
      if (head < 0) return
      if (text.length < head + 4 + Number(/content-length: (\d+)/i.exec(text)?.[1] ?? 0)) return
      const status = Number(text.slice(9, 12))
      const complete = status !== 503 || /^retry-after: \d+\r$/im.test(text)
      const body = text.slice(head + 4)
      text = ''
      if (client.onAnswer) idle.push(client)
      answer(complete ? status : 0, body)
    })
    const gone = (): void => {
      clients.delete(client)
      const at = idle.indexOf(client)
      if (at >= 0) idle.splice(at, 1)
      answer(0)
    }
    socket.on('error', gone).on('close', gone)
    return client
  }

  function send(): Promise<{ request: number; status: number }> {
    const request = requests++
    const client = idle.pop() ?? open()
    const { bytes, places } = templates[request % templates.length] as Template
    const own = Buffer.from(bytes)
    const digits = String(request).padStart(REQUEST_DIGITS, '0')
    for (const place of places) own.write(digits, place, 'latin1')
    waiting++
    return new Promise((resolve) => {
      client.onAnswer = (status, body) => {
        waiting--
        if (status === 200) onAcknowledged?.(request, performance.now(), body)
        resolve({ request, status })
      }
      client.socket.write(own)
    })
  }

  async function counted(counts: BatchLoadCounts, until: number): Promise<void> {
    const from = performance.now()
    const { request, status } = await send()
    const now = performance.now()
    if (now > until) return
    if (status === 200) {
      counts.acknowledged.push(request)
      counts.tookMs.push(now - from)
    } else if (status === 503) counts.refused++
    else counts.failed++
  }

  const noCounts = (): BatchLoadCounts => ({ acknowledged: [], refused: 0, failed: 0, tookMs: [] })

  return {
    async closed(connections, seconds) {
      const counts = noCounts()
      const until = performance.now() + seconds * 1000
      await Promise.all(
        Array.from({ length: connections }, async () => {
          while (performance.now() < until) await counted(counts, until)
        }),
      )
      return counts
    },
    async open(due, seconds) {
      const counts = noCounts()
      const until = performance.now() + seconds * 1000
      for (let sent = 0; performance.now() < until;) {
        for (const now = await due(); sent < now; sent++) {
          if (idle.length === 0 && clients.size >= MAX_CONNECTIONS) counts.failed++
          else void counted(counts, until)
        }
        await sleep(BURST_MS)
      }
      return { ...counts, acknowledged: [...counts.acknowledged], tookMs: [...counts.tookMs] }
    },
    one: async () => (await send()).status,
    async answered() {
      for (;;) {
        if (waiting === 0) return
        await sleep(BURST_MS)
      }
    },
    close() {
      for (const { socket } of clients) socket.destroy()
    },
  }
}

function templateOf(
  target: { readonly authorization: string },
  batch: readonly Record<string, unknown>[],
): Template {
  const body = JSON.stringify({ batch })
  const bytes = Buffer.from(
    `POST /v1/batch HTTP/1.1\r\nhost: bench\r\nauthorization: ${target.authorization}\r\n` +
      `content-type: application/json\r\ncontent-length: ${Buffer.byteLength(body)}\r\n\r\n${body}`,
  )
  const places: number[] = []
  for (let at = bytes.indexOf(REQUEST_NUMBER); at >= 0; at = bytes.indexOf(REQUEST_NUMBER, at + 1))
    places.push(at)
  return { bytes, places }
}
