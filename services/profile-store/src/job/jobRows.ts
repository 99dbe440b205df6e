import { topics } from '@tributary/contracts'
import { type TableSpec } from '@tributary/stream-runtime'
import { bytesCodec, jsonCodec } from '../codecs.ts'

const changeLog = topics.jobState

/** A document to take in, or to forget. */
export interface DocumentForm {
  /** "trait/x" */
  readonly document: string
  readonly hash: string
}

export interface NewDocument extends DocumentForm {
  /** Canonical JSON. */
  readonly definition: string
}

export type Phase = 'adopt' | 'file' | 'fill' | 'close' | 'switch' | 'retire'

/** The back-fill of one events partition. */
export interface PartitionFill {
  /** "trait/x@<hash>" → offset of the control record from which on the task counts; what is below is filled. */
  readonly below: Readonly<Record<string, number>>
  /** Skips the task had sent by then. */
  readonly skipped: number
  /** Anchors up to here are filled; '' at the beginning. */
  readonly after: string
  readonly done: boolean
}

export interface RunningJob {
  /** Offset of the revision in the config topic. */
  readonly job: number
  /** Its number, for people; absent: of a job that did not say. */
  readonly revision?: number
  readonly phase: Phase
  readonly adopt: readonly NewDocument[]
  readonly retire: readonly DocumentForm[]
  /** What has been answered of this phase: "topic|partition|document|hash". */
  readonly answered: readonly string[]
  /** Partition → its back-fill; what `adopt` was answered with. */
  readonly fills: Readonly<Record<string, PartitionFill>>
}

/** Document → hash, as every task has it when no job is running. */
export type Applied = Readonly<Record<string, string>>

/** "applied" → one row. */
export const appliedRows: TableSpec<Applied> = { name: 'applied', changeLog, codec: jsonCodec<Applied>() }

/** "running" → one row while a job is under way. */
export const runningRows: TableSpec<RunningJob> = {
  name: 'running',
  changeLog,
  codec: jsonCodec<RunningJob>(),
}

/** "rules" → hash and version of the identity rules that were handed to the resolver last. */
export const rulesRows: TableSpec<string> = { name: 'rules', changeLog, codec: jsonCodec<string>() }

/**
 * "<job>|<phase>|<partition>|<document>|<hash>" → an EventRecord for that partition of the events topic.
 *
 * The events topic is written without transactions: its offsets have no gaps, and the ledger counts on it. So these
 * are sent after the commit by an ordinary producer, perhaps twice, and taken out when they are known to be sent.
 */
export const outboxRows: TableSpec<Uint8Array> = { name: 'outbox', changeLog, codec: bytesCodec }
