/** How much of what Node's HTTP server can take at all the collector takes, with each event durable in Kafka. */
import { rm } from 'node:fs/promises'
import { Agent, createServer, request, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { startServices } from '../../../deploy/local/src/launcher.ts'
import { uniquePrefix } from '../../support/uniquePrefix.ts'
import { waitUntil } from '../../support/waitUntil.ts'
import type { Bar } from '../bar.ts'
import { BENCH_FOLDER, benchStack } from '../benchStack.ts'

/** What server SDKs send at most in one request by default. */
const EVENTS_PER_REQUEST = 100
/** Enough under way that the server is never idle. */
const CONNECTIONS = 16
const REQUESTS_PER_RUN = 400

const DOCUMENTS = fileURLToPath(new URL('../../../examples/shop', import.meta.url))

export const bars: Bar[] = [
  {
    name: 'collector-batch',
    about:
      'Events of 1.1 KB accepted per second in batches of 100: the collector, which answers when Kafka has them, beside a bare Node server that parses the same bodies and forgets them. Client, broker and server share the machine.',
    unit: 'events/s',
    better: 'higher',
    // Parsing is a third of what is done per event; hashing, envelope and produce are the rest, and the broker takes its
    // part of the same cores.
    goal: 0.25,
    async prepare() {
      const folder = join(BENCH_FOLDER, 'collector')
      await rm(folder, { recursive: true, force: true })
      const prefix = uniquePrefix('bench')
      const stack = await benchStack()
      const installation = await startServices(
        { ...stack, clickhouse: { ...stack.clickhouse, database: prefix } },
        {
          dataDir: folder,
          services: [{ service: 'collector' }],
          settings: { TOPIC_PREFIX: prefix, GROUP_PREFIX: prefix },
          documents: DOCUMENTS,
        },
      )
      const bare = await startBareServer()
      const agent = new Agent({ keepAlive: true, maxSockets: CONNECTIONS })
      const authorization = `Basic ${btoa(`${installation.writeKeys['web']}:`)}`
      const collectorUrl = `${installation.addresses().collector?.http}/v1/batch`
      const bareUrl = `http://127.0.0.1:${(bare.address() as AddressInfo).port}/v1/batch`
      const send = (url: string, body: string) => post(url, body, authorization, agent)
      await waitUntil(
        'the collector to know the write key',
        async () => (await send(collectorUrl, batch(0))) === 200,
      )
      let sent = 1
      const run = async (url: string) => {
        const bodies = Array.from({ length: REQUESTS_PER_RUN }, () => batch(sent++))
        const started = process.hrtime.bigint()
        await Promise.all(
          Array.from({ length: CONNECTIONS }, async () => {
            for (let body = bodies.pop(); body !== undefined; body = bodies.pop()) {
              const status = await send(url, body)
              if (status !== 200) throw new Error(`${url} answered ${status}`)
            }
          }),
        )
        const seconds = Number(process.hrtime.bigint() - started) / 1e9
        return (REQUESTS_PER_RUN * EVENTS_PER_REQUEST) / seconds
      }
      return {
        ours: () => run(collectorUrl),
        reference: () => run(bareUrl),
        async close() {
          agent.destroy()
          bare.close()
          await installation.stop()
        },
      }
    },
  },
]

function startBareServer(): Promise<Server> {
  const server = createServer((incoming, answer) => {
    const chunks: Buffer[] = []
    incoming.on('data', (chunk: Buffer) => chunks.push(chunk))
    incoming.on('end', () => {
      const { batch: events } = JSON.parse(Buffer.concat(chunks).toString('utf8')) as { batch: unknown[] }
      answer.statusCode = events.length === EVENTS_PER_REQUEST ? 200 : 400
      answer.end('{}')
    })
  })
  return new Promise((resolve) => {
    server.listen(0, '127.0.0.1', () => resolve(server))
  })
}

function post(url: string, body: string, authorization: string, agent: Agent): Promise<number> {
  return new Promise((resolve, reject) => {
    const headers = {
      'content-type': 'application/json',
      'content-length': Buffer.byteLength(body),
      authorization,
    }
    const sending = request(url, { method: 'POST', agent, headers }, (answer) => {
      answer.resume()
      answer.on('end', () => resolve(answer.statusCode ?? 0))
    })
    sending.on('error', reject)
    sending.end(body)
  })
}

function batch(number: number): string {
  const at = new Date(Date.UTC(2026, 0, 1) + number * 1000).toISOString()
  const events = Array.from({ length: EVENTS_PER_REQUEST }, (_, index) => ({
    type: 'track',
    event: 'Product Viewed',
    messageId: `m-${number}-${index}`,
    userId: `user-${(number * 31 + index) % 5000}`,
    anonymousId: `anonymous-${(number * 17 + index) % 9000}`,
    timestamp: at,
    properties: { product_id: `sku-${index}`, price: 12.5, filler: 'x'.repeat(800) },
    context: { library: { name: 'analytics-node', version: '3.1.0' }, page: { path: `/p/${index}` } },
  }))
  return JSON.stringify({ batch: events, sentAt: at })
}
