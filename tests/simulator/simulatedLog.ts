/**
 * The log of a simulated world: offsets, transactions with markers, fencing, compaction. It answers at once; what a
 * process sees of it, with delays and losses, is processPorts.ts.
 *
 * Each switch of `LogGuards` takes one promise away, so that the simulator can be shown to notice.
 */
import type { TopicSpec } from '@tributary/contracts'
import { type LogRecord, type ReadRecord, RuntimeFault, type SentTo } from '@tributary/stream-runtime'

export interface LogGuards {
  /** A newer session refuses the writes of the older ones. */
  readonly fencing: boolean
  /** Opening a session aborts what the last one left open. */
  readonly abortsLeftOvers: boolean
  /** Readers do not see aborted records. */
  readonly hidesAborted: boolean
}

export const allLogGuards: LogGuards = { fencing: true, abortsLeftOvers: true, hidesAborted: true }

export interface CommittedRecord extends LogRecord {
  readonly offset: number
  readonly timestampMs: number
}

interface Transaction {
  readonly id: string
  readonly sinceMs: number
  state: 'open' | 'committed' | 'aborted'
  readonly records: CommittedRecord[]
  readonly touched: Set<Partition>
}

interface Entry {
  /** Undefined for a marker, and for what compaction has removed. */
  record: ReadRecord | undefined
  readonly transaction: Transaction | undefined
  /** Of a null: when the cleaner may take it, set when it first goes past. */
  goesAtMs?: number
}

interface Partition {
  readonly topic: TopicSpec
  readonly partition: number
  readonly entries: Entry[]
  /** Everything below is decided. */
  stable: number
}

/** A transactional producer, without anything that could go wrong on the way to it. */
export interface LogSession {
  send(records: readonly LogRecord[]): readonly SentTo[]
  commit(): void
}

/** The broker ends a transaction that has been open for so long, ms. */
const TRANSACTION_TIMEOUT_MS = 15_000

export class SimulatedLog {
  readonly #now: () => number
  readonly #guards: LogGuards
  readonly #onCommitted: (id: string, records: readonly CommittedRecord[]) => void
  readonly #topics = new Map<string, Partition[]>()
  readonly #epochs = new Map<string, number>()
  readonly #open = new Map<string, Transaction>()
  readonly #listeners = new Set<() => void>()

  constructor(options: {
    readonly now: () => number
    readonly guards: LogGuards
    readonly onCommitted: (id: string, records: readonly CommittedRecord[]) => void
  }) {
    this.#now = options.now
    this.#guards = options.guards
    this.#onCommitted = options.onCommitted
  }

  openSession(id: string): LogSession {
    const epoch = (this.#epochs.get(id) ?? 0) + 1
    this.#epochs.set(id, epoch)
    if (this.#guards.abortsLeftOvers) this.#end(id, 'aborted')
    const check = () => {
      if (this.#guards.fencing && this.#epochs.get(id) !== epoch)
        throw new RuntimeFault('fenced', `${id} has a newer owner`)
    }
    return {
      send: (records) => {
        check()
        return this.#send(id, records)
      },
      commit: () => {
        check()
        this.#end(id, 'committed')
      },
    }
  }

  #send(id: string, records: readonly LogRecord[]): SentTo[] {
    let transaction = this.#open.get(id)
    if (!transaction)
      this.#open.set(
        id,
        (transaction = { id, sinceMs: this.#now(), state: 'open', records: [], touched: new Set() }),
      )
    const sent = new Map<Partition, SentTo>()
    for (const record of records) {
      const partition = this.#partition(record.topic, record.partition)
      const stored = this.#stored(record, partition.entries.length)
      partition.entries.push({ record: stored, transaction })
      transaction.touched.add(partition)
      transaction.records.push({ ...record, offset: stored.offset, timestampMs: stored.timestampMs })
      sent.set(partition, { topic: record.topic, partition: record.partition, lastOffset: stored.offset })
    }
    return [...sent.values()]
  }

  #end(id: string, state: 'committed' | 'aborted'): void {
    const transaction = this.#open.get(id)
    if (!transaction) return
    this.#open.delete(id)
    transaction.state = state
    for (const partition of transaction.touched)
      partition.entries.push({ record: undefined, transaction: undefined })
    if (state === 'committed') this.#onCommitted(id, transaction.records)
    this.#changed()
  }

  /** What nobody has ended for too long is aborted, and its owner fenced. */
  endOverdue(): void {
    for (const [id, { sinceMs }] of this.#open)
      if (this.#now() - sinceMs > TRANSACTION_TIMEOUT_MS) {
        this.#epochs.set(id, (this.#epochs.get(id) ?? 0) + 1)
        this.#end(id, 'aborted')
      }
  }

  /** A plain record, as a producer outside transactions writes it. */
  append(
    topic: TopicSpec,
    partition: number,
    record: { readonly key: string | null; readonly value: Uint8Array | null },
  ): number {
    const { entries } = this.#partition(topic, partition)
    entries.push({ record: this.#stored(record, entries.length), transaction: undefined })
    this.#changed()
    return entries.length - 1
  }

  end(topic: TopicSpec, partition: number): number {
    return this.#partition(topic, partition).entries.length
  }

  /** Next offset that readers of committed records may not pass. */
  stableEnd(topic: TopicSpec, partition: number): number {
    return stableEnd(this.#partition(topic, partition))
  }

  /** Committed records with from ≤ offset < to. */
  read(topic: TopicSpec, partition: number, from: number, to: number): ReadRecord[] {
    const { entries } = this.#partition(topic, partition)
    const records: ReadRecord[] = []
    for (let offset = from; offset < to; offset++) {
      const { record, transaction } = entries[offset]!
      if (record && (transaction?.state !== 'aborted' || !this.#guards.hidesAborted)) records.push(record)
    }
    return records
  }

  all(topic: TopicSpec, partition: number): ReadRecord[] {
    return this.read(topic, partition, 0, this.stableEnd(topic, partition))
  }

  /**
   * What the cleaner does below an offset: of each key the last committed record stays. A null goes as well when it is
   * kept no longer: that time begins when the cleaner first goes past it, so whoever reads on sees it.
   */
  compact(topic: TopicSpec, partition: number, below: number): void {
    const { entries } = this.#partition(topic, partition)
    const to = Math.min(below, this.stableEnd(topic, partition))
    const last = new Map<string, number>()
    for (const { key, offset } of this.read(topic, partition, 0, to)) last.set(key?.toString() ?? '', offset)
    for (let offset = 0; offset < to; offset++) {
      const entry = entries[offset]!
      if (!entry.record) continue
      const { key, value } = entry.record
      const isLast = entry.transaction?.state !== 'aborted' && last.get(key?.toString() ?? '') === offset
      if (value === null) entry.goesAtMs ??= this.#now() + (topic.tombstoneRetentionMs ?? Infinity)
      if (!isLast || (entry.goesAtMs !== undefined && this.#now() > entry.goesAtMs)) entry.record = undefined
    }
  }

  onChange(listener: () => void): () => void {
    this.#listeners.add(listener)
    return () => this.#listeners.delete(listener)
  }

  /** Entries of all partitions: what grows while anything goes on. */
  size(): number {
    let size = 0
    for (const partitions of this.#topics.values())
      for (const { entries } of partitions) size += entries.length
    return size
  }

  partitions(): { readonly topic: TopicSpec; readonly partition: number }[] {
    return [...this.#topics.values()].flat().map(({ topic, partition }) => ({ topic, partition }))
  }

  #partition(topic: TopicSpec, partition: number): Partition {
    let partitions = this.#topics.get(topic.name)
    if (!partitions) this.#topics.set(topic.name, (partitions = []))
    while (partitions.length <= partition)
      partitions.push({ topic, partition: partitions.length, entries: [], stable: 0 })
    return partitions[partition]!
  }

  #stored(record: Pick<LogRecord, 'key' | 'value' | 'headers'>, offset: number): ReadRecord {
    return {
      offset,
      timestampMs: this.#now(),
      key: record.key === null ? null : Buffer.from(record.key),
      value: record.value === null ? null : Buffer.from(record.value),
      headers: record.headers ?? {},
    }
  }

  #changed(): void {
    for (const listener of this.#listeners) listener()
  }
}

function stableEnd(partition: Partition): number {
  const { entries } = partition
  while (partition.stable < entries.length && entries[partition.stable]!.transaction?.state !== 'open')
    partition.stable++
  return partition.stable
}
