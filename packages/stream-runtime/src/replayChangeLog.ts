/**
 * From records of a change log to writes of the store: what a restore does, in pieces.
 */
import type { TopicSpec } from '@tributary/contracts'
import { CLAIM_KEY, FLOOR_PREFIX, META_KEY, rowKey } from './rowKey.ts'
import type { ReadRecord } from './ports/log.ts'
import type { RowChange, StoreWrite } from './ports/store.ts'

type Piece = Required<Pick<StoreWrite, 'rows' | 'deletedRanges'>>

/** Pieces to write one after another: a floor deletes what came before it, and only that. */
export function replayChangeLog(
  log: TopicSpec,
  metaLog: TopicSpec,
  records: readonly Pick<ReadRecord, 'key' | 'value'>[],
): Piece[] {
  const pieces: Piece[] = []
  let rows: RowChange[] = []
  let deletedRanges: { from: string; to: string }[] = []
  for (const record of records) {
    const key = record.key?.toString() ?? ''
    if (key.startsWith(FLOOR_PREFIX)) {
      if (rows.length > 0) {
        pieces.push({ rows, deletedRanges })
        rows = []
        deletedRanges = []
      }
      const table = key.slice(FLOOR_PREFIX.length)
      const floor = record.value?.toString() ?? ''
      deletedRanges.push({ from: rowKey(table, ''), to: rowKey(table, floor) })
    } else if (key === META_KEY) {
      if (log.name === metaLog.name) rows.push({ key, value: record.value })
    } else if (key !== CLAIM_KEY) {
      rows.push({ key, value: record.value })
    }
  }
  if (rows.length > 0 || deletedRanges.length > 0) pieces.push({ rows, deletedRanges })
  return pieces
}
