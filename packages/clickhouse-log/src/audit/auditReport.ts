/** What an audit says: its findings, and the sums they were judged by. */
import type { Figures } from './figures.ts'
import type { OffsetRange } from './offsetRange.ts'

/** What the profiles say of themselves: the other side of L5. Summed over all partitions. */
export interface ProfileTotals {
  readonly profiles: number
  /** Events folded into live profiles. */
  readonly events: number
  /** Events that had been folded and were erased since; none when not given. */
  readonly erased?: number
  /** Changes published, n of the last version, by partition. */
  readonly changes?: ReadonlyMap<number, number>
}

export interface Finding {
  /** Which rule of the ledger. */
  readonly rule: 'L1' | 'L2' | 'L3' | 'L4' | 'L5' | 'L6' | 'L7'
  /** What is wrong and where, as a sentence. */
  readonly message: string
  readonly topic?: string
  readonly partition?: number
  /** Offsets, stamps or numbers it is about, the first ones. */
  readonly at?: readonly OffsetRange[]
}

export interface Folding {
  /** Copies of an earlier layout epoch included. */
  readonly events: number
  readonly copied: number
  /** By the profiles where they were asked, else what the log says should be folded. */
  readonly folded: number
  readonly foldedBy: 'profiles' | 'log'
  /** Folded once, and erased since, as the profiles say. */
  readonly erased: number
  readonly skipped: number
  readonly reasons: Readonly<Record<string, number>>
  readonly controls: number
  /** Events of which neither is known yet. */
  readonly inFlight: number
}

export interface AuditReport {
  readonly balanced: boolean
  readonly findings: readonly Finding[]
  readonly received: number
  readonly rejected: number
  /** Of the rejected, those that were sent again and are events now. */
  readonly redriven: number
  /** Events in the log, of all layout epochs, copies not counted. */
  readonly accepted: number
  /** Events beyond one per origin: repeated by a producer, taken out as duplicates later. */
  readonly repeated: number
  readonly folding: Folding
  /** Rows of all tables: those that are there, and those that were removed on purpose (L7). */
  readonly stored: { readonly present: number; readonly erased: number; readonly expired: number }
  readonly gaps: number
  readonly doubled: number
  /** Records of the topics that are not stored yet; undefined when Kafka was not asked. */
  readonly behind: number | undefined
  readonly figures: Figures
  readonly totals?: ProfileTotals
}
