/** What a partition's writer needs of the world: each a small contract with a fake in ../testing. */
import type { Range, RangePlace } from './range.ts'

/** Commits of one partition, valid as long as this instance owns it. */
export interface Committer {
  /** The offset to take up from, and the intent of the open range or nothing. */
  commit(offset: number, metadata: string): Promise<CommitOutcome>
}

export type CommitOutcome =
  | { readonly kind: 'done' }
  /** The partition has another owner, or is about to: what is under way is theirs to finish. */
  | { readonly kind: 'lost' }
  | { readonly kind: 'unavailable'; readonly reason: string }

/**
 * The table behind a topic. What it promises:
 *  S1. The same range stored any number of times counts once, also when a reply was lost.
 *  S2. A range is stored wholly or not at all.
 *  S3. `refused` is said only of a range of which nothing is stored.
 */
export interface LogStore {
  store(place: RangePlace, range: Range): Promise<StoreOutcome>
  /** Keeps the records of a range in the quarantine table, with the reason. */
  quarantine(place: RangePlace, range: Range, reason: string): Promise<StoreOutcome>
  /** The highest offset of the partition in the table or the quarantine. */
  highestOffset(place: RangePlace): Promise<number | undefined>
}

export type StoreOutcome =
  | { readonly kind: 'stored'; readonly unreadable: number }
  | { readonly kind: 'refused'; readonly reason: string }
  | { readonly kind: 'unavailable'; readonly reason: string }

export interface Clock {
  nowMs(): number
  /** Resolves after the time, or at once when the signal is aborted. */
  sleep(ms: number, signal: AbortSignal): Promise<void>
}
