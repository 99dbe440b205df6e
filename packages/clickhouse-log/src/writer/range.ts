/**
 * A range: the records of one partition that go into one insert, and how it is named.
 *
 * A range never changes once it is declared, so its token stands for exactly these rows: the same range sent again
 * counts once. Its bounds are offsets of records; between them may lie offsets that hold none (transaction markers).
 */
import type { LogRecord } from '../rows/logTable.ts'

export interface Range {
  /** Layout epoch it was declared under: part of its token. */
  readonly epoch: number
  readonly first: number
  readonly last: number
  readonly records: readonly LogRecord[]
}

/** Where a range belongs. */
export interface RangePlace {
  readonly topic: string
  readonly partition: number
}

export function tokenOf(place: RangePlace, range: Pick<Range, 'epoch' | 'first' | 'last'>): string {
  return `v${range.epoch}:${place.topic}:${place.partition}:${range.first}-${range.last}`
}

/** What was written down before an insert: with the committed offset it is the whole range again. */
export interface Intent {
  readonly epoch: number
  readonly last: number
  /** The gap before its first record, which whoever reads it again from there cannot see. */
  readonly gap: number
}

/** Metadata of the committed offset while a range is open. Well under Kafka's 4,096 bytes. */
export function intentMetadata(intent: Intent): string {
  return JSON.stringify({ v: 1, epoch: intent.epoch, last: intent.last, gap: intent.gap })
}

/**
 * What a committed offset says: an open range, or how far everything is stored. The offset itself may be beyond that,
 * past markers of transactions, so that a lag of nothing reads as 0.
 */
export interface Committed {
  readonly offset: number
  /** Everything below is in ClickHouse. */
  readonly stored: number
  readonly intent?: Intent
}

/** Metadata of a committed offset that lies beyond what is stored, past markers. */
export function storedMetadata(stored: number): string {
  return JSON.stringify({ v: 1, stored })
}

/** Throws on what a newer version wrote: guessing could store rows twice. */
export function readCommitted(offset: number, metadata: string | null): Committed {
  if (metadata === null || metadata === '') return { offset, stored: offset }
  const { v, epoch, last, gap, stored } = readObject(metadata)
  if (v === 1 && isOffset(stored)) return { offset, stored }
  if (v === 1 && isOffset(epoch) && isOffset(last) && isOffset(gap)) {
    return { offset, stored: offset, intent: { epoch, last, gap } }
  }
  throw new Error(
    `the committed offset has metadata that this version does not know: ${metadata.slice(0, 200)}; ` +
      'use the version that wrote it, or a newer one',
  )
}

function readObject(text: string): Record<string, unknown> {
  try {
    const parsed: unknown = JSON.parse(text)
    return typeof parsed === 'object' && parsed !== null ? (parsed as Record<string, unknown>) : {}
  } catch {
    return {}
  }
}

function isOffset(value: unknown): value is number {
  return typeof value === 'number' && Number.isSafeInteger(value) && value >= 0
}
