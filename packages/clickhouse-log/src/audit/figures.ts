/** What the audit measures, before it judges. Positions are offsets; all sums are exact. */
import type { HourFigures } from './measureHours.ts'
import type { OffsetRange } from './offsetRange.ts'

export interface Figures {
  readonly sources: readonly SourceFigures[]
  readonly partitions: readonly PartitionFigures[]
  readonly sequences: readonly SequenceFigures[]
  readonly folding: FoldingFigures
  readonly versions: readonly VersionFigures[]
  readonly deliveries: readonly DeliveryFigures[]
  readonly outcomesWithoutDelivery: number
  readonly twoAnchors: readonly TwoAnchors[]
  /** Only when asked for. */
  readonly hours?: readonly HourFigures[]
}

/** With what was removed since: an input is counted until no row of it is left, and then by its removal. */
export interface SourceFigures {
  readonly source: string
  /** Rows of events, and their distinct origins: a Kafka source may repeat a record, a retried send an event. */
  readonly events: number
  readonly eventOrigins: number
  readonly rejectedOrigins: number
  /** Origins that are both: accepted and rejected at once. */
  readonly bothOrigins: number
  /** Origins of rejects that were sent again: events and rejects, on purpose. */
  readonly redrivenOrigins: number
}

/** One partition of one topic in the log: the table's rows and those in the quarantine. */
export interface PartitionFigures {
  readonly topic: string
  readonly partition: number
  readonly rows: number
  /** Distinct offsets. */
  readonly offsets: number
  /** Offsets known to hold no record, by the rows after them. */
  readonly gaps: number
  /** First offset accounted for, the gap before the first row included. */
  readonly first: number
  readonly last: number
  readonly quarantined: number
  /** Control records among the rows: each is sent in a transaction, which leaves a marker. */
  readonly controls: number
  /** Ranges of offsets that no row accounts for, the first ones. */
  readonly missing: readonly OffsetRange[]
  /** Offsets that have more than one row, the first ones. */
  readonly doubled: readonly number[]
  /** What was removed of it on purpose; absent: nothing. */
  readonly removed?: RemovedFigures
  /** Where its writer says it is; only when Kafka was asked. */
  readonly kafka?: {
    /** Everything below is stored, it says. */
    readonly stored: number
    /** A range is under way. */
    readonly open: boolean
    /** Records of the topic that are not stored yet. */
    readonly behind: number
  }
}

/** Of one partition, by the evidence in `removals`; these rows are none of those above. */
export interface RemovedFigures {
  /** Rows. */
  readonly expired: number
  readonly erased: number
  /** Rows beyond one per offset. */
  readonly twice: number
  /** Offsets that they and the markers before them account for. */
  readonly accounted: number
  /** Offsets that have a row again, the first ones. */
  readonly again: readonly number[]
}

/** Stamps of one writer in one partition. */
export interface SequenceFigures {
  readonly topic: string
  readonly partition: number
  readonly epoch: number
  /** Empty where the topic has one writer. */
  readonly writer: string
  readonly rows: number
  readonly numbers: number
  /** Numbers below the first, taken while a later layout epoch was silent: what has them was never public. */
  readonly silent: number
  readonly last: number
  readonly missing: readonly OffsetRange[]
  readonly doubled: readonly number[]
}

/** Of the events topic of one layout epoch, with what was removed since. */
export interface FoldingFigures {
  readonly topic: string
  /** Copies included. */
  readonly events: number
  /** Brought by a rebuild from an earlier epoch. */
  readonly copied: number
  readonly controls: number
  /** By reason, by distinct event. */
  readonly skipped: Readonly<Record<string, number>>
  /** Events that were skipped more than once. */
  readonly skippedTwice: readonly EventPlace[]
  /** Skips of an event that is not in the log. */
  readonly skippedUnknown: readonly EventPlace[]
  /** Distinct (source, message id, anchor) of events with an identifier: what should be folded, by the log alone. */
  readonly foldable: number
  /** Of the events, those that were removed on purpose; absent: none. */
  readonly removed?: number
  /** Between the first and the last event, ms: deduplication remembers seven days. */
  readonly spanMs: number
  /** Events that are filed under another identifier than they were accepted under; none: nothing was ever blocked. */
  readonly filings?: FilingFigures
}

/** Of the events, not skipped or skipped as blocked, whose anchor is blocked. */
export interface FilingFigures {
  /** All their identifiers are blocked: they count nowhere. */
  readonly nowhere: number
  /** Their message counts already under the identifier they are filed under. */
  readonly twice: number
  /**
   * With an identifier that was erased, of anchors that are blocked or were once: whether one of them was folded, and
   * erased with it or left out of a later filing, the log cannot say.
   */
  readonly unsure: number
}

export interface EventPlace {
  readonly partition: number
  readonly offset: number
}

/** n of the profile versions of one partition. */
export interface VersionFigures {
  readonly partition: number
  readonly changes: number
  readonly numbers: number
  readonly last: number
  readonly missing: readonly OffsetRange[]
  readonly doubled: readonly number[]
}

export interface DeliveryFigures {
  readonly destination: string
  readonly created: number
  /** Rows beyond one per delivery. */
  readonly createdTwice: number
  readonly delivered: number
  readonly dead: number
  readonly filtered: number
  readonly pending: number
  /** Deliveries with more than one "delivered". */
  readonly deliveredTwice: number
}

/** The same message filed under more than one anchor: counted once each, reported, not guessed at. */
export interface TwoAnchors {
  readonly source: string
  readonly messageId: string
  readonly anchors: number
}
