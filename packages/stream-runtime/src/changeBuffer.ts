/**
 * What the steps of one batch change, over the store they do not touch yet.
 *
 * Invariants:
 *  B1. Nothing reaches the store before the batch is committed: a buffer that is dropped leaves no trace.
 *  B2. A step sees every earlier change of its batch, in `get` and in `range`.
 *  B3. A value is encoded once per batch and row, however often it was put.
 */
import type { Table, TableSpec } from './processor.ts'
import type { ReadableRows } from './ports/store.ts'
import { sortKeys } from './sortedKeys.ts'
import { type ChangedRow, TableBuffer } from './tableBuffer.ts'

export class ChangeBuffer {
  readonly #store: ReadableRows
  readonly #tables = new Map<string, TableBuffer<unknown>>()

  constructor(store: ReadableRows) {
    this.#store = store
  }

  get size(): number {
    let size = 0
    for (const table of this.#tables.values()) size += table.size
    return size
  }

  /** The same table at each call with a spec of that name. */
  table<V>(spec: TableSpec<V>): Table<V> {
    let table = this.#tables.get(spec.name)
    if (!table) this.#tables.set(spec.name, (table = new TableBuffer<unknown>(spec, this.#store)))
    return table as Table<unknown> as Table<V>
  }

  /** Every changed row, in the order of the store's keys: the same changes give the same records. */
  changed(): ChangedRow[] {
    const changed = new Map<string, () => ChangedRow>()
    for (const table of this.#tables.values()) table.addChanged(changed)
    return sortKeys([...changed.keys()]).map((row) => changed.get(row)!())
  }
}
