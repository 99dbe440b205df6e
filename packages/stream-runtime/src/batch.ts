/**
 * One batch of steps: gathers what they send and change, and makes of it the records of one transaction and the
 * write to the local store that follows the commit.
 *
 * Invariants:
 *  M1. The records of a batch are a function of the state before it and of its inputs.
 *  M2. Numbers of a target partition go on without a gap: they are taken from meta and given back to it.
 *  M3. A restored store equals the lost one: whatever the write does, the change-log records do.
 */
import { appendStamp, type PartitionCounts, type TopicSpec } from '@tributary/contracts'
import { ChangeBuffer } from './changeBuffer.ts'
import type { LogRecord } from './ports/log.ts'
import type { ReadableRows, RowChange } from './ports/store.ts'
import type { OutputRecord, StepContext, Table, TableSpec, Topology } from './processor.ts'
import { routeOutput } from './routeOutput.ts'
import { FLOOR_PREFIX, META_KEY, tableEnd, tableStart } from './rowKey.ts'
import type { ChangedRow } from './tableBuffer.ts'
import { encodeMeta, sequenceKey, type TaskMeta } from './taskMeta.ts'

export interface BatchOptions {
  readonly topology: Pick<Topology, 'name' | 'tables' | 'metaLog'>
  readonly partition: number
  readonly epoch: number
  readonly counts: PartitionCounts
  readonly store: ReadableRows
  readonly meta: TaskMeta
}

/** A batch that is ready to be committed. */
export interface FinishedBatch {
  readonly outputs: readonly LogRecord[]
  /** Change log and meta. */
  readonly changeLog: readonly LogRecord[]
  readonly rows: readonly RowChange[]
  readonly meta: TaskMeta
}

export class Batch implements StepContext {
  readonly partition: number
  readonly epoch: number
  readonly #options: BatchOptions
  readonly #buffer: ChangeBuffer
  /** By identity: steps ask for the same few specs again and again. */
  readonly #tables = new Map<unknown, unknown>()
  readonly #sequences: Record<string, number>
  readonly #sent: OutputRecord[] = []
  readonly #outputs: LogRecord[] = []
  #sentBytes = 0
  #hasMoreToDo = false

  constructor(options: BatchOptions) {
    this.#options = options
    this.partition = options.partition
    this.epoch = options.epoch
    this.#buffer = new ChangeBuffer(options.store)
    this.#sequences = { ...options.meta.sequences }
  }

  /** Whether a commit would make anything visible besides positions. */
  get hasEffects(): boolean {
    return this.#outputs.length > 0 || this.#buffer.size > 0
  }

  get hasMoreToDo(): boolean {
    return this.#hasMoreToDo
  }

  get sentBytes(): number {
    return this.#sentBytes
  }

  /** As the processor sent them, in order. */
  get sent(): readonly OutputRecord[] {
    return this.#sent
  }

  table<V>(spec: TableSpec<V>): Table<V> {
    const opened = this.#tables.get(spec)
    if (opened) return opened as Table<V>
    if (!this.#options.topology.tables.some((each) => each.name === spec.name))
      throw new TypeError(`topology ${this.#options.topology.name} has no table "${spec.name}": declare it`)
    const table = this.#buffer.table(spec)
    this.#tables.set(spec, table)
    return table
  }

  moreToDo(): void {
    this.#hasMoreToDo = true
  }

  nextSeq(topic: TopicSpec, partition: number): number {
    return (this.#sequences[sequenceKey(topic.name, partition)] ?? 0) + 1
  }

  send(record: OutputRecord): void {
    const partition = routeOutput(record, this.#options.counts)
    // A null cannot carry a stamp, so it takes no number of a stamped topic.
    const stamped = record.topic.stamped === true && record.value !== null
    const seq = this.nextSeq(record.topic, partition)
    if (stamped || record.topic.stamped !== true)
      this.#sequences[sequenceKey(record.topic.name, partition)] = seq
    const value =
      stamped && record.value
        ? appendStamp(record.value, { epoch: this.epoch, writer: writerName(this.#options), seq })
        : record.value
    this.#sent.push(record)
    this.#outputs.push({
      topic: record.topic,
      partition,
      key: record.key,
      value,
      ...(record.headers === undefined ? {} : { headers: record.headers }),
    })
    this.#sentBytes += (value?.length ?? 0) + (record.key?.length ?? 0)
  }

  /** `moved` is what the batch decided besides its records: positions, clock, configuration. */
  finish(moved: Pick<TaskMeta, 'positions' | 'clockMs' | 'configurationOffset'>): FinishedBatch {
    const { topology, meta: before } = this.#options
    const meta: TaskMeta = {
      transaction: before.transaction + 1,
      positions: { ...before.positions, ...moved.positions },
      clockMs: Math.max(before.clockMs, moved.clockMs),
      configurationOffset: moved.configurationOffset,
      sequences: this.#sequences,
    }
    const changed = this.#buffer.changed()
    const floors = this.#floors(changed)
    const changeLog: LogRecord[] = []
    const rows: RowChange[] = []
    for (const [spec, key] of floors)
      changeLog.push(this.#logRecord(spec.changeLog, `${FLOOR_PREFIX}${spec.name}`, Buffer.from(key)))
    for (const { spec, key, row, value } of changed) {
      rows.push({ key: row, value })
      if (!(value === null && underFloor(floors, spec, key)))
        changeLog.push(this.#logRecord(spec.changeLog, row, value))
    }
    const encodedMeta = encodeMeta(meta)
    changeLog.push(this.#logRecord(topology.metaLog, META_KEY, encodedMeta))
    rows.push({ key: META_KEY, value: encodedMeta })
    return { outputs: this.#outputs, changeLog, rows, meta }
  }

  #logRecord(topic: TopicSpec, key: string, value: Uint8Array | null): LogRecord {
    return { topic, partition: this.partition, key, value }
  }

  /**
   * Tables with a time-kept change log expire from their smallest row upwards. One floor record then says what
   * thousands of nulls would; it is read back in its place in the log, so rows put later below it are kept.
   */
  #floors(changed: readonly ChangedRow[]): Map<TableSpec<unknown>, string> {
    const floors = new Map<TableSpec<unknown>, string>()
    const deleted = new Set<string>()
    for (const { spec, row, value } of changed)
      if (value === null && spec.changeLog.cleanUp === 'delete') deleted.add(row)
    if (deleted.size === 0) return floors
    for (const spec of new Set(changed.map((each) => each.spec))) {
      const from = tableStart(spec.name)
      for (const [row] of this.#options.store.range(from, tableEnd(spec.name))) {
        if (!deleted.has(row)) break
        floors.set(spec, row.slice(from.length))
      }
    }
    return floors
  }
}

function underFloor(floors: Map<TableSpec<unknown>, string>, spec: TableSpec<unknown>, key: string): boolean {
  const floor = floors.get(spec)
  return floor !== undefined && Buffer.compare(Buffer.from(key), Buffer.from(floor)) <= 0
}

/** Names the task in the stamps of its records. */
function writerName({ topology, partition }: Pick<BatchOptions, 'topology' | 'partition'>): string {
  return `${topology.name}-${partition}`
}
