/**
 * Caps of aggregates. What one of them can hold at worst is known from its definition, so a workspace whose traits and
 * audiences could together outgrow a record is refused when it is applied; nothing is cut later that would have made a
 * number wrong, except where a value says so.
 */
import { type AggregateDefinition } from './aggregateDefinition.ts'

/** Adopted aggregates; a workspace with more is refused by the job that would adopt them. */
export const MAX_AGGREGATES = 500
/** Of all aggregates of one fragment at worst: leaves room in 1.9 MB for everything else it holds (caps.ts). */
export const MAX_KEPT_BYTES = 575_000
/** Of all computed values in one change at worst, before and after. */
export const MAX_SHOWN_BYTES = 360_000

/** Values of a unique list, the last seen. */
export const MAX_LIST_VALUES = 100
/** Bytes of a unique list as it is shown: values that come first by the last time they were seen, until it is full. */
export const MAX_LIST_BYTES = 4_096
/** Pairs of value and unit that mostFrequent keeps, the latest, then the smallest values. */
export const MAX_FREQUENT_VALUES = 200
/** Distinct values counted, the last seen: "500" then means at least so many. */
export const MAX_DISTINCT_VALUES = 500
/** Times kept of each step of a sequence, the latest. */
export const MAX_SEQUENCE_TIMES = 100
/** Bytes of the value of a computed trait (first, last) as JSON. */
export const MAX_COMPUTED_VALUE_BYTES = 256
/** Bytes of a value of uniqueList and mostFrequent as JSON. */
export const MAX_LISTED_VALUE_BYTES = 128

/** Name, hash, job, numbers and framing. */
const FIXED_BYTES = 150
/** An end: value, time and the longest message id as the collector takes them. */
const END_BYTES = MAX_COMPUTED_VALUE_BYTES + 744
/** A sum of numbers of 40 digits before and after the point. */
const NUMBER_BYTES = 100
const UNIT_BYTES = 14
const LISTED_BYTES = MAX_LISTED_VALUE_BYTES + 16
const HASHED_BYTES = 34
const STEP_TIME_BYTES = 18

/** What a fragment keeps of it at worst, bytes. */
export function keptBytes({ kind, within, steps }: AggregateDefinition): number {
  const units = within ? within.units + 2 : 1
  switch (kind) {
    case 'count':
      return FIXED_BYTES + units * UNIT_BYTES
    case 'sum':
    case 'min':
    case 'max':
    case 'average':
      return FIXED_BYTES + units * (UNIT_BYTES + NUMBER_BYTES)
    case 'first':
      return FIXED_BYTES + units * (UNIT_BYTES + END_BYTES)
    case 'last':
      return FIXED_BYTES + END_BYTES
    case 'mostFrequent':
      return FIXED_BYTES + (MAX_FREQUENT_VALUES + 1) * LISTED_BYTES
    case 'uniqueList':
      return FIXED_BYTES + (MAX_LIST_VALUES + 1) * LISTED_BYTES
    case 'distinct':
      return FIXED_BYTES + (MAX_DISTINCT_VALUES + 1) * HASHED_BYTES
    case 'sequence':
      return FIXED_BYTES + (steps?.length ?? 0) * (MAX_SEQUENCE_TIMES + 1) * STEP_TIME_BYTES
  }
}

/** What a change shows of it at worst, before and after, bytes. */
export function shownBytes({ kind }: AggregateDefinition): number {
  const value = kind === 'uniqueList' ? MAX_LIST_BYTES : MAX_COMPUTED_VALUE_BYTES
  return 2 * (value + 100)
}
