/** A receiver as somebody would write it: verifies the signature, drops what it has seen, remembers the order. */
import { type Server, createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { Webhook } from 'standardwebhooks'

export interface Call {
  readonly id: string
  readonly type: string
  readonly data: { readonly [field: string]: unknown }
}

export interface WebhookReceiver {
  readonly url: string
  /** Verified calls in the order they were accepted, each id once. */
  readonly calls: Call[]
  /** Calls whose signature was wrong. */
  readonly forged: number
  /** Ids that came again. */
  readonly repeated: number
  /** Status for the next calls; 2xx accepts. */
  answer: (call: Call) => number
  stop(): Promise<void>
}

export async function startWebhookReceiver(secret: string): Promise<WebhookReceiver> {
  const verifier = new Webhook(secret)
  const calls: Call[] = []
  const seen = new Set<string>()
  const receiver = { calls, forged: 0, repeated: 0, answer: (_call: Call): number => 200 }

  function accept(headers: Record<string, string>, body: string): number {
    let call: Call
    try {
      const item = verifier.verify(body, headers) as { type: string; data: Call['data'] }
      call = { id: headers['webhook-id'] ?? '', ...item }
    } catch {
      receiver.forged += 1
      return 400
    }
    const status = receiver.answer(call)
    if (status >= 300) return status
    if (seen.has(call.id)) receiver.repeated += 1
    else calls.push(call)
    seen.add(call.id)
    return status
  }

  const server: Server = createServer((request, response) => {
    const chunks: Buffer[] = []
    request.on('data', (chunk: Buffer) => chunks.push(chunk))
    request.on('end', () => {
      const headers = Object.fromEntries(
        Object.entries(request.headers).map(([name, value]) => [name, String(value)]),
      )
      response.writeHead(accept(headers, Buffer.concat(chunks).toString('utf8'))).end()
    })
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/hooks`
  return Object.assign(receiver, {
    url,
    stop: () =>
      new Promise<void>((resolve) => {
        server.closeAllConnections()
        server.close(() => {
          resolve()
        })
      }),
  })
}
