/**
 * The resolver on a real LMDB store, batch by batch as its task runs it, without a broker: what is measured is resolving,
 * encoding and storing.
 */
import { readdir, stat } from 'node:fs/promises'
import { join } from 'node:path'
import { topics } from '@tributary/contracts'
import { EvidenceRecord } from '@tributary/contracts/generated/tributary/identity/v1/evidence'
import type { Evidence, Fact, ReadIdentityRows, Resolution, ResolverRules } from '@tributary/domain'
import { createLmdbStores } from '@tributary/state-lmdb'
import type { OutputRecord } from '@tributary/stream-runtime'
import { Batch } from '../../packages/stream-runtime/src/batch.ts'
import { EMPTY_META } from '../../packages/stream-runtime/src/taskMeta.ts'
import { viewStore } from '../../packages/stream-runtime/src/viewStore.ts'
import {
  evidenceMessage,
  factMessage,
  rulesMessage,
} from '../../services/identity-stitcher/src/evidenceMessages.ts'
import { readIdentityRows } from '../../services/identity-stitcher/src/resolver/identityTables.ts'
import { resolverTopology } from '../../services/identity-stitcher/src/resolver/resolverTopology.ts'

/** 500 records in a batch: what a busy task takes in one transaction. */
const RECORDS_PER_BATCH = 500

export interface ResolverOnLmdb {
  /** Resolves inputs and stores what came of them; gives what each batch sent. */
  feed(records: readonly Uint8Array[], recordsPerBatch?: number): void
  /** Carries a change of the rules out to its end. */
  tick(): void
  rows(): ReadIdentityRows
  readonly resolutions: Resolution[]
  readonly sent: OutputRecord[]
  /** Longest batch so far, ms; reading it begins anew. */
  takeLongestBatchMs(): number
  /** Bytes the store takes on the disk. */
  size(): Promise<number>
  close(): Promise<void>
}

export async function openResolverOnLmdb(
  directory: string,
  keep: { readonly results: boolean } = { results: true },
): Promise<ResolverOnLmdb> {
  const resolutions: Resolution[] = []
  const sent: OutputRecord[] = []
  const topology = resolverTopology({
    resolved: (_kind, resolution) => void (keep.results && resolutions.push(resolution)),
    passedOver(reason) {
      throw new Error(`the resolver passed a record over: ${reason}`)
    },
  })
  const store = await createLmdbStores({ directory }).open({ group: 'bench', partition: 0 })
  const processor = topology.create(0)
  const options = { topology, partition: 0, epoch: 1, counts: { identifier: 4, profile: 4, delivery: 4 }, store }
  let meta = EMPTY_META
  let offset = 0
  let longestMs = 0
  const run = (steps: (batch: Batch) => void): void => {
    const started = performance.now()
    const batch = new Batch({ ...options, meta })
    steps(batch)
    processor.endBatch?.(batch)
    const finished = batch.finish({ positions: { evidence: offset }, clockMs: 0, configurationOffset: null })
    store.write({ rows: finished.rows, ends: new Map(), asOfMs: 0 })
    meta = finished.meta
    if (keep.results) sent.push(...batch.sent)
    longestMs = Math.max(longestMs, performance.now() - started)
  }
  return {
    resolutions,
    sent,
    feed(records, recordsPerBatch = RECORDS_PER_BATCH) {
      for (let from = 0; from < records.length; from += recordsPerBatch)
        run((batch) => {
          for (const value of records.slice(from, from + recordsPerBatch))
            processor.step(batch, {
              kind: 'record',
              record: {
                topic: topics.evidence,
                partition: 0,
                offset: offset++,
                timestampMs: 0,
                key: null,
                value: Buffer.from(value.buffer, value.byteOffset, value.byteLength),
                headers: {},
              },
            })
        })
    },
    tick: () => run((batch) => processor.step(batch, { kind: 'tick', nowMs: 0 })),
    rows: () => readIdentityRows(viewStore(store, topology, 0)),
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
async function sizeOf(directory: string): Promise<number> {
  const names = await readdir(directory, { recursive: true })
  const sizes = await Promise.all(names.map(async (name) => (await stat(join(directory, name))).blocks * 512))
  return sizes.reduce((sum, each) => sum + each, 0)
}

export function evidenceInput(evidence: Evidence): Uint8Array {
  return encoded({ $case: 'evidence', value: evidenceMessage(evidence) })
}

export function factInput(fact: Fact): Uint8Array {
  return encoded({ $case: 'fact', value: factMessage(fact) })
}

export function rulesInput(rules: ResolverRules, configOffset: number): Uint8Array {
  return encoded({ $case: 'rules', value: rulesMessage(rules, configOffset) })
}

function encoded(record: NonNullable<EvidenceRecord['record']>): Uint8Array {
  return EvidenceRecord.encode({ record, stamp: undefined }).finish()
}
