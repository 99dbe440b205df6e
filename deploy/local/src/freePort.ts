/** A loopback port that nobody listens on now: the wanted one if it is free, else any. */
import { createServer } from 'node:net'

export async function freePort(wanted = 0): Promise<number> {
  const port = await tryPort(wanted)
  return port ?? (wanted === 0 ? Promise.reject(new Error('no free loopback port')) : freePort(0))
}

function tryPort(port: number): Promise<number | undefined> {
  return new Promise((resolve) => {
    const server = createServer()
    server.once('error', () => resolve(undefined))
    server.listen(port, '127.0.0.1', () => {
      const address = server.address()
      const found = typeof address === 'object' && address !== null ? address.port : undefined
      server.close(() => resolve(found))
    })
  })
}
