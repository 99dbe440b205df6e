/** The detour before a small server that answers each frame with the same frame, as a broker answers in turn. */
import { afterEach, expect, test } from '@jest/globals'
import { once } from 'node:events'
import { connect, createServer, type AddressInfo, type Socket } from 'node:net'
import { freePort } from '../../deploy/local/src/freePort.ts'
import { createRandom, type Random } from '../demo/random.ts'
import { startKafkaDetour, type DetourFault } from './kafkaDetour.ts'

const stops: (() => Promise<void>)[] = []
afterEach(async () => {
  for (let stop = stops.pop(); stop; stop = stops.pop()) await stop()
})

/** Frames the server has seen. */
async function startEcho(): Promise<{ target: string; seen: () => number }> {
  let seen = 0
  const sockets = new Set<Socket>()
  const server = createServer((socket) => {
    sockets.add(socket)
    socket.on('error', () => {})
    socket.on('data', (data: Buffer) => {
      for (let at = 0; at < data.length; at += 4 + data.readUInt32BE(at)) seen++
      socket.write(data)
    })
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  stops.push(async () => {
    for (const socket of sockets) socket.destroy()
    await new Promise<void>((resolve) => server.close(() => resolve()))
  })
  return { target: `127.0.0.1:${(server.address() as AddressInfo).port}`, seen: () => seen }
}

async function detourTo(target: string, random: Random = createRandom(1)) {
  const port = await freePort()
  const detour = await startKafkaDetour({ port, target, random })
  stops.push(() => detour.stop())
  const client = connect(port, '127.0.0.1')
  client.on('error', () => {})
  await once(client, 'connect')
  stops.push(async () => void client.destroy())
  return { detour, client }
}

function frame(text: string): Buffer {
  const body = Buffer.from(text)
  const head = Buffer.alloc(4)
  head.writeUInt32BE(body.length)
  return Buffer.concat([head, body])
}

/** Always meets a fault, always this one. */
function always(fault: DetourFault): Random {
  return {
    ...createRandom(1),
    chance: (p) => p > 0,
    pick: (of) => of.find((each) => each === fault) ?? of[0]!,
  }
}

test('without faults every frame passes, however the bytes are cut', async () => {
  const { client } = await detourTo((await startEcho()).target)
  const sent = Buffer.concat([frame('one'), frame(''), frame('three')])
  const got: Buffer[] = []
  client.on('data', (data: Buffer) => got.push(data))
  for (const byte of sent) {
    client.write(Buffer.of(byte))
    await new Promise(setImmediate)
  }
  while (Buffer.concat(got).length < sent.length) await once(client, 'data')
  expect(Buffer.concat(got)).toEqual(sent)
})

test('a lost request never arrives, and the connection breaks', async () => {
  const echo = await startEcho()
  const { detour, client } = await detourTo(echo.target, always('request lost'))
  detour.faultRate = 1
  client.write(frame('x'))
  await once(client, 'close')
  expect([echo.seen(), detour.faults['request lost']]).toEqual([0, 1])
})

test('a lost reply was carried out, and the connection breaks before the answer', async () => {
  const echo = await startEcho()
  const { detour, client } = await detourTo(echo.target, always('reply lost'))
  detour.faultRate = 1
  let answered = 0
  client.on('data', (data: Buffer) => (answered += data.length))
  client.write(frame('x'))
  await once(client, 'close')
  expect([echo.seen(), answered]).toEqual([1, 0])
})
