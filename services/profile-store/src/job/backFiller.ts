/**
 * Counts what the log has from before an adoption, and sends it to the tasks, while events flow: the `fill` of a job.
 *
 *  K1. Nothing begins before the log has all of a partition below its adoption (FoldedEvents.hasAll): until then it is
 *      asked again. ClickHouse being away only delays the job; what was in force stays in force.
 *  K2. Each lot is durable in the events topic before the job hears of it. A crash between the two sends it again, and
 *      a fill counts once; so does a former owner of the job task that still sends.
 *  K3. Memory: one anchor's aggregates, one lot of records, and what ClickHouse has sent ahead.
 */
import { type FoldedEvents } from '@tributary/clickhouse-log'
import { type StateView } from '@tributary/stream-runtime'
import { FillFold, type FilledAnchor, fillRecord, planFill } from './fills.ts'
import { type Sent } from './jobProcessor.ts'
import { type PartitionFill, type RunningJob, runningRows } from './jobRows.ts'

/** Records and bytes of one lot: a send of some megabytes at most, and a resume repeats no more. */
const MAX_RECORDS = 500
const MAX_BYTES = 1_000_000

export interface BackFillPorts {
  /** Committed state of the job task; undefined where it does not run. */
  readonly view: () => StateView | undefined
  readonly log: FoldedEvents
  /** Resolves when all are durable in the events topic. */
  readonly send: (records: readonly { partition: number; value: Uint8Array }[]) => Promise<unknown>
  /** False when the task has moved on to another owner. */
  readonly inject: (sent: Sent) => boolean
  /** Something failed; it is tried again with the next wake. */
  readonly onFailure: (error: Error) => void
}

export interface BackFiller {
  /** There may be something to fill. */
  wake(): void
  /** Resolves when nothing is under way. */
  stop(): Promise<void>
}

export function createBackFiller(ports: BackFillPorts): BackFiller {
  const { view, log, send, inject, onFailure } = ports
  let stopped = false
  let running: Promise<void> | undefined
  /** Job and partition told to be done, perhaps not committed yet. */
  let told = new Set<string>()

  function current(): RunningJob | undefined {
    const job = view()?.table(runningRows).get('running')
    return job?.phase === 'fill' ? job : undefined
  }

  async function fillAll(): Promise<void> {
    const job = current()
    if (!job) {
      told = new Set()
      return
    }
    for (const [partition, fill] of Object.entries(job.fills)) {
      if (stopped) return
      if (fill.done || told.has(`${job.job}|${partition}`)) continue
      // oxlint-disable-next-line no-await-in-loop -- one partition after the other
      if (!(await fillPartition(job, Number(partition), fill))) return
    }
  }

  /** False when the job is no longer here. */
  async function fillPartition(job: RunningJob, partition: number, fill: PartitionFill): Promise<boolean> {
    const plan = planFill(job, fill)
    const reached = (after: string, done: boolean) =>
      inject({ filled: { job: job.job, partition, after, done } })
    if (plan.owned.length > 0) {
      const offset = Math.max(...Object.values(fill.below))
      const writer = `fragment-${partition}`
      if (!(await log.hasAll({ partition, offset, writer, skipped: fill.skipped }))) return true
      const { names, below } = plan
      const fold = new FillFold(plan)
      const lot = new Lot(job.job, partition)
      for await (const events of log.read({ partition, below, names, after: fill.after })) {
        for (const event of events) {
          lot.add(fold.take(event))
          if (!lot.isFull) continue
          // oxlint-disable-next-line no-await-in-loop -- one lot after the other
          await send(lot.records)
          if (stopped || !reached(lot.after, false)) return false
          lot.clear()
        }
      }
      lot.add(fold.end())
      if (lot.records.length > 0) await send(lot.records)
    }
    if (stopped || !reached('', true)) return false
    told.add(`${job.job}|${partition}`)
    return true
  }

  return {
    wake() {
      if (stopped || running) return
      running = fillAll()
        .catch((error: unknown) => onFailure(error instanceof Error ? error : new Error(String(error))))
        .finally(() => (running = undefined))
    },
    async stop() {
      stopped = true
      await running
    },
  }
}

/** Records that are sent together. */
class Lot {
  readonly #job: number
  readonly #partition: number
  #bytes = 0
  records: { partition: number; value: Uint8Array }[] = []
  /** The last anchor in it. */
  after = ''

  constructor(job: number, partition: number) {
    this.#job = job
    this.#partition = partition
  }

  get isFull(): boolean {
    return this.records.length >= MAX_RECORDS || this.#bytes >= MAX_BYTES
  }

  add(filled: FilledAnchor | undefined): void {
    if (!filled) return
    const value = fillRecord(this.#job, filled)
    this.#bytes += value.length
    this.records.push({ partition: this.#partition, value })
    this.after = filled.anchor
  }

  clear(): void {
    this.#bytes = 0
    this.records = []
  }
}
