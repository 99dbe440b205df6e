/**
 * Stands between the services and the broker and loses requests and replies of Kafka's protocol. A client follows the
 * addresses that the broker names, so this is the address that the broker's `DETOUR` listener names.
 *
 *   request lost   it never reaches the broker; the connection breaks
 *   reply lost     the broker has carried it out; the connection breaks before the answer
 *   silence        from a request on, nothing passes in either direction until the client hangs up
 *
 * A frame is a 32-bit length and so many bytes; the broker answers a connection's requests in turn, so the n-th reply
 * belongs to the n-th request. (Source: the Kafka protocol guide, “Network” and “Request ordering”. Requests without
 * a reply, produce with acks=0, are used by nobody here.)
 */
import { connect, createServer, type Socket } from 'node:net'
import type { Random } from '../demo/random.ts'

export type DetourFault = 'request lost' | 'reply lost' | 'silence'

export interface KafkaDetour {
  /** Chance that a request meets a fault; 0 at first. */
  faultRate: number
  readonly faults: Record<DetourFault, number>
  stop(): Promise<void>
}

export interface KafkaDetourOptions {
  port: number
  /** The broker's listener, host:port. */
  target: string
  random: Random
}

const FAULTS: readonly DetourFault[] = [
  'request lost',
  'request lost',
  'request lost',
  'reply lost',
  'reply lost',
  'reply lost',
  'silence',
]

export async function startKafkaDetour({ port, target, random }: KafkaDetourOptions): Promise<KafkaDetour> {
  const [host, targetPort] = target.split(':') as [string, string]
  const open = new Set<Socket>()
  const server = createServer((client) => {
    const broker = connect(Number(targetPort), host)
    for (const socket of [client, broker]) {
      open.add(socket)
      socket.setNoDelay(true)
      socket.on('error', () => {})
      socket.on('close', () => {
        open.delete(socket)
        client.destroy()
        broker.destroy()
      })
    }
    pass(client, broker)
  })
  const detour: KafkaDetour = {
    faultRate: 0,
    faults: { 'request lost': 0, 'reply lost': 0, silence: 0 },
    async stop() {
      for (const socket of open) socket.destroy()
      await new Promise<void>((resolve) => server.close(() => resolve()))
    },
  }

  function pass(client: Socket, broker: Socket): void {
    let silent = false
    let requests = 0
    let replies = 0
    /** Number of the request whose reply is lost. */
    let losing: number | undefined
    onFrames(client, (frame) => {
      if (silent) return
      requests++
      const fault = random.chance(detour.faultRate) ? random.pick(FAULTS) : undefined
      if (fault !== undefined) detour.faults[fault]++
      if (fault === 'silence') silent = true
      else if (fault === 'request lost') client.destroy()
      else {
        if (fault === 'reply lost') losing ??= requests
        broker.write(frame)
      }
    })
    onFrames(broker, (frame) => {
      if (silent) return
      if (++replies === losing) client.destroy()
      else client.write(frame)
    })
  }

  await new Promise<void>((resolve, reject) => {
    server.once('error', reject)
    server.listen(port, '127.0.0.1', resolve)
  })
  return detour
}

const LENGTH_BYTES = 4

/** Whole frames, their length included. */
function onFrames(socket: Socket, handle: (frame: Buffer) => void): void {
  let chunks: Buffer[] = []
  let held = 0
  let needed = LENGTH_BYTES
  socket.on('data', (data: Buffer) => {
    chunks.push(data)
    held += data.length
    while (held >= needed) {
      const all = chunks.length === 1 ? chunks[0]! : Buffer.concat(chunks, held)
      const size = LENGTH_BYTES + all.readUInt32BE(0)
      if (held < size) {
        chunks = [all]
        needed = size
        return
      }
      handle(all.subarray(0, size))
      chunks = held > size ? [all.subarray(size)] : []
      held -= size
      needed = LENGTH_BYTES
    }
  })
}
