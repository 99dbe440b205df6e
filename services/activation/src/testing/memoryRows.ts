/** A table in memory, with the guard of versions; it can be away, and refuse what a column would not take. */
import type { RowStore } from '../postgres/rowStore.ts'
import type { Row } from '../postgres/rows.ts'

export interface MemoryRows extends RowStore {
  readonly held: ReadonlyMap<string, Row>
  /** Every row that was taken, in order. */
  readonly history: readonly Row[]
  /** Rows of each write. */
  readonly writes: readonly number[]
  /** Thrown by what is asked while it is set. */
  fault: Error | undefined
  /** SQLSTATE for a row that does not fit. */
  refuses: (row: Row) => string | undefined
}

export function createMemoryRows(): MemoryRows {
  const held = new Map<string, Row>()
  const history: Row[] = []
  const writes: number[] = []
  return {
    held,
    history,
    writes,
    fault: undefined,
    refuses: () => undefined,
    async write(_target, rows) {
      writes.push(rows.length)
      if (this.fault) throw this.fault
      for (const row of rows) {
        const code = this.refuses(row)
        if (code !== undefined) throw Object.assign(new Error('a value'), { code })
      }
      for (const row of rows) {
        const before = held.get(row.profileId)
        if (before && before.version > row.version) continue
        held.set(row.profileId, row)
        history.push(row)
      }
    },
    async probe() {
      if (this.fault) throw this.fault
    },
    close: async () => undefined,
  }
}
