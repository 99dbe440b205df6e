/**
 * What a log table is: its columns in the order they are sent, and how a Kafka record becomes its row.
 *
 * Invariants:
 *  T1. A row derives from the Kafka log alone, so the same record always gives the same row.
 *  T2. A record that cannot be read is a value (`Unreadable`), never an exception: it goes to the quarantine table.
 */
import type { TopicSpec } from '@tributary/contracts'
import type { ColumnType } from './columnType.ts'
import type { RowWriter } from './rowWriter.ts'

/** A record of Kafka, as the log keeps it. */
export interface LogRecord {
  readonly offset: number
  /** Offsets just before it that hold no record of the topic: transactions end in a marker, and aborted ones are gone. */
  readonly gap: number
  /** Time of the record, the broker's or the producer's as the topic says, ms since 1970. */
  readonly timestampMs: number
  readonly key: Uint8Array | null
  readonly value: Uint8Array | null
  readonly headers: Readonly<Record<string, Uint8Array | string | undefined>>
}

/** Where a record stands. */
export interface LogPlace {
  /** Name without prefix: `placeTopic` of its layout epoch. */
  readonly topic: string
  readonly partition: number
}

export interface Unreadable {
  readonly unreadable: string
}

export function isUnreadable(row: object): row is Unreadable {
  return 'unreadable' in row
}

export type Columns = Readonly<Record<string, ColumnType<unknown>>>

export type RowOf<C extends Columns> = {
  readonly [K in keyof C]: C[K] extends ColumnType<infer T> ? T : never
}

/** A table without its row type: what a writer needs. */
export interface LogTable {
  readonly name: string
  readonly columns: Columns
  /** Writes the row of `record`; says why when there is none, and has then written nothing. */
  write(out: RowWriter, place: LogPlace, record: LogRecord): string | undefined
}

export interface TypedLogTable<C extends Columns> extends LogTable {
  readonly topic: TopicSpec
  rowOf(place: LogPlace, record: LogRecord): RowOf<C> | Unreadable
}

export function defineLogTable<C extends Columns>(
  name: string,
  topic: TopicSpec,
  columns: C,
  rowOf: (place: LogPlace, record: LogRecord) => RowOf<C> | Unreadable,
): TypedLogTable<C> {
  return {
    name,
    topic,
    columns,
    rowOf,
    write(out, place, record) {
      const row = rowOf(place, record)
      if (isUnreadable(row)) return row.unreadable
      const before = out.length
      try {
        writeRow(out, columns, row)
      } catch (error) {
        // A value that its column cannot hold, a negative offset for example (T2).
        out.truncate(before)
        return `a value does not fit its column: ${error instanceof Error ? error.message : String(error)}`
      }
      return undefined
    },
  }
}

export function writeRow(out: RowWriter, columns: Columns, row: Readonly<Record<string, unknown>>): void {
  for (const name in columns) columns[name]!.write(out, row[name])
}
