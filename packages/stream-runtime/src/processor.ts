/**
 * What a processor is: a pure, synchronous step over a view of its state. It has no clock, no randomness, no network;
 * whatever it decides comes from its state and its input, so that running the same input again from the same state
 * gives the same records.
 *
 * Invariants a processor may rely on (kept by the task, tested there):
 *  P1. Steps of one task run one after another; records of one input partition come in the order of their offsets.
 *  P2. What a batch of steps sent, what it changed and the positions it reached become visible together or not at all.
 *  P3. A step sees every earlier change of its own task, committed or not.
 *  P4. `configuration` is always the first input of a task's life once a revision exists, and its adoption is
 *      committed with the batch that saw it.
 *  P5. `tick` never runs backwards, also across restarts and owners, as long as the processor keeps what it has seen
 *      in its state and ignores less.
 */
import type { TopicSpec } from '@tributary/contracts'

/** A record of one of the task's input partitions. */
export interface InputRecord {
  /** Catalogue entry, not the name in Kafka. */
  readonly topic: TopicSpec
  readonly partition: number
  readonly offset: number
  /** Broker's append time or the producer's time, as the topic says, ms since 1970. */
  readonly timestampMs: number
  readonly key: Buffer | null
  readonly value: Buffer | null
  readonly headers: Readonly<Record<string, Buffer | string | undefined>>
}

/** One whole state of the workspace, as adopted by a task. `C` is what the service made of the documents. */
export interface AdoptedConfiguration<C> {
  /** Offset in the config topic. */
  readonly offset: number
  readonly revision: number
  readonly value: C
}

/** What a step gets. `X` is what the edge of the service injects: results of deliveries, for example. */
export type Input<C = unknown, X = never> =
  | { readonly kind: 'record'; readonly record: InputRecord }
  | { readonly kind: 'configuration'; readonly configuration: AdoptedConfiguration<C> }
  /** Wall-clock time as an input; sent about once a second, also when nothing arrives. */
  | { readonly kind: 'tick'; readonly nowMs: number }
  | { readonly kind: 'injected'; readonly value: X }

/** A record to send in the transaction of the batch. */
export interface OutputRecord {
  readonly topic: TopicSpec
  /** Required for topics partitioned `explicit`; the runtime works it out for `key`. For `profile-id` see partitionKey. */
  readonly partition?: number
  /** What the partition is chosen by when it is not the whole key: the profile id. */
  readonly partitionKey?: string
  readonly key: string | null
  readonly value: Uint8Array | null
  readonly headers?: Readonly<Record<string, string>>
}

/** One table of a task's state, with the compacted or time-kept topic that is its change log. */
export interface TableSpec<V> {
  /** Short name, unique in the processor; prefix of its rows' keys. */
  readonly name: string
  /** Co-partitioned with the inputs. */
  readonly changeLog: TopicSpec
  /**
   * Tables of one family lie together: rows of the same or neighbouring keys are in one page, whatever their table,
   * which is what a random read or write costs. Walking over one of them steps over the rows of the others. The
   * letter is the table's in its family; the change log must be compacted.
   */
  readonly family?: { readonly name: string; readonly letter: string }
  readonly codec: Codec<V>
}

export interface Codec<V> {
  encode(value: V): Uint8Array
  decode(bytes: Uint8Array): V
}

/** Rows of one table. A value handed in or out must not be changed afterwards. */
export interface Table<V> {
  get(key: string): V | undefined
  put(key: string, value: V): void
  delete(key: string): void
  /** Rows with from ≤ key < to, in byte order of the key, changes of this batch included. */
  range(from: string, to: string, limit?: number): Iterable<readonly [string, V]>
}

/** A step's window on the world; valid during that step only. */
export interface StepContext {
  /** The partition this task owns. */
  readonly partition: number
  /** Layout epoch of the task. */
  readonly epoch: number
  table<V>(spec: TableSpec<V>): Table<V>
  send(record: OutputRecord): void
  /**
   * The number the next record to this topic and partition will carry as its stamp's seq (1, 2, 3 …), for records
   * that repeat it, such as versions and CloudEvents ids.
   */
  nextSeq(topic: TopicSpec, partition: number): number
  /**
   * The state holds more to do than one batch should: another batch follows this one at once, though nothing arrives.
   * Counts only for a batch that changes or sends something.
   */
  moreToDo(): void
}

export interface Processor<C = unknown, X = never> {
  step(context: StepContext, input: Input<C, X>): void
  /** After the last step of a batch, before its commit: publish what the batch changed, once per key. */
  endBatch?(context: StepContext): void
}

/** What a group of tasks is made of: one task per partition of its co-partitioned inputs. */
export interface Topology<C = unknown, X = never> {
  /** For example "fragment": names the consumer group, the transactional ids, the writer of stamps ("fragment-3"). */
  readonly name: string
  /** Co-partitioned; a task owns the same partition of each. */
  readonly inputs: readonly TopicSpec[]
  readonly tables: readonly TableSpec<unknown>[]
  /** Change log that also holds `meta` and `claim`. Must be one of the tables' change logs, compacted. */
  readonly metaLog: TopicSpec
  /** A new processor for a task; called at each opening. */
  create(partition: number): Processor<C, X>
}

/** Committed state of a task, for questions from outside (gRPC). Reads only what has been committed. */
export interface StateView {
  readonly partition: number
  table<V>(spec: TableSpec<V>): ReadTable<V>
}

export interface ReadTable<V> {
  get(key: string): V | undefined
  range(from: string, to: string, limit?: number): Iterable<readonly [string, V]>
}
