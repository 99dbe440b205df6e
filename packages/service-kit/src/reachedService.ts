/**
 * ReachedService: how far the tasks of this instance have read. Never asks on.
 *
 *  R1. A position is told only when the state that is shown includes everything below it, so one that was once told
 *      stays true whoever owns the partition afterwards.
 *  R2. Whoever waits costs one entry of a set; one timer serves all.
 */
import {
  type AwaitPositionRequest,
  type AwaitPositionResponse,
  type ReachedServiceServer,
  ReachedServiceService,
} from '@tributary/contracts/generated/tributary/ingest/v1/reached'
import { status } from '@grpc/grpc-js'
import { Refusal, answering, unavailable } from './grpcRefusal.ts'
import { type GrpcService, grpcService } from './grpcServer.ts'
import type { Logger } from './logger.ts'

/** Below the 2 s after which a peer that says nothing is taken to be gone. */
export const MAX_POSITION_WAIT_MS = 1_000
/** Between two looks while somebody waits, ms: a small part of the tens of ms that a commit takes. */
const LOOK_MS = 5

/** Next offset to read of an input; undefined: the task does not run here. */
export type ReadPosition = (task: string, partition: number, topic: string) => number | undefined

export interface PositionWaits {
  /** The position when it is at least `offset`, when `waitMs` are over, or when the task is not here (undefined). */
  wait(asked: Omit<AwaitPositionRequest, '$type'>): Promise<number | undefined>
}

interface Waiter {
  readonly look: () => boolean
}

export function createPositionWaits(read: ReadPosition, nowMs: () => number = Date.now): PositionWaits {
  const waiters = new Set<Waiter>()
  let timer: NodeJS.Timeout | undefined

  function lookAll(): void {
    for (const waiter of waiters) if (waiter.look()) waiters.delete(waiter)
    timer = waiters.size > 0 ? setTimeout(lookAll, LOOK_MS) : undefined
  }

  return {
    wait({ task, partition, topic, offset, waitMs }) {
      const untilMs = nowMs() + Math.min(waitMs, MAX_POSITION_WAIT_MS)
      return new Promise((resolve) => {
        const look = (): boolean => {
          const position = read(task, partition, topic)
          const done = position === undefined || position >= offset || nowMs() >= untilMs
          if (done) resolve(position)
          return done
        }
        if (look()) return
        waiters.add({ look })
        timer ??= setTimeout(lookAll, LOOK_MS)
      })
    },
  }
}

export function createReachedService(waits: PositionWaits, logger: Logger): GrpcService {
  const implementation: ReachedServiceServer = {
    awaitPosition: answering<AwaitPositionRequest, AwaitPositionResponse>(logger, async (asked) => {
      if (asked.task === '' || asked.topic === '')
        throw new Refusal(status.INVALID_ARGUMENT, 'name the task and the topic it reads')
      const position = await waits.wait(asked)
      if (position === undefined) throw unavailable(`partition ${asked.partition} of the ${asked.task} tasks`)
      return { position }
    }),
  }
  return grpcService(ReachedServiceService, implementation)
}
