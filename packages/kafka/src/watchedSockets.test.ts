import { afterEach, expect, test } from '@jest/globals'
import { once } from 'node:events'
import { createServer, type AddressInfo, type Socket } from 'node:net'
import { setTimeout as sleep } from 'node:timers/promises'
import { watchedSockets } from './watchedSockets.ts'

const SILENCE_MS = 200

const stops: (() => void)[] = []
afterEach(() => {
  for (const stop of stops.splice(0)) stop()
})

async function connected(serve: (socket: Socket) => void): Promise<Socket> {
  const server = createServer((socket) => {
    socket.on('error', () => {})
    stops.push(() => void socket.destroy())
    serve(socket)
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  stops.push(() => void server.close())
  const { port } = server.address() as AddressInfo
  const socket = await new Promise<Socket>((resolve) => {
    const made: Socket = watchedSockets(SILENCE_MS)({
      host: '127.0.0.1',
      port,
      // kafkajs leaves it out for plain connections, though its types do not say so.
      ssl: undefined as never,
      onConnect: () => setImmediate(() => resolve(made)),
    })
  })
  stops.push(() => void socket.destroy())
  return socket
}

test('a connection on which a request is never answered is destroyed', async () => {
  const socket = await connected(() => {})
  const errors: Error[] = []
  socket.on('error', (error) => errors.push(error))
  socket.write('request')
  await new Promise((resolve) => socket.on('close', resolve))
  expect(errors.map(({ message }) => message)).toEqual(['no answer for 0.2 s'])
})

test('an idle connection and one that answers late are left alone', async () => {
  const socket = await connected((peer) =>
    peer.on('data', () => void setTimeout(() => peer.write('answer'), SILENCE_MS / 2)),
  )
  await sleep(2 * SILENCE_MS)
  for (let i = 0; i < 3; i++) {
    socket.write('request')
    await once(socket, 'data')
  }
  await sleep(2 * SILENCE_MS)
  expect(socket.destroyed).toBe(false)
})
