/**
 * What a task needs of the log. @tributary/kafka keeps these promises on Kafka, testing/memoryLog.ts in memory; one
 * contract suite (testing/logContract.ts) runs against both.
 *
 * Topics are catalogue entries; the adapter knows how they are called on this installation.
 */
import type { TopicSpec } from '@tributary/contracts'

export interface LogRecord {
  readonly topic: TopicSpec
  readonly partition: number
  readonly key: string | null
  readonly value: Uint8Array | null
  readonly headers?: Readonly<Record<string, string>>
}

/** Where the records of one send came to lie. */
export interface SentTo {
  readonly topic: TopicSpec
  readonly partition: number
  /** Offset of the last of them. */
  readonly lastOffset: number
}

/**
 * A transactional producer of one task.
 *
 *  L1. When `openSession` resolves, no earlier session of the same id can ever write again, and what it left is
 *      committed or aborted for good.
 *  L2. What one transaction sent becomes visible to readers together, or never.
 *  L3. After any error the session is useless: `discard` it and open a new one.
 *  L4. A session that has been fenced fails with RuntimeFault "fenced".
 */
export interface TransactionalSession {
  /** Sends in the current transaction, beginning one when there is none. */
  send(records: readonly LogRecord[]): Promise<readonly SentTo[]>
  /** Commits the current transaction; does nothing when nothing has been sent. */
  commit(): Promise<void>
  /** Gives the session up, with whatever is open: never aborts and goes on. */
  discard(): Promise<void>
}

export interface ReadRecord {
  readonly offset: number
  readonly timestampMs: number
  readonly key: Buffer | null
  readonly value: Buffer | null
  readonly headers: Readonly<Record<string, Buffer | string | undefined>>
}

/** Some committed records of one partition, in order; perhaps none, when only markers were passed. */
export interface ReadChunk {
  readonly records: readonly ReadRecord[]
  /** Next offset to read: past the records and past markers. */
  readonly nextOffset: number
}

export interface PartitionBounds {
  /** First offset that still exists. */
  readonly start: number
  /** Next offset to be written, markers included. */
  readonly end: number
  /** The same as far as readers of committed records may see: whatever is committed from now on lies behind it. */
  readonly committedEnd: number
}

export interface InputPosition {
  readonly topic: TopicSpec
  readonly partition: number
  readonly offset: number
}

/** What has been fetched ahead of a task, bounded in bytes. */
export interface InputStream {
  /** What `take` could return now: chunks are counted too, since one may hold nothing but passed markers. */
  buffered(): { readonly chunks: number; readonly records: number; readonly bytes: number }
  /** Takes what is there, of every input its turn, up to the limits (at least one record when there is one). */
  take(limits: { readonly records: number; readonly bytes: number }): readonly TakenInput[]
  /** Called whenever more has been buffered, or the stream has failed. */
  onAvailable(listener: () => void): void
  /** Offset of each input's end as last seen by a fetch: undefined before the first one. */
  endOf(topic: TopicSpec): number | undefined
  /** Throws what has broken it, a RuntimeFault. */
  check(): void
  close(): void
}

export interface TakenInput extends ReadChunk {
  readonly topic: TopicSpec
  readonly partition: number
  readonly bytes: number
}

export interface Membership {
  /** Tells lag tools how far the group is; never read back, and may fail unnoticed. */
  commitForTools(positions: readonly InputPosition[]): Promise<void>
  /** When the group last confirmed this member, by the process's clock: an answer to a question asked then. */
  confirmedAtMs(): number
  /** Leaves the group. */
  leave(): Promise<void>
}

export interface MembershipOptions {
  readonly group: string
  /** Co-partitioned: a member gets the same partitions of each. */
  readonly topics: readonly TopicSpec[]
  readonly nodeId: string
  /** Where this node answers questions, for the owner map. */
  readonly address?: string
  /** The partitions this member owns from now on; replaces the last answer. */
  readonly onAssigned: (partitions: readonly number[]) => void
  /** Membership is over for good, for a reason no retry repairs. */
  readonly onFatal: (error: Error) => void
}

export interface RuntimeLog {
  openSession(transactionalId: string): Promise<TransactionalSession>
  /** Committed records from `from` (or the first after it) until `nextOffset` ≥ `until`; rejects when aborted. */
  read(
    topic: TopicSpec,
    partition: number,
    from: number,
    until: number,
    signal?: AbortSignal,
  ): AsyncIterable<ReadChunk>
  bounds(topic: TopicSpec, partition: number): Promise<PartitionBounds>
  openInputs(positions: readonly InputPosition[]): InputStream
  join(options: MembershipOptions): Promise<Membership>
}
