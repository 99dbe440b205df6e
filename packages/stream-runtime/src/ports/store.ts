/**
 * Where a task keeps its rows between batches: always rebuildable from the change logs, so it may be lost at any
 * moment and may be behind, but it is never ahead of the log and never torn.
 *
 * Invariants every store keeps (testing/storeContract.ts runs them against each):
 *  S1. `write` is all or nothing, and what it wrote is seen by the next read of the same process.
 *  S2. The change-log ends are written in the same transaction as the rows they belong to.
 *  S3. Rows are ordered by the bytes of their keys (UTF-8).
 *  S4. After a crash the store holds some earlier state: rows and ends of one and the same write.
 */
export interface RowChange {
  readonly key: string
  /** Null deletes. */
  readonly value: Uint8Array | null
}

/** Name of a change log → the offset its next unread record has. */
export type ChangeLogEnds = ReadonlyMap<string, number>

export interface StoreWrite {
  readonly rows: readonly RowChange[]
  /** Whole ranges to delete before `rows` are applied: from ≤ key ≤ to. */
  readonly deletedRanges?: readonly { readonly from: string; readonly to: string }[]
  /** Ends that move; the others stay. */
  readonly ends: ChangeLogEnds
  /** When the store was level with its change logs, ms since 1970: its age is judged by it. */
  readonly asOfMs: number
}

export interface ReadableRows {
  get(key: string): Uint8Array | undefined
  /** Rows with from ≤ key < to in the order of their bytes. */
  range(from: string, to: string, limit?: number): Iterable<readonly [string, Uint8Array]>
}

export interface StateStore extends ReadableRows {
  ends(): ChangeLogEnds
  /** Undefined for a store that was never written. */
  asOfMs(): number | undefined
  write(change: StoreWrite): void
  /** As if it had never been written. */
  wipe(): void
  /** Every row, in order: two stores are equal when their dumps are. */
  dump(): Iterable<readonly [string, Uint8Array]>
  /** Writes what is still lazy to the disk. */
  close(): Promise<void>
}

export interface StateStores {
  /** One store per name; a name is open once at a time. */
  open(name: StoreName): Promise<StateStore>
}

export interface StoreName {
  /** The same as the consumer group's: prefix, topology and layout epoch. */
  readonly group: string
  readonly partition: number
}
