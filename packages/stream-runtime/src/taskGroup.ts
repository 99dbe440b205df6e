/** What a service sees of its tasks. */
import type { StateView } from './processor.ts'

export type TaskState = 'created' | 'restoring' | 'running' | 'draining' | 'closed'

export interface TaskStatus {
  readonly partition: number
  readonly state: TaskState
  /** Next offset to read of each input, by catalogue name; what the answers of `view` include. */
  readonly positions: Readonly<Record<string, number>>
  /** Records known to be waiting in the inputs; undefined before the first fetch. */
  readonly lag: number | undefined
  /** While restoring: change-log records read so far, and how many offsets are left. */
  readonly restored?: { readonly records: number; readonly left: number }
  /** Times this task has been opened in this process. */
  readonly openings: number
  /** Offset of the adopted configuration. */
  readonly configurationOffset: number | null
}

/** A batch that has been committed and written to the local store. */
export interface CommittedBatch {
  readonly partition: number
  readonly records: number
  readonly sent: number
  readonly changed: number
  readonly durationMs: number
}

export interface TaskGroup<X = never> {
  /** Drains: commits what was begun, closes every task cleanly, leaves the group. */
  stop(): Promise<void>
  tasks(): readonly TaskStatus[]
  /** The committed state of a partition that this process owns and has restored. */
  view(partition: number): StateView | undefined
  /** False when the task does not run here: what was to be injected is not taken. */
  inject(partition: number, value: X): boolean
  /** Returns the way to stop listening. */
  onCommit(listener: (batch: CommittedBatch) => void): () => void
}
