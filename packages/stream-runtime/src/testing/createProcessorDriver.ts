/**
 * Runs one task's processor without a log, a store or a clock: a service's unit tests drive it step by step and look
 * at what it sent and what its tables hold. Batches are put together by the same code as in a real task.
 */
import type { PartitionCounts, TopicSpec } from '@tributary/contracts'
import { Batch } from '../batch.ts'
import { checkTopology } from '../checkTopology.ts'
import type { LogRecord } from '../ports/log.ts'
import type { StateStore } from '../ports/store.ts'
import type {
  AdoptedConfiguration,
  Input,
  InputRecord,
  OutputRecord,
  Processor,
  ReadTable,
  StateView,
  TableSpec,
  Topology,
} from '../processor.ts'
import { replayChangeLog } from '../replayChangeLog.ts'
import { META_KEY } from '../rowKey.ts'
import { viewStore } from '../viewStore.ts'
import { decodeMeta, EMPTY_META, type TaskMeta } from '../taskMeta.ts'
import { createMemoryStore } from './createMemoryStore.ts'

export interface DriverOptions {
  readonly partition?: number
  readonly counts?: PartitionCounts
  readonly epoch?: number
}

/** What a test says of a record; the rest has defaults. */
export interface DrivenRecord {
  readonly key?: string | Buffer | null
  readonly value: Uint8Array | null
  /** One after the last of that topic when left out. */
  readonly offset?: number
  /** Time of the last tick, or 0, when left out. */
  readonly timestampMs?: number
  readonly headers?: InputRecord['headers']
}

export interface ProcessorDriver<C = unknown, X = never> {
  record(topic: TopicSpec, record: DrivenRecord): void
  /** The offset counts up from 0 when left out; the revision is the offset plus one. */
  configuration(value: C, offset?: number): void
  tick(nowMs: number): void
  inject(value: X): void
  /** Ends the batch: calls the processor's endBatch, commits, and gives everything the batch sent. */
  endBatch(): OutputRecord[]
  /** Committed rows of a table: what the change log would restore. */
  table<V>(spec: TableSpec<V>): ReadTable<V>
  view(): StateView
  /** Change-log records of all batches so far, as committed. */
  changeLog(): readonly LogRecord[]
  /** Loses the open batch and the store, restores from the change log, makes a new processor. */
  restart(): void
}

export function createProcessorDriver<C = unknown, X = never>(
  topology: Topology<C, X>,
  options: DriverOptions = {},
): ProcessorDriver<C, X> {
  checkTopology(topology)
  const partition = options.partition ?? 0
  const epoch = options.epoch ?? 1
  const counts = options.counts ?? { identifier: 4, profile: 4, delivery: 4 }
  const log: LogRecord[] = []
  const configurations = new Map<number, AdoptedConfiguration<C>>()
  let store: StateStore = createMemoryStore()
  let meta: TaskMeta = EMPTY_META
  let processor: Processor<C, X> = topology.create(partition)
  let moved = movedFrom(meta)
  let batch = newBatch()

  function newBatch(): Batch {
    return new Batch({ topology, partition, epoch, counts, store, meta })
  }
  function step(input: Input<C, X>): void {
    processor.step(batch, input)
  }

  return {
    record(topic, { key = null, value, offset, timestampMs, headers }) {
      if (!topology.inputs.some((input) => input.name === topic.name))
        throw new TypeError(`topology ${topology.name} has no input ${topic.name}`)
      const at = offset ?? moved.positions[topic.name] ?? 0
      moved.positions[topic.name] = at + 1
      const record: InputRecord = {
        topic,
        partition,
        offset: at,
        timestampMs: timestampMs ?? moved.clockMs,
        key: typeof key === 'string' ? Buffer.from(key) : key,
        value: value === null ? null : Buffer.from(value),
        headers: headers ?? {},
      }
      step({ kind: 'record', record })
    },
    configuration(value, offset = configurations.size) {
      const configuration = { offset, revision: offset + 1, value }
      configurations.set(offset, configuration)
      moved.configurationOffset = offset
      step({ kind: 'configuration', configuration })
    },
    tick(nowMs) {
      moved.clockMs = Math.max(moved.clockMs, nowMs)
      step({ kind: 'tick', nowMs: moved.clockMs })
    },
    inject: (value) => step({ kind: 'injected', value }),
    endBatch() {
      processor.endBatch?.(batch)
      const finished = batch.finish(moved)
      const sent = [...batch.sent]
      log.push(...finished.changeLog)
      store.write({ rows: finished.rows, ends: new Map(), asOfMs: 0 })
      meta = finished.meta
      batch = newBatch()
      return sent
    },
    table: (spec) => viewStore(store, topology, partition).table(spec),
    view: () => viewStore(store, topology, partition),
    changeLog: () => log,
    restart() {
      store = createMemoryStore()
      for (const spec of new Set(log.map((record) => record.topic)))
        for (const piece of replayChangeLog(spec, topology.metaLog, keyed(log, spec)))
          store.write({ ...piece, ends: new Map(), asOfMs: 0 })
      const saved = store.get(META_KEY)
      meta = saved ? decodeMeta(saved) : EMPTY_META
      moved = movedFrom(meta)
      processor = topology.create(partition)
      batch = newBatch()
      const adopted = configurations.get(meta.configurationOffset ?? -1)
      if (adopted) step({ kind: 'configuration', configuration: adopted })
    },
  }
}

function movedFrom(meta: TaskMeta) {
  return {
    positions: { ...meta.positions } as Record<string, number>,
    clockMs: meta.clockMs,
    configurationOffset: meta.configurationOffset,
  }
}

function keyed(log: readonly LogRecord[], spec: TopicSpec) {
  return log
    .filter((record) => record.topic.name === spec.name)
    .map(({ key, value }) => ({
      key: key === null ? null : Buffer.from(key),
      value: value === null ? null : Buffer.from(value),
    }))
}
