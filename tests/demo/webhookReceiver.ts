/**
 * A small CRM: takes webhooks, verifies each signature with the `standardwebhooks` package, and remembers who entered
 * and left which audience. Now and then it is busy (503), so that retries are part of the week.
 */
import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { Webhook } from 'standardwebhooks'

export interface ReceivedWebhook {
  id: string
  type: string
  data: { profileId: string; audience?: string } & Record<string, unknown>
}

export class WebhookReceiver {
  readonly received: ReceivedWebhook[] = []
  /** Requests whose signature did not hold. */
  forged = 0
  /** Requests answered with 503 on purpose. */
  refused = 0
  /** Requests that repeated an idempotency key already taken. */
  repeated = 0
  readonly #webhook: Webhook
  readonly #ids = new Set<string>()
  readonly #refuseEvery: number
  #requests = 0
  #server: Server | undefined

  /** `secret` as "whsec_…"; every `refuseEvery`-th request is answered with 503. */
  constructor(secret: string, refuseEvery: number) {
    this.#webhook = new Webhook(secret)
    this.#refuseEvery = refuseEvery
  }

  /** Resolves with the URL to deliver to; on any free port of this machine when nothing is said. */
  async start({ host = '127.0.0.1', port = 0 } = {}): Promise<string> {
    this.#server = createServer((request, response) => {
      const chunks: Buffer[] = []
      request.on('data', (chunk: Buffer) => chunks.push(chunk))
      request.on('end', () => {
        response.statusCode = this.#take(Buffer.concat(chunks).toString(), request.headers)
        if (response.statusCode === 503) response.setHeader('retry-after', '1')
        response.end()
      })
    })
    await new Promise<void>((resolve) => this.#server!.listen(port, host, resolve))
    return `http://${host}:${(this.#server.address() as AddressInfo).port}/hooks`
  }

  async stop(): Promise<void> {
    this.#server?.closeAllConnections()
    await new Promise<void>((resolve) => (this.#server ? this.#server.close(() => resolve()) : resolve()))
  }

  #take(body: string, headers: NodeJS.Dict<string | string[]>): number {
    const header = (name: string): string => String(headers[name] ?? '')
    try {
      this.#webhook.verify(body, {
        'webhook-id': header('webhook-id'),
        'webhook-timestamp': header('webhook-timestamp'),
        'webhook-signature': header('webhook-signature'),
      })
    } catch {
      this.forged++
      return 401
    }
    if (++this.#requests % this.#refuseEvery === 0) {
      this.refused++
      return 503
    }
    const id = header('webhook-id')
    if (this.#ids.has(id)) {
      this.repeated++
      return 200
    }
    this.#ids.add(id)
    const parsed = JSON.parse(body) as { type: string; data: ReceivedWebhook['data'] }
    this.received.push({ id, type: parsed.type, data: parsed.data })
    return 200
  }
}
