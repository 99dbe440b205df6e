/**
 * What the steps of one batch change, over the store they do not touch yet.
 *
 * Invariants:
 *  B1. Nothing reaches the store before the batch is committed: a buffer that is dropped leaves no trace.
 *  B2. A step sees every earlier change of its batch, in `get` and in `range`.
 *  B3. A value is encoded once per batch and row, however often it was put.
 */
import type { Codec, Table, TableSpec } from './processor.ts'
import type { ReadableRows } from './ports/store.ts'
import { compareKeys } from './compareKeys.ts'
import { MAX_ROW_KEY_BYTES, rowKey } from './rowKey.ts'
import { SortedKeys } from './sortedKeys.ts'

interface Change {
  readonly spec: TableSpec<unknown>
  readonly key: string
  /** Undefined deletes. */
  readonly value: unknown
}

/** One changed row, encoded. */
export interface ChangedRow {
  readonly spec: TableSpec<unknown>
  /** Of the row in its table. */
  readonly key: string
  /** Null deletes. */
  readonly value: Uint8Array | null
}

export class ChangeBuffer {
  readonly #store: ReadableRows
  readonly #changes = new Map<string, Change>()
  /** Rows read in this batch, decoded: a hot row is decoded once. */
  readonly #read = new Map<string, unknown>()
  readonly #keysOf = new Map<string, SortedKeys>()

  constructor(store: ReadableRows) {
    this.#store = store
  }

  get size(): number {
    return this.#changes.size
  }

  table<V>(spec: TableSpec<V>): Table<V> {
    return {
      get: (key) => this.#get(spec, key) as V | undefined,
      put: (key, value) => this.#put(spec, key, value),
      delete: (key) => this.#delete(spec, key),
      range: (from, to, limit) => this.#range(spec, from, to, limit) as Iterable<readonly [string, V]>,
    }
  }

  /** Every changed row, in the order of the keys: the same changes give the same records. */
  changed(): ChangedRow[] {
    return [...this.#changes]
      .sort(([a], [b]) => compareKeys(a, b))
      .map(([, { spec, key, value }]) => ({
        spec,
        key,
        value: value === undefined ? null : spec.codec.encode(value),
      }))
  }

  #get(spec: TableSpec<unknown>, key: string): unknown {
    const row = rowKey(spec.name, key)
    const change = this.#changes.get(row)
    if (change) return change.value
    if (this.#read.has(row)) return this.#read.get(row)
    const bytes = this.#store.get(row)
    const value = bytes === undefined ? undefined : spec.codec.decode(bytes)
    this.#read.set(row, value)
    return value
  }

  #put(spec: TableSpec<unknown>, key: string, value: unknown): void {
    if (value === undefined || value === null)
      throw new TypeError(`table ${spec.name}: put without a value; call delete to remove a row`)
    // A row key is at most four times as long in bytes: measure only when it could be too long.
    if (key.length > MAX_ROW_KEY_BYTES / 4 && Buffer.byteLength(key) > MAX_ROW_KEY_BYTES)
      throw new RangeError(`table ${spec.name}: a row key of more than ${MAX_ROW_KEY_BYTES} bytes`)
    this.#change(spec, key, value)
  }

  #delete(spec: TableSpec<unknown>, key: string): void {
    const row = rowKey(spec.name, key)
    if (this.#store.get(row) !== undefined) {
      this.#change(spec, key, undefined)
      return
    }
    // Never committed: nothing to delete in the log either. Its key may stay in the sorted set, where it finds nothing.
    this.#changes.delete(row)
    this.#read.set(row, undefined)
  }

  #change(spec: TableSpec<unknown>, key: string, value: unknown): void {
    const row = rowKey(spec.name, key)
    if (!this.#changes.has(row)) {
      let keys = this.#keysOf.get(spec.name)
      if (!keys) this.#keysOf.set(spec.name, (keys = new SortedKeys()))
      keys.add(key)
    }
    this.#changes.set(row, { spec, key, value })
  }

  *#range(spec: TableSpec<unknown>, from: string, to: string, limit = Infinity) {
    let left = limit
    for (const [key, value] of this.#merged(spec, from, to)) {
      if (left-- <= 0) return
      yield [key, value] as const
    }
  }

  /** Committed rows and changes side by side in key order; a change hides the row of the same key. */
  *#merged(spec: TableSpec<unknown>, from: string, to: string): Iterable<readonly [string, unknown]> {
    const prefix = spec.name.length + 1
    // The changes of this moment: a step may change rows while it walks over them.
    const changed = [...(this.#keysOf.get(spec.name)?.range(from, to) ?? [])]
    let next = 0
    for (const [row, bytes] of this.#store.range(rowKey(spec.name, from), rowKey(spec.name, to))) {
      const key = row.slice(prefix)
      while (next < changed.length && compareKeys(changed[next]!, key) < 0)
        yield* this.#present(spec, changed[next++]!)
      if (changed[next] === key) next++
      if (this.#changes.has(row)) yield* this.#present(spec, key)
      else yield [key, decodeOnce(this.#read, row, spec.codec, bytes)]
    }
    while (next < changed.length) yield* this.#present(spec, changed[next++]!)
  }

  *#present(spec: TableSpec<unknown>, key: string): Iterable<readonly [string, unknown]> {
    const value = this.#get(spec, key)
    if (value !== undefined) yield [key, value]
  }
}

function decodeOnce(read: Map<string, unknown>, row: string, codec: Codec<unknown>, bytes: Uint8Array) {
  const known = read.get(row)
  if (known !== undefined) return known
  const value = codec.decode(bytes)
  read.set(row, value)
  return value
}
