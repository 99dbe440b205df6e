import type { ReadableRows } from './ports/store.ts'
import type { ReadTable, StateView, TableSpec, Topology } from './processor.ts'
import { rowNames } from './rowKey.ts'

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
      const names = rowNames(spec)
      return {
        get(key) {
          const bytes = store.get(names.row(key))
          return bytes === undefined ? undefined : spec.codec.decode(bytes)
        },
        *range(from, to, limit = Infinity) {
          let left = limit
          if (left <= 0) return
          for (const [row, bytes] of store.range(names.from(from), names.from(to))) {
            const key = names.keyOf(row)
            if (key === undefined) continue
            yield [key, spec.codec.decode(bytes)]
            if (--left <= 0) return
          }
        },
      }
    },
  }
}
