/**
 * A task on a real LMDB store, batch by batch as the runtime runs it, without a broker: what is measured is its steps,
 * encoding and storing.
 */
import { readdir, stat } from 'node:fs/promises'
import { join } from 'node:path'
import type { TopicSpec } from '@tributary/contracts'
import { createLmdbStores } from '@tributary/state-lmdb'
import type { OutputRecord, StateView, Topology } from '@tributary/stream-runtime'
import { Batch } from '../../packages/stream-runtime/src/batch.ts'
import { EMPTY_META } from '../../packages/stream-runtime/src/taskMeta.ts'
import { viewStore } from '../../packages/stream-runtime/src/viewStore.ts'

/** 500 records in a batch: what a busy task takes in one transaction. */
const RECORDS_PER_BATCH = 500

export interface TaskOnLmdb {
  /** Takes records of an input, in batches, and gives what they sent. */
  feed(topic: TopicSpec, values: readonly Uint8Array[]): readonly OutputRecord[]
  tick(): readonly OutputRecord[]
  view(): StateView
  /** Longest batch so far, ms; reading it begins anew. */
  takeLongestBatchMs(): number
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
  const run = (steps: (batch: Batch) => void): readonly OutputRecord[] => {
    const started = performance.now()
    const batch = new Batch({ ...options, meta })
    steps(batch)
    processor.endBatch?.(batch)
    const finished = batch.finish({ positions: {}, clockMs: 0, configurationOffset: null })
    store.write({ rows: finished.rows, ends: new Map(), asOfMs: 0 })
    meta = finished.meta
    longestMs = Math.max(longestMs, performance.now() - started)
    return batch.sent
  }
  return {
    feed(topic, values) {
      const sent: OutputRecord[] = []
      for (let from = 0; from < values.length; from += RECORDS_PER_BATCH) {
        const records = values.slice(from, from + RECORDS_PER_BATCH)
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
        })
        for (const each of ofBatch) sent.push(each)
      }
      return sent
    },
    tick: () => run((batch) => processor.step(batch, { kind: 'tick', nowMs: 0 })),
    view: () => viewStore(store, topology, 0),
    takeLongestBatchMs() {
      const taken = longestMs
      longestMs = 0
      return taken
    },
    size: () => sizeOf(directory),
    close: () => store.close(),
  }
}

/** Blocks used by the files below a folder: LMDB's file is sparse. */
export async function sizeOf(directory: string): Promise<number> {
  const names = await readdir(directory, { recursive: true })
  const sizes = await Promise.all(names.map(async (name) => (await stat(join(directory, name))).blocks * 512))
  return sizes.reduce((sum, each) => sum + each, 0)
}
