/**
 * Stands between the writers and ClickHouse: passes on, is away, or loses replies. Lost means that the request was
 * carried out and the connection broke before the answer.
 */
import { type Server, createServer, request } from 'node:http'
import type { AddressInfo } from 'node:net'

export type ProxyMode = 'pass' | 'away' | 'lose insert replies'

export interface FaultyProxy {
  readonly url: string
  mode: ProxyMode
  /** Inserts that came through, by mode. */
  readonly inserts: Record<ProxyMode, number>
  close(): Promise<void>
}

export async function startFaultyProxy(target: string): Promise<FaultyProxy> {
  const server: Server = createServer((incoming, answer) => {
    const { mode } = proxy
    const insert = incoming.url?.includes('INSERT') === true
    if (mode === 'away') {
      incoming.socket.destroy()
      return
    }
    const { method, headers } = incoming
    const outgoing = request(new URL(incoming.url ?? '/', target), { method, headers }, (reply) => {
      if (insert) proxy.inserts[mode]++
      if (insert && mode === 'lose insert replies') {
        reply.resume().on('end', () => incoming.socket.destroy())
        return
      }
      answer.writeHead(reply.statusCode ?? 500, reply.headers)
      reply.pipe(answer)
    })
    outgoing.on('error', () => incoming.socket.destroy())
    incoming.on('error', () => outgoing.destroy())
    incoming.pipe(outgoing)
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const { port } = server.address() as AddressInfo
  const proxy: FaultyProxy = {
    url: `http://127.0.0.1:${port}`,
    mode: 'pass',
    inserts: { pass: 0, away: 0, 'lose insert replies': 0 },
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve())
        server.closeAllConnections()
      }),
  }
  return proxy
}
