/**
 * Sends the control records for the events topic, which is written without transactions: after they are committed to
 * the outbox, by an ordinary producer, and then tells the task that they are out. A crash between the two sends them
 * again; the first of two counts for those who read them.
 */
import { type StateView } from '@tributary/stream-runtime'
import { type Sent, outboxPartition } from './jobProcessor.ts'
import { outboxRows } from './jobRows.ts'

/** Control records of one send; a job of a hundred documents on 64 partitions is a few of these. */
const MAX_RECORDS_PER_SEND = 500

/** There is one job task. */
const JOB_PARTITION = 0

export interface OutboxPorts {
  /** Committed state of the job task; undefined where it does not run. */
  readonly view: () => StateView | undefined
  /** Resolves when all are durable. */
  readonly send: (records: readonly { partition: number; value: Uint8Array }[]) => Promise<unknown>
  readonly inject: (sent: Sent) => boolean
  /** The send failed for good; called at most once per call of `wake`. */
  readonly onFailure: (error: Error) => void
}

export interface OutboxSender {
  /** There may be something to send. */
  wake(): void
  /**
   * The partitions of the job task that this process owns now. What was told to a task that went elsewhere may have
   * gone with it before it was committed; should the task come back, it is sent again.
   */
  assigned(partitions: readonly number[]): void
  /** Resolves when nothing is under way. */
  stop(): Promise<void>
}

export function createOutboxSender({ view, send, inject, onFailure }: OutboxPorts): OutboxSender {
  let stopped = false
  let running: Promise<void> | undefined
  /** Keys that are sent, until their rows are gone: not to be sent again by the next wake. */
  const told = new Set<string>()

  async function sendAll(): Promise<void> {
    for (;;) {
      const rows = [...(view()?.table(outboxRows).range('', '~') ?? [])]
      const present = new Set(rows.map(([key]) => key))
      for (const key of told) if (!present.has(key)) told.delete(key)
      const next = rows.filter(([key]) => !told.has(key)).slice(0, MAX_RECORDS_PER_SEND)
      if (stopped || next.length === 0) return
      await send(next.map(([key, value]) => ({ partition: outboxPartition(key), value })))
      const sent = next.map(([key]) => key)
      // Not taken: the task has moved on to another owner, which sends them again.
      if (!inject({ sent })) return
      for (const key of sent) told.add(key)
    }
  }

  return {
    wake() {
      if (stopped || running) return
      running = sendAll()
        .catch((error: unknown) => onFailure(error instanceof Error ? error : new Error(String(error))))
        .finally(() => (running = undefined))
    },
    assigned(partitions) {
      if (!partitions.includes(JOB_PARTITION)) told.clear()
    },
    async stop() {
      stopped = true
      await running
    },
  }
}
