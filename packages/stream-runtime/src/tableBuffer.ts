import type { ReadableRows } from './ports/store.ts'
import type { Table, TableSpec } from './processor.ts'
import { compareKeys } from './compareKeys.ts'
import { END_OF_KEY, MAX_ROW_KEY_BYTES, type RowNames, rowNames } from './rowKey.ts'
import { SortedKeys } from './sortedKeys.ts'

/** One changed row, encoded. */
export interface ChangedRow {
  readonly spec: TableSpec<unknown>
  /** Of the row in its table, and in the store. */
  readonly key: string
  readonly row: string
  /** Null deletes. */
  readonly value: Uint8Array | null
}

/** What the steps of one batch change in one table (invariants: changeBuffer.ts). Undefined stands for no row. */
export class TableBuffer<V> implements Table<V> {
  readonly #spec: TableSpec<V>
  readonly #names: RowNames
  readonly #store: ReadableRows
  readonly #changes = new Map<string, V | undefined>()
  /** Rows read in this batch, decoded: a hot row is decoded once. */
  readonly #read = new Map<string, V>()
  readonly #sorted = new SortedKeys()

  constructor(spec: TableSpec<V>, store: ReadableRows) {
    this.#spec = spec
    this.#names = rowNames(spec)
    this.#store = store
  }

  /** Rows that are changed. */
  get size(): number {
    return this.#changes.size
  }

  get(key: string): V | undefined {
    const changed = this.#changes.get(key)
    return changed !== undefined || this.#changes.has(key) ? changed : this.#committed(key)
  }

  put(key: string, value: V): void {
    const { name } = this.#spec
    if (value === undefined || value === null)
      throw new TypeError(`table ${name}: put without a value; call delete to remove a row`)
    // A row key is at most four times as long in bytes: measure only when it could be too long.
    if (key.length > MAX_ROW_KEY_BYTES / 4 && Buffer.byteLength(key) > MAX_ROW_KEY_BYTES)
      throw new RangeError(`table ${name}: a row key of more than ${MAX_ROW_KEY_BYTES} bytes`)
    if (this.#spec.family && key.includes(END_OF_KEY))
      throw new RangeError(`table ${name}: a row key holds the character 0`)
    this.#change(key, value)
  }

  delete(key: string): void {
    // Never committed: nothing to delete in the log either. Its key may stay in the sorted set, where it finds nothing.
    if (this.#committed(key) === undefined) this.#changes.delete(key)
    else this.#change(key, undefined)
  }

  *range(from: string, to: string, limit = Infinity): Iterable<readonly [string, V]> {
    let left = limit
    for (const row of this.#merged(from, to)) {
      if (left-- <= 0) return
      yield row
    }
  }

  /** Every changed row by its key in the store, with what encodes it. */
  addChanged(changed: Map<string, () => ChangedRow>): void {
    const spec = this.#spec as TableSpec<unknown>
    for (const [key, value] of this.#changes) {
      const row = this.#names.row(key)
      changed.set(row, () => ({
        spec,
        key,
        row,
        value: value === undefined ? null : spec.codec.encode(value),
      }))
    }
  }

  #committed(key: string): V | undefined {
    const known = this.#read.get(key)
    if (known !== undefined) return known
    const bytes = this.#store.get(this.#names.row(key))
    // Not remembered where there is none: most that are looked for and not there are never looked for again.
    if (bytes === undefined) return undefined
    const value = this.#spec.codec.decode(bytes)
    this.#read.set(key, value)
    return value
  }

  #change(key: string, value: V | undefined): void {
    if (!this.#changes.has(key)) this.#sorted.add(key)
    this.#changes.set(key, value)
  }

  /** Committed rows and changes side by side in key order; a change hides the row of the same key. */
  *#merged(from: string, to: string): Iterable<readonly [string, V]> {
    const names = this.#names
    // The changes of this moment: a step may change rows while it walks over them.
    const changed = this.#changes.size === 0 ? [] : this.#sorted.range(from, to)
    let next = 0
    for (const [row, bytes] of this.#store.range(names.from(from), names.from(to))) {
      const key = names.keyOf(row)
      if (key === undefined) continue
      while (next < changed.length && compareKeys(changed[next]!, key) < 0)
        yield* this.#present(changed[next++]!)
      if (changed[next] === key) next++
      if (this.#changes.has(key)) yield* this.#present(key)
      else {
        let value = this.#read.get(key)
        if (value === undefined) this.#read.set(key, (value = this.#spec.codec.decode(bytes)))
        yield [key, value]
      }
    }
    while (next < changed.length) yield* this.#present(changed[next++]!)
  }

  *#present(key: string): Iterable<readonly [string, V]> {
    const value = this.get(key)
    if (value !== undefined) yield [key, value]
  }
}
