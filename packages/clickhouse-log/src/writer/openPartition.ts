/**
 * Where a partition's writer takes up, from the three things that know: what was committed, what the table holds, and
 * what the log still has. Pure.
 *
 *  O1. Nothing that the table holds is stored again, also when committed offsets were reset or have expired.
 *  O2. An open range that the table does not hold is repeated as the very same range.
 *  O3. A log that ends before what was stored is another log: nothing is written.
 *  O4. What the log lost before it was stored is said aloud; it is never skipped silently.
 */
import type { Opening } from './partitionLog.ts'
import { readCommitted } from './range.ts'

export interface PartitionEvidence {
  /** Committed offset and its metadata; undefined when there is none: new, or expired. */
  readonly committed: { readonly offset: number; readonly metadata: string | null } | undefined
  /** Highest offset of the partition in ClickHouse; undefined when there is none. */
  readonly highest: number | undefined
  /** First offset the log still has, and the next it will give. */
  readonly logStart: number
  readonly logEnd: number
}

export type PartitionOpening =
  | {
      readonly kind: 'open'
      readonly opening: Opening
      readonly seek: number
      /** Offsets that left the log before they were stored. */
      readonly lost?: { readonly first: number; readonly last: number }
      readonly warnings: readonly string[]
    }
  | { readonly kind: 'refused'; readonly reason: string }

export function openPartition(evidence: PartitionEvidence): PartitionOpening {
  const { highest, logStart, logEnd } = evidence
  const committed =
    evidence.committed && readCommitted(evidence.committed.offset, evidence.committed.metadata)
  const intent = committed?.intent
  const stored = highest === undefined ? 0 : highest + 1
  const warnings: string[] = []

  let opening: Opening
  if (committed !== undefined && intent !== undefined && stored <= intent.last) {
    opening = { position: committed.offset, intent }
  } else {
    opening = { position: Math.max(committed?.stored ?? logStart, stored) }
    if (committed !== undefined && intent === undefined && committed.stored < stored) {
      warnings.push(
        `committed offset ${committed.stored} is behind the table, which holds up to ${stored - 1}: going on after that`,
      )
    }
    if (committed !== undefined && intent === undefined && committed.stored > stored) {
      warnings.push(
        `committed offset ${committed.stored} is ahead of the table, which holds up to ${stored - 1}: rows were ` +
          'deleted, or the table is an older copy; `tributary audit` names what is missing',
      )
    }
  }

  if (opening.position > logEnd) {
    return {
      kind: 'refused',
      reason:
        `the topic ends at offset ${logEnd}, but the event log holds it up to ${opening.position - 1}: the topic was ` +
        'made anew. Use a new ClickHouse database for it, or the old topic',
    }
  }
  // Past the markers that were read already, as long as nothing but them lies in between.
  const next = opening.position === committed?.stored ? committed.offset : opening.position
  const lost = next < logStart ? { first: next, last: logStart - 1 } : undefined
  if (lost !== undefined) {
    warnings.push(
      `offsets ${lost.first} to ${lost.last} left the topic before they were stored: they are lost to the ` +
        'event log; raise the topic’s retention above the longest outage',
    )
  }
  return { kind: 'open', opening, seek: Math.max(next, logStart), warnings, ...(lost ? { lost } : {}) }
}
