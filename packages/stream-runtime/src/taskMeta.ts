/**
 * All that decides what a task does next, besides its rows: committed with every batch, and the truth at a restart.
 */
import { RuntimeFault } from './runtimeFault.ts'

export interface TaskMeta {
  /** Batches committed so far. */
  readonly transaction: number
  /** Next offset to read of each input, by catalogue name. */
  readonly positions: Readonly<Record<string, number>>
  /** Latest tick a committed batch has seen, ms since 1970; no later tick is smaller. */
  readonly clockMs: number
  /** Records sent so far per `<topic>/<partition>`. */
  readonly sequences: Readonly<Record<string, number>>
  /** Offset of the configuration adopted last; null before the first. */
  readonly configurationOffset: number | null
}

export const EMPTY_META: TaskMeta = {
  transaction: 0,
  positions: {},
  clockMs: 0,
  sequences: {},
  configurationOffset: null,
}

/** Version of the encoding; a reader refuses what it does not know instead of guessing. */
const VERSION = 1

export function encodeMeta(meta: TaskMeta): Buffer {
  return Buffer.from(
    JSON.stringify({
      v: VERSION,
      transaction: meta.transaction,
      clockMs: meta.clockMs,
      configurationOffset: meta.configurationOffset,
      positions: sorted(meta.positions),
      sequences: sorted(meta.sequences),
    }),
  )
}

export function decodeMeta(bytes: Uint8Array): TaskMeta {
  const parsed = parse(bytes) as (TaskMeta & { v?: number }) | undefined
  if (parsed?.v !== VERSION)
    throw new RuntimeFault(
      'meta-unreadable',
      `the meta of this task was written in version ${String(parsed?.v)}, this process knows ${VERSION}: run the newer release`,
    )
  const { transaction, positions, clockMs, sequences, configurationOffset } = parsed
  return { transaction, positions, clockMs, sequences, configurationOffset }
}

function parse(bytes: Uint8Array): unknown {
  try {
    return JSON.parse(Buffer.from(bytes).toString())
  } catch {
    return undefined
  }
}

function sorted(record: Readonly<Record<string, number>>): Record<string, number> {
  return Object.fromEntries(Object.entries(record).sort(([a], [b]) => (a < b ? -1 : 1)))
}

export function sequenceKey(topic: string, partition: number): string {
  return `${topic}/${partition}`
}
