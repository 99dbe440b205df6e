import type { ReadableRows } from './ports/store.ts'
import type { ReadTable, StateView, TableSpec, Topology } from './processor.ts'
import { rowKey } from './rowKey.ts'

/** The committed state of one task. Rows are decoded at each read. */
export function viewStore(
  store: ReadableRows,
  topology: Pick<Topology, 'name' | 'tables'>,
  partition: number,
): StateView {
  return {
    partition,
    table<V>(spec: TableSpec<V>): ReadTable<V> {
      if (!topology.tables.some((each) => each.name === spec.name))
        throw new TypeError(`topology ${topology.name} has no table "${spec.name}"`)
      const prefix = spec.name.length + 1
      return {
        get(key) {
          const bytes = store.get(rowKey(spec.name, key))
          return bytes === undefined ? undefined : spec.codec.decode(bytes)
        },
        *range(from, to, limit) {
          for (const [row, bytes] of store.range(rowKey(spec.name, from), rowKey(spec.name, to), limit))
            yield [row.slice(prefix), spec.codec.decode(bytes)]
        },
      }
    },
  }
}
