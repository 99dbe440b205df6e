/**
 * Brings a task's local store level with its change logs.
 *
 * Invariants:
 *  R1. What is read ends at the claims of this incarnation: everything any earlier owner committed is before them.
 *  R2. A store that may miss deletions (older than the tombstones are kept, or behind the start of its log) is wiped.
 *  R3. A crash in the middle leaves a store that says how far it has come and goes on from there.
 *  R4. A restore that took so long itself (a process that was frozen for days) is thrown away: deletions of rows it
 *      had read before may have gone from the log when it read on.
 */
import type { TopicSpec } from '@tributary/contracts'
import type { Clock } from './ports/clock.ts'
import type { RuntimeLog } from './ports/log.ts'
import type { RuntimeLogger } from './ports/logger.ts'
import type { StateStore } from './ports/store.ts'
import { replayChangeLog } from './replayChangeLog.ts'
import { RuntimeFault } from './runtimeFault.ts'

export interface RestoreOptions {
  readonly log: Pick<RuntimeLog, 'read' | 'bounds'>
  readonly store: StateStore
  readonly partition: number
  readonly changeLogs: readonly TopicSpec[]
  readonly metaLog: TopicSpec
  /** Offset of this incarnation's claim in each change log. */
  readonly claims: ReadonlyMap<string, number>
  readonly claimedAtMs: number
  readonly clock: Clock
  readonly logger: RuntimeLogger
  readonly signal: AbortSignal
  readonly onProgress: (progress: { records: number; left: number }) => void
}

/**
 * Part of the time tombstones are kept for which a store counts as complete: a seventh is left for clocks that differ
 * and for the restore itself.
 */
const TRUSTED_SHARE = 6 / 7
/** Between two lines of progress in the log, ms. */
const PROGRESS_MS = 5_000

export async function restoreState(options: RestoreOptions): Promise<void> {
  const { store, changeLogs, partition, clock, claims, logger } = options
  const starts = new Map<string, number>()
  for (const topic of changeLogs) starts.set(topic.name, (await options.log.bounds(topic, partition)).start)
  const distrust = whyNotTrusted(options, starts)
  const asOfMs = distrust === undefined ? store.asOfMs()! : clock.now()
  if (distrust !== undefined) {
    if (store.asOfMs() !== undefined)
      logger.info({ partition, reason: distrust }, 'the local store is wiped and restored')
    store.wipe()
  }
  const ends = store.ends()
  const from = new Map(changeLogs.map(({ name }) => [name, ends.get(name) ?? starts.get(name)!]))
  let left = 0
  for (const { name } of changeLogs) left += Math.max(0, claims.get(name)! + 1 - from.get(name)!)
  let records = 0
  let saidAt = clock.now()
  options.onProgress({ records, left })
  for (const topic of changeLogs) {
    const until = claims.get(topic.name)! + 1
    let position = from.get(topic.name)!
    for await (const chunk of options.log.read(topic, partition, position, until, options.signal)) {
      options.signal.throwIfAborted()
      const pieces = replayChangeLog(topic, options.metaLog, chunk.records)
      const end = new Map([[topic.name, chunk.nextOffset]])
      if (pieces.length === 0) store.write({ rows: [], ends: end, asOfMs })
      for (const [i, piece] of pieces.entries())
        store.write({ ...piece, ends: i === pieces.length - 1 ? end : new Map(), asOfMs })
      records += chunk.records.length
      left -= chunk.nextOffset - position
      position = chunk.nextOffset
      options.onProgress({ records, left })
      if (clock.now() - saidAt > PROGRESS_MS) {
        saidAt = clock.now()
        logger.info({ partition, records, left }, 'restoring')
      }
    }
  }
  if (clock.now() - options.claimedAtMs > trustedMs(changeLogs)) {
    store.wipe()
    throw new RuntimeFault(
      'log-unavailable',
      `the restore of partition ${partition} took longer than deletions are kept in its change log: it begins anew`,
    )
  }
  store.write({ rows: [], ends: new Map(), asOfMs: options.claimedAtMs })
}

/** How old a store may be and still miss no deletion, ms. */
function trustedMs(changeLogs: readonly TopicSpec[]): number {
  return Math.min(...changeLogs.map((topic) => topic.tombstoneRetentionMs ?? Infinity)) * TRUSTED_SHARE
}

/** Undefined when the store can be continued. */
function whyNotTrusted(options: RestoreOptions, starts: ReadonlyMap<string, number>): string | undefined {
  const { store, changeLogs, clock, claims } = options
  const asOfMs = store.asOfMs()
  if (asOfMs === undefined) return 'there is none'
  if (clock.now() - asOfMs > trustedMs(changeLogs))
    return 'it is older than deletions are kept in its change log'
  const ends = store.ends()
  for (const { name } of changeLogs) {
    const end = ends.get(name)
    if (end === undefined) return `it knows nothing of ${name}`
    if (end < starts.get(name)!) return `it ends before the start of ${name}`
    if (end > claims.get(name)!) return `it ends behind the end of ${name}, which must have been recreated`
  }
  return undefined
}
