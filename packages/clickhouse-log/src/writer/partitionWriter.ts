/**
 * Drives one partition's log: does what PartitionLog says, and says how it went.
 *
 * Failures: ClickHouse or the coordinator away → the same step again with a growing pause, for ever; the partition
 * lost → it ends, and whoever owns it now repeats the open range. Only a bug throws.
 */
import {
  type LogStep,
  type Opening,
  PartitionLog,
  type RangeLimits,
  type ReadRecord,
  rangeLimits,
} from './partitionLog.ts'
import type { Clock, CommitOutcome, Committer, LogStore, StoreOutcome } from './ports.ts'
import { type RangePlace, intentMetadata, storedMetadata } from './range.ts'

/** First and longest pause between two tries, ms: quick over a hiccup, and no burden to a server that comes back. */
const FIRST_PAUSE_MS = 100
const LONGEST_PAUSE_MS = 5000

export interface PartitionWriterOptions {
  readonly place: RangePlace
  readonly opening: Opening
  readonly epoch: number
  readonly store: LogStore
  readonly committer: Committer
  readonly clock: Clock
  readonly observer: PartitionObserver
  readonly limits?: RangeLimits
}

/** What others want to know as it happens. */
export interface PartitionObserver {
  /** `oldestMs`: since the oldest of the records came into the topic, ms. */
  stored(records: number, unreadable: number, oldestMs: number): void
  quarantined(offset: number, reason: string): void
  /** Waiting for ClickHouse or the coordinator since a first failure; undefined when it works again. */
  waiting(reason: string | undefined): void
  /** Memory was freed: it may take more records. */
  drained(): void
}

export class PartitionWriter {
  readonly #options: PartitionWriterOptions
  readonly #log: PartitionLog
  readonly #stop = new AbortController()
  #wake = new AbortController()
  #waiting = false
  /** Committed: everything below is in ClickHouse. */
  #storedUpTo: number

  constructor(options: PartitionWriterOptions) {
    this.#options = options
    this.#log = new PartitionLog(options.opening, options.epoch, options.limits ?? rangeLimits)
    this.#storedUpTo = options.opening.position
  }

  get bufferedBytes(): number {
    return this.#log.bufferedBytes
  }

  get bufferedRecords(): number {
    return this.#log.bufferedRecords
  }

  /** Next offset it wants to read. */
  get position(): number {
    return this.#log.position
  }

  get storedUpTo(): number {
    return this.#storedUpTo
  }

  offer(records: readonly ReadRecord[], nextOffset: number): void {
    this.#log.offer(records, nextOffset, this.#options.clock.nowMs())
    this.#wake.abort()
  }

  /** The log lost what lay before `offset`. */
  skipTo(offset: number): void {
    this.#log.skipTo(offset)
  }

  /** Begins nothing new. A range that is declared is finished if that goes at once; else its next owner does it. */
  stop(): void {
    this.#stop.abort()
    this.#wake.abort()
  }

  async run(): Promise<'stopped' | 'lost'> {
    let pause = FIRST_PAUSE_MS
    for (;;) {
      const step = this.#log.next(this.#options.clock.nowMs())
      const stopping = this.#stop.signal.aborted
      if (stopping && (step.do === 'wait' || step.do === 'declare')) return 'stopped'
      if (step.do === 'wait') {
        await this.#wait(step.untilMs)
        continue
      }
      const outcome = await this.#take(step)
      if (outcome.kind === 'lost') return 'lost'
      if (outcome.kind === 'unavailable') {
        if (stopping) return 'stopped'
        this.#waiting = true
        this.#options.observer.waiting(outcome.reason)
        await this.#options.clock.sleep(pause, this.#stop.signal)
        pause = Math.min(pause * 2, LONGEST_PAUSE_MS)
        continue
      }
      pause = FIRST_PAUSE_MS
      if (this.#waiting) this.#options.observer.waiting(undefined)
      this.#waiting = false
    }
  }

  async #take(step: Exclude<LogStep, { do: 'wait' }>): Promise<CommitOutcome | StoreOutcome> {
    const { place, committer, store, observer } = this.#options
    const { range } = step
    switch (step.do) {
      case 'declare': {
        const metadata = intentMetadata({ epoch: range.epoch, last: range.last, gap: range.records[0]!.gap })
        const outcome = await committer.commit(range.first, metadata)
        if (outcome.kind === 'done') this.#log.declared()
        return outcome
      }
      case 'store': {
        const outcome = await store.store(place, range)
        if (outcome.kind === 'refused') this.#log.refused(outcome.reason)
        if (outcome.kind === 'stored') {
          this.#log.stored()
          const oldestMs = this.#options.clock.nowMs() - range.records[0]!.timestampMs
          observer.stored(range.records.length, outcome.unreadable, oldestMs)
        }
        return outcome
      }
      case 'quarantine': {
        const outcome = await store.quarantine(place, range, step.reason)
        if (outcome.kind === 'stored') {
          this.#log.stored()
          observer.quarantined(range.first, step.reason)
        }
        // The quarantine takes any bytes, so a refusal says something about the server, not about the record.
        return outcome.kind === 'refused' ? { kind: 'unavailable', reason: outcome.reason } : outcome
      }
      case 'close': {
        const { offset, stored } = step
        const outcome = await committer.commit(offset, offset === stored ? '' : storedMetadata(stored))
        if (outcome.kind === 'done') {
          this.#log.closed()
          this.#storedUpTo = stored
          observer.drained()
        }
        return outcome
      }
    }
  }

  async #wait(untilMs: number | undefined): Promise<void> {
    const { clock } = this.#options
    // Without a time it waits for records; a day is as good as for ever, and a timer can hold it.
    const ms = untilMs === undefined ? 86_400_000 : Math.max(untilMs - clock.nowMs(), 0)
    await clock.sleep(ms, this.#wake.signal)
    if (!this.#stop.signal.aborted) this.#wake = new AbortController()
  }
}
