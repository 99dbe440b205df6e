/** Asks whichever instance runs a task how far it has read, here or by one hop, until the deadline. */
import { status } from '@grpc/grpc-js'
import { setTimeout as sleep } from 'node:timers/promises'
import { type ReachedServiceClient } from '@tributary/contracts/generated/tributary/ingest/v1/reached'
import {
  type Caller,
  MAX_POSITION_WAIT_MS,
  type OwnerLookup,
  type PeerClients,
  type PositionWaits,
  Refusal,
  askOwner,
  callPeer,
  unavailable,
} from '@tributary/service-kit'
import { type RuntimeLog } from '@tributary/stream-runtime'
import { type Goal, type WritePorts } from './awaitWrite.ts'

/** Between two questions about a task that nobody runs just now, ms: it moves in seconds. */
const MOVING_MS = 50

export interface ReachOptions {
  readonly nodeId: string
  readonly peers: PeerClients<ReachedServiceClient>
  readonly owners: Readonly<Record<Goal['task'], OwnerLookup>>
  /** Tasks of this instance. */
  readonly waits: PositionWaits
  readonly log: Pick<RuntimeLog, 'bounds'>
  readonly nowMs: () => number
}

/** `deadlineMs` is the time by `nowMs` after which nothing is waited for. */
export function reachTasks(options: ReachOptions, call: Caller, deadlineMs: number): WritePorts {
  const { waits, nowMs, owners } = options
  return {
    async reach({ task, partition, topic, offset }) {
      const asked = { task, partition, topic: topic.name, offset }
      let told: number | undefined
      for (;;) {
        const waitMs = Math.max(0, Math.min(deadlineMs - nowMs(), MAX_POSITION_WAIT_MS))
        // oxlint-disable-next-line no-await-in-loop -- asked until it is reached
        const position = await once({ ...asked, waitMs })
        told = position ?? told
        if ((position !== undefined && position >= offset) || nowMs() >= deadlineMs) return told
        // oxlint-disable-next-line no-await-in-loop -- see above
        if (position === undefined) await sleep(Math.max(0, Math.min(MOVING_MS, deadlineMs - nowMs())))
      }
    },
    async end(topic, partition) {
      try {
        return (await options.log.bounds(topic, partition)).end
      } catch {
        throw unavailable(`the end of partition ${partition} of ${topic.name}`)
      }
    },
  }

  async function once(
    asked: Parameters<PositionWaits['wait']>[0] & { task: string },
  ): Promise<number | undefined> {
    const { task, partition } = asked
    const here = await waits.wait(asked)
    if (here !== undefined) return here
    try {
      return await askOwner(options, {
        call,
        partition,
        of: `the ${task} tasks`,
        owners: owners[task as Goal['task']],
        // Not here: it was asked above.
        has: () => false,
        here: () => 0,
        there: async (peer) => (await callPeer(peer.awaitPosition.bind(peer), asked, call)).position,
      })
    } catch (error) {
      if (error instanceof Refusal && error.code === status.UNAVAILABLE) return undefined
      throw error
    }
  }
}
