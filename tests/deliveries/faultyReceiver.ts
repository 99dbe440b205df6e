/** A receiver of webhooks that verifies each signature, writes down what arrives, and fails as it is told to. */
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { Webhook } from 'standardwebhooks'
import type { Arrival } from './judgeArrivals.ts'

export const faults = ['steady', 'slow', 'flaky', 'limiting', 'hanging', 'lying', 'dead'] as const
export type Fault = (typeof faults)[number]

export const faultText: Readonly<Record<Fault, string>> = {
  steady: 'none',
  slow: 'answers after 300 ms',
  flaky: '500 for one in ten, 422 for one in fifty',
  limiting: '429 with Retry-After beyond 150 calls in a second',
  hanging: 'never answers one in twenty',
  lying: 'takes one in ten and answers 500, or breaks the connection',
  dead: 'answers nothing until the end',
}

export interface FaultyReceiver {
  readonly fault: Fault
  readonly url: string
  /** Whatever it has taken, in its order, repetitions too. */
  readonly arrivals: Arrival[]
  readonly forged: number
  /** Whether it fails. */
  failing: boolean
  stop(): Promise<void>
}

const SLOW_MS = 300
const CALLS_A_SECOND = 150

export async function startFaultyReceiver(
  fault: Fault,
  secret: string,
  random: () => number,
): Promise<FaultyReceiver> {
  const verifier = new Webhook(secret)
  const arrivals: Arrival[] = []
  let second = 0
  let calls = 0
  const self = { fault, arrivals, forged: 0, failing: false }

  /** Undefined: the item does not arrive and nothing is answered. */
  function react(): { status: number; takes: boolean; afterMs?: number; breaks?: true } | undefined {
    const fine = { status: 204, takes: true }
    if (!self.failing) return fine
    const chance = random()
    switch (fault) {
      case 'steady':
        return fine
      case 'slow':
        return { ...fine, afterMs: SLOW_MS }
      case 'flaky':
        if (chance < 0.1) return { status: 500, takes: false }
        return chance < 0.12 ? { status: 422, takes: false } : fine
      case 'limiting': {
        const now = Math.floor(performance.now() / 1_000)
        calls = now === second ? calls + 1 : 1
        second = now
        return calls > CALLS_A_SECOND ? { status: 429, takes: false } : fine
      }
      case 'hanging':
        return chance < 0.05 ? undefined : fine
      case 'lying':
        if (chance < 0.05) return { status: 500, takes: true }
        return chance < 0.1 ? { status: 0, takes: true, breaks: true } : fine
      case 'dead':
        return { status: 0, takes: false, breaks: true }
    }
  }

  const server = createServer((request, response) => {
    const chunks: Buffer[] = []
    request.on('data', (chunk: Buffer) => chunks.push(chunk))
    request.on('end', () => {
      const headers = Object.fromEntries(
        Object.entries(request.headers).map(([name, value]) => [name, String(value)]),
      )
      let data: { who: string; step: number }
      try {
        data = (verifier.verify(Buffer.concat(chunks).toString(), headers) as { data: typeof data }).data
      } catch {
        self.forged++
        response.writeHead(400).end()
        return
      }
      const reaction = react()
      if (!reaction) return
      if (reaction.takes)
        arrivals.push({
          id: headers['webhook-id'] ?? '',
          person: data.who,
          step: data.step,
          atMs: Date.now(),
        })
      const answer = (): void => {
        if (reaction.breaks) request.socket.destroy()
        else response.writeHead(reaction.status, reaction.status === 429 ? { 'retry-after': '1' } : {}).end()
      }
      if (reaction.afterMs === undefined) answer()
      else setTimeout(answer, reaction.afterMs)
    })
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  return Object.assign(self, {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/hooks`,
    stop: () =>
      new Promise<void>((resolve) => {
        server.closeAllConnections()
        server.close(() => {
          resolve()
        })
      }),
  })
}
