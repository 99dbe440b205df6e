/** /livez, /readyz and /metrics on a port of their own, so that they need no authentication and no route outside. */
import { type IncomingMessage, type ServerResponse, createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import type { Health } from './health.ts'
import type { Metrics } from './metrics.ts'

export interface AdminServer {
  readonly port: number
  stop(): Promise<void>
}

export async function startAdminServer(options: {
  host: string
  port: number
  health: Health
  metrics: Metrics
}): Promise<AdminServer> {
  const { health, metrics } = options

  async function answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const path = (request.url ?? '').split('?', 1)[0]
    if (request.method !== 'GET' && request.method !== 'HEAD') {
      response.writeHead(405, { allow: 'GET, HEAD' }).end()
    } else if (path === '/livez') {
      json(response, health.isAlive() ? 200 : 503, {
        alive: health.isAlive(),
        reason: health.report().reason,
      })
    } else if (path === '/readyz') {
      json(response, health.isReady() ? 200 : 503, health.report())
    } else if (path === '/metrics') {
      const text = await metrics.text()
      response.writeHead(200, { 'content-type': metrics.registry.contentType }).end(text)
    } else {
      json(response, 404, { error: 'there are /livez, /readyz and /metrics' })
    }
  }

  const server = createServer((request, response) => {
    answer(request, response).catch((error: unknown) => {
      if (!response.headersSent) json(response, 500, { error: String(error) })
    })
  })
  // Probes are tiny: a slow one is an attack or a broken proxy.
  server.requestTimeout = 5_000
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
        server.close(() => {
          resolve()
        })
        server.closeAllConnections()
      }),
  }
}

function json(response: ServerResponse, status: number, body: unknown): void {
  response
    .writeHead(status, { 'content-type': 'application/json', 'cache-control': 'no-store' })
    .end(`${JSON.stringify(body)}\n`)
}
