/**
 * A task on a real LMDB store, batch by batch as the runtime runs it, without a broker: what is measured is its steps,
 * encoding and storing.
 */
import { readdir, stat } from 'node:fs/promises'
import { join } from 'node:path'
import type { TopicSpec } from '@tributary/contracts'
import { createLmdbStores } from '@tributary/state-lmdb'
import type { OutputRecord, ReadableRows, StateView, Topology } from '@tributary/stream-runtime'
import { Batch } from '../../packages/stream-runtime/src/batch.ts'
import { EMPTY_META } from '../../packages/stream-runtime/src/taskMeta.ts'
import { viewStore } from '../../packages/stream-runtime/src/viewStore.ts'

/** 500 records in a batch: what a busy task takes in one transaction. */
const RECORDS_PER_BATCH = 500
/** 20,000 records in a batch of strangers: some 100 MB of rows in memory, and pages are filled many rows at a time. */
const STRANGERS_PER_BATCH = 20_000

/** 7,919 is a prime: rows taken in steps of it come from everywhere, and each once. */
const STEP = 7_919

/** What strangers meet. */
const NOTHING: ReadableRows = { get: () => undefined, range: () => [] }

export interface TaskOnLmdb {
  /** Takes records of an input, in batches, and gives what they sent. */
  feed(topic: TopicSpec, values: readonly Uint8Array[]): readonly OutputRecord[]
  /**
   * The same for a world to begin with: records about nobody the store knows, and about nobody of another batch of
   * so many. Nothing is looked up, so a million is loaded quickly; what is stored is what `feed` would store. Rows are
   * written in no order, so that pages are as full as after many small writes.
   */
  load(topic: TopicSpec, values: readonly Uint8Array[]): readonly OutputRecord[]
  tick(): readonly OutputRecord[]
  view(): StateView
  /** Longest batch so far, ms; reading it begins anew. */
  takeLongestBatchMs(): number
  /** Every row of the store, in order. */
  dump(): Iterable<readonly [string, Uint8Array]>
  /** Bytes the store takes on the disk. */
  size(): Promise<number>
  close(): Promise<void>
}

export async function openTaskOnLmdb<X>(
  topology: Topology<unknown, X>,
  directory: string,
): Promise<TaskOnLmdb> {
  const store = await createLmdbStores({ directory }).open({ group: topology.name, partition: 0 })
  const processor = topology.create(0)
  const options = {
    topology,
    partition: 0,
    epoch: 1,
    counts: { identifier: 4, profile: 4, delivery: 4 },
    store,
  }
  let meta = EMPTY_META
  let offset = 0
  let longestMs = 0
  const run = (steps: (batch: Batch) => void, known: ReadableRows = store): readonly OutputRecord[] => {
    const started = performance.now()
    const batch = new Batch({ ...options, store: known, meta })
    steps(batch)
    processor.endBatch?.(batch)
    const finished = batch.finish({ positions: {}, clockMs: 0, configurationOffset: null })
    const rows = known === store ? finished.rows : scattered(finished.rows)
    store.write({ rows, ends: new Map(), asOfMs: 0 })
    meta = finished.meta
    longestMs = Math.max(longestMs, performance.now() - started)
    return batch.sent
  }
  const inBatches = (
    topic: TopicSpec,
    values: readonly Uint8Array[],
    { size, known }: { readonly size: number; readonly known: ReadableRows },
  ): readonly OutputRecord[] => {
    const sent: OutputRecord[] = []
    for (let from = 0; from < values.length; from += size) {
      const records = values.slice(from, from + size)
      const ofBatch = run((batch) => {
        for (const value of records)
          processor.step(batch, {
            kind: 'record',
            record: {
              topic,
              partition: 0,
              offset: offset++,
              timestampMs: 0,
              key: null,
              value: Buffer.from(value.buffer, value.byteOffset, value.byteLength),
              headers: {},
            },
          })
      }, known)
      for (const each of ofBatch) sent.push(each)
    }
    return sent
  }
  return {
    feed: (topic, values) => inBatches(topic, values, { size: RECORDS_PER_BATCH, known: store }),
    load: (topic, values) => inBatches(topic, values, { size: STRANGERS_PER_BATCH, known: NOTHING }),
    tick: () => run((batch) => processor.step(batch, { kind: 'tick', nowMs: 0 })),
    view: () => viewStore(store, topology, 0),
    takeLongestBatchMs() {
      const taken = longestMs
      longestMs = 0
      return taken
    },
    dump: () => store.dump(),
    size: () => sizeOf(directory),
    close: () => store.close(),
  }
}

function scattered<T>(all: readonly T[]): readonly T[] {
  if (all.length % STEP === 0) return all
  return all.map((_, n) => all[(n * STEP) % all.length]!)
}

/** Blocks used by the files below a folder: LMDB's file is sparse. */
export async function sizeOf(directory: string): Promise<number> {
  const names = await readdir(directory, { recursive: true })
  const sizes = await Promise.all(names.map(async (name) => (await stat(join(directory, name))).blocks * 512))
  return sizes.reduce((sum, each) => sum + each, 0)
}
