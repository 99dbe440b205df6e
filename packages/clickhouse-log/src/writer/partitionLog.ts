/**
 * What one partition's writer does next: pure, no clock, no client. The driver asks `next`, does it, and says how it
 * went; asked again without an answer it gives the same step, so a step that failed is simply done again.
 *
 *   reading ──cut──▶ declared? ──declared──▶ storing ──stored──▶ closing ──closed──▶ reading
 *      ▲                ▲                      │
 *      │                └──── first half ──────┤ refused, several records: the other half waits for its turn
 *      │                                       └ refused, one record: storing it in the quarantine
 *      └ opened with an intent: reads exactly that range again, then storing
 *
 * Invariants:
 *  P1. A range is declared before it is stored, and closed after; one range is open at a time.
 *  P2. A range that was declared is stored under the same first, last and epoch, whoever does it.
 *  P3. Every record that was read is in exactly one range, in the order of the offsets.
 *  P4. A refused record is set aside only when ClickHouse refused it alone.
 *  P5. The records of a range are of one month, so that ClickHouse stores it as one part: wholly or not at all.
 */
import type { LogRecord } from '../rows/logTable.ts'
import { clampMs } from '../rows/columnType.ts'
import type { Intent, Range } from './range.ts'

export interface RangeLimits {
  /** A range is cut at so many records … */
  readonly maxRecords: number
  /** … or when it would grow beyond so many bytes of keys and values … */
  readonly maxBytes: number
  /** … or when its first record has waited so long, ms. */
  readonly maxAgeMs: number
}

/**
 * ClickHouse wants large inserts: each makes a part, and parts have to be merged. 10,000 rows or a second keep them
 * few; 16 MiB keep memory bounded and stay far below the 256 MiB at which one insert becomes several blocks.
 */
export const rangeLimits: RangeLimits = { maxRecords: 10_000, maxBytes: 16 * 1024 * 1024, maxAgeMs: 1000 }

export type LogStep =
  /** Nothing to do before more records arrive, or the time comes. */
  | { readonly do: 'wait'; readonly untilMs: number | undefined }
  | { readonly do: 'declare'; readonly range: Range }
  | { readonly do: 'store'; readonly range: Range }
  /** The one record of the range, with the reason it was refused. */
  | { readonly do: 'quarantine'; readonly range: Range; readonly reason: string }
  /** Everything below `stored` is stored, and nothing more lies before `offset`. */
  | { readonly do: 'close'; readonly range: Range; readonly stored: number; readonly offset: number }

/** A record as it was read: the gap before it is worked out here. */
export type ReadRecord = Omit<LogRecord, 'gap'>

/** Where a partition's writer takes up. */
export interface Opening {
  /** Everything below is stored: what was committed, or one above the table's highest. */
  readonly position: number
  /** The range that was open, which starts at `position`. */
  readonly intent?: Intent
}

type Phase =
  | { at: 'reading' }
  | { at: 'declaring' | 'storing' | 'closing'; range: Range }
  | { at: 'quarantining'; range: Range; reason: string }

export class PartitionLog {
  readonly #limits: RangeLimits
  readonly #epoch: number
  #phase: Phase = { at: 'reading' }
  #position: number
  /** One past what was read, markers included. */
  #seen = 0
  #inherited: (Intent & { first: number }) | undefined
  #buffer: { record: LogRecord; readMs: number }[] = []
  /** Halves that wait for their turn, the next one last. */
  #halves: LogRecord[][] = []
  #bytes = 0

  constructor(opening: Opening, epoch: number, limits: RangeLimits = rangeLimits) {
    this.#position = opening.position
    if (opening.intent !== undefined) this.#inherited = { ...opening.intent, first: opening.position }
    this.#epoch = epoch
    this.#limits = limits
  }

  /** One past the last record it has, or was told is lost. */
  get position(): number {
    return this.#position
  }

  /** Bytes it holds, the open range included. */
  get bufferedBytes(): number {
    return this.#bytes
  }

  /** Records it holds, the open range included. */
  get bufferedRecords(): number {
    const open = this.#phase.at === 'reading' ? 0 : this.#phase.range.records.length
    return this.#buffer.length + open + this.#halves.reduce((sum, half) => sum + half.length, 0)
  }

  /** Records as they come, and where reading goes on after them; records it has already are left out. */
  offer(records: readonly ReadRecord[], nextOffset: number, nowMs: number): void {
    this.#seen = Math.max(this.#seen, nextOffset)
    for (const record of records) {
      if (record.offset < this.#position) continue
      const gap = record.offset - this.#position
      this.#buffer.push({ record: { ...record, gap }, readMs: nowMs })
      this.#bytes += sizeOf(record)
      this.#position = record.offset + 1
    }
  }

  /** What lay before `offset` and was not read is lost: no gap of the log, but one that the audit has to find. */
  skipTo(offset: number): void {
    this.#position = Math.max(this.#position, offset)
  }

  next(nowMs: number): LogStep {
    const phase = this.#phase
    switch (phase.at) {
      case 'reading': {
        const cut = this.#inherited === undefined ? this.#cut(nowMs) : this.#inherit(this.#inherited)
        return cut ?? { do: 'wait', untilMs: this.#dueMs() }
      }
      case 'declaring':
        return { do: 'declare', range: phase.range }
      case 'storing':
        return { do: 'store', range: phase.range }
      case 'quarantining':
        return { do: 'quarantine', range: phase.range, reason: phase.reason }
      case 'closing': {
        const stored = phase.range.last + 1
        const isLast = this.#buffer.length === 0 && this.#halves.length === 0
        return {
          do: 'close',
          range: phase.range,
          stored,
          offset: isLast ? Math.max(stored, this.#seen) : stored,
        }
      }
    }
  }

  declared(): void {
    this.#phase = { at: 'storing', range: this.#open('declaring') }
  }

  /** In its table, or in the quarantine. */
  stored(): void {
    this.#phase = { at: 'closing', range: this.#open('storing', 'quarantining') }
  }

  /** ClickHouse has read the rows and will not take them. */
  refused(reason: string): void {
    const range = this.#open('storing')
    if (range.records.length <= 1) {
      this.#phase = { at: 'quarantining', range, reason }
      return
    }
    const middle = Math.ceil(range.records.length / 2)
    this.#halves.push(range.records.slice(middle))
    this.#phase = { at: 'declaring', range: rangeOf(range.records.slice(0, middle), range.epoch) }
  }

  closed(): void {
    const range = this.#open('closing')
    for (const record of range.records) this.#bytes -= sizeOf(record)
    this.#phase = { at: 'reading' }
  }

  #cut(nowMs: number): LogStep | undefined {
    const half = this.#halves.pop()
    const records = half ?? this.#take(nowMs)
    if (records === undefined) return undefined
    const range = rangeOf(records, this.#epoch)
    this.#phase = { at: 'declaring', range }
    return { do: 'declare', range }
  }

  /** The records of the next range, when it is full or old enough. */
  #take(nowMs: number): LogRecord[] | undefined {
    const first = this.#buffer[0]
    if (first === undefined) return undefined
    const { maxRecords, maxBytes, maxAgeMs } = this.#limits
    const month = monthOf(first.record)
    let count = 0
    let bytes = 0
    let full = false
    for (const { record } of this.#buffer) {
      bytes += sizeOf(record)
      // A single record may be larger than the limit; it is then a range of its own.
      if (count === maxRecords || (count > 0 && bytes > maxBytes) || monthOf(record) !== month) {
        full = true
        break
      }
      count++
    }
    if (!full && count < maxRecords && nowMs - first.readMs < maxAgeMs) return undefined
    return this.#buffer.splice(0, count).map(({ record }) => record)
  }

  /**
   * The very range the last owner declared (P2): complete once a record at or beyond its end was read. It keeps its
   * name even if the log has lost its first records meanwhile: had it been stored, it must not be stored again.
   */
  #inherit(intent: Intent & { first: number }): LogStep | undefined {
    const end = this.#buffer.findIndex(({ record }) => record.offset >= intent.last)
    if (end === -1) return undefined
    const size = this.#buffer[end]!.record.offset === intent.last ? end + 1 : end
    const records = this.#buffer.splice(0, size).map(({ record }) => record)
    this.#inherited = undefined
    if (records.length === 0) return undefined
    const { epoch, first, last } = intent
    // Read from its own offset, the first record shows no gap; unless that record is lost, it had this one.
    if (records[0]!.offset === first) records[0] = { ...records[0]!, gap: intent.gap }
    const range = { epoch, first, last, records }
    this.#phase = { at: 'storing', range }
    return { do: 'store', range }
  }

  #dueMs(): number | undefined {
    const first = this.#buffer[0]
    return first === undefined || this.#inherited !== undefined
      ? undefined
      : first.readMs + this.#limits.maxAgeMs
  }

  #open(...allowed: Phase['at'][]): Range {
    const phase = this.#phase
    if (phase.at === 'reading' || !allowed.includes(phase.at)) {
      throw new Error(`partition log is ${phase.at}, expected ${allowed.join(' or ')}`)
    }
    return phase.range
  }
}

function rangeOf(records: readonly LogRecord[], epoch: number): Range {
  return { epoch, first: records[0]!.offset, last: records.at(-1)!.offset, records }
}

/** What a record costs in memory, bytes, about: 100 for the objects around its key and value. */
function sizeOf(record: ReadRecord): number {
  return 100 + (record.key?.length ?? 0) + (record.value?.length ?? 0)
}

/** Months since year 0 of the row's partition in ClickHouse. */
function monthOf(record: LogRecord): number {
  const date = new Date(clampMs(record.timestampMs))
  return date.getUTCFullYear() * 12 + date.getUTCMonth()
}
