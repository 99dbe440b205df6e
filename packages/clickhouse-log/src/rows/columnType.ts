/** Column types of the log's tables: the name in ClickHouse, and how a value goes out in RowBinary. */
import type { RowWriter } from './rowWriter.ts'

export interface ColumnType<T> {
  /** As DESCRIBE TABLE prints it. */
  readonly name: string
  write(out: RowWriter, value: T): void
}

export const uint32: ColumnType<number> = { name: 'UInt32', write: (out, value) => out.uint32(value) }

export const uint64: ColumnType<number> = { name: 'UInt64', write: (out, value) => out.uint64(value) }

export const int64: ColumnType<number> = { name: 'Int64', write: (out, value) => out.int64(value) }

export const bool: ColumnType<boolean> = { name: 'Bool', write: (out, value) => out.uint8(value ? 1 : 0) }

/** Text, or bytes that need not be text. */
export const string: ColumnType<string | Uint8Array> = {
  name: 'String',
  write: (out, value) => out.string(value),
}

/** Text of few different values: kept as numbers into a dictionary. */
export const word: ColumnType<string> = {
  name: 'LowCardinality(String)',
  write: (out, value) => out.string(value),
}

/** 1900-01-01T00:00:00.000Z and 2299-12-31T23:59:59.999Z: all that DateTime64(3) can hold. */
const EARLIEST_MS = -2_208_988_800_000
export const LATEST_MS = 10_413_791_999_999

/** Milliseconds since 1970. What the type cannot hold becomes the nearest it can. */
export const millis: ColumnType<number> = {
  name: "DateTime64(3, 'UTC')",
  write: (out, value) => out.int64(clampMs(value)),
}

export function clampMs(value: number): number {
  if (Number.isNaN(value)) return 0
  return Math.trunc(Math.min(Math.max(value, EARLIEST_MS), LATEST_MS))
}

export function nullable<T>(type: ColumnType<T>): ColumnType<T | undefined> {
  return {
    name: `Nullable(${type.name})`,
    write(out, value) {
      out.uint8(value === undefined ? 1 : 0)
      if (value !== undefined) type.write(out, value)
    },
  }
}

export function array<T>(type: ColumnType<T>): ColumnType<readonly T[]> {
  return {
    name: `Array(${type.name})`,
    write(out, values) {
      out.varint(values.length)
      for (const value of values) type.write(out, value)
    },
  }
}

export function map<T>(
  key: ColumnType<string>,
  value: ColumnType<T>,
): ColumnType<Readonly<Record<string, T>>> {
  return {
    name: `Map(${key.name}, ${value.name})`,
    write(out, entries) {
      const pairs = Object.entries(entries)
      out.varint(pairs.length)
      for (const [k, v] of pairs) {
        key.write(out, k)
        value.write(out, v)
      }
    },
  }
}
