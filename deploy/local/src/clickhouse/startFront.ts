/**
 * ClickHouse over HTTP from the engine in this process.
 *
 * 1. `/ping` answers while queries run: nothing on the event loop waits for the engine.
 * 2. A stop refuses new connections, lets running requests end (up to `graceMs`), then releases the data folder.
 * 3. kill -9 at any point leaves a data folder that opens again: the engine's tables are made for that, and the
 *    spool is thrown away at the next start.
 */
import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import { openEngine } from './engine.ts'
import { createQueryHandler, type QueryHandlerOptions } from './handleQuery.ts'
import { createSessions } from './sessions.ts'
import { openSpool } from './spool.ts'

export interface FrontOptions {
  dataDir: string
  host: string
  port: number
  maxConcurrent: number
  credentials?: QueryHandlerOptions['credentials']
}

export interface Front {
  port: number
  stop(graceMs: number): Promise<void>
}

export async function startFront(options: FrontOptions): Promise<Front> {
  const spool = await openSpool(join(options.dataDir, 'spool'))
  const engine = openEngine({ path: join(options.dataDir, 'data'), maxConcurrent: options.maxConcurrent })
  const sessions = createSessions(engine)
  const { credentials } = options
  const handle = createQueryHandler({ sessions, spool, ...(credentials ? { credentials } : {}) })

  const server = createServer((request, response) => {
    const url = new URL(request.url ?? '/', 'http://front')
    if (url.pathname === '/ping' || url.pathname === '/replicas_status') {
      request.resume()
      response.end('Ok.\n')
    } else if (url.pathname === '/' && request.method === 'GET' && url.search === '') {
      response.end('Ok.\n')
    } else if (url.pathname === '/') {
      void handle(request, response, url)
    } else {
      request.resume()
      response.statusCode = 404
      response.end(`There is no handle ${url.pathname}\n`)
    }
  })
  // A server keeps idle connections for 30 s; inserts may take as long as they like.
  server.keepAliveTimeout = 30_000
  server.requestTimeout = 0
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject)
    server.listen(options.port, options.host, resolve)
  })

  return {
    port: (server.address() as AddressInfo).port,
    async stop(graceMs) {
      await closeServer(server, graceMs)
      sessions.closeAll()
      await engine.close()
    },
  }
}

function closeServer(server: Server, graceMs: number): Promise<void> {
  return new Promise((resolve) => {
    const force = setTimeout(() => server.closeAllConnections(), graceMs)
    server.close(() => {
      clearTimeout(force)
      resolve()
    })
    server.closeIdleConnections()
  })
}
