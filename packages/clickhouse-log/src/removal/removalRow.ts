/** The row of `removals`: what is taken out of the log on purpose, a lot of one partition at a time. */
import type { ClickHouse } from '../clickHouse.ts'
import { array, int64, millis, nullable, string, uint32, uint64, word } from '../rows/columnType.ts'
import { type RowOf, writeRow } from '../rows/logTable.ts'
import { RowWriter } from '../rows/rowWriter.ts'
import { NO_FIGURES } from './lotFigures.ts'

/** expired: older than the workspace keeps; erased: of a person who is forgotten. */
export type RemovalReason = 'expired' | 'erased'

export const removalColumns = {
  id: string,
  step: word,
  at: millis,
  reason: word,
  rule: string,
  until: nullable(millis),
  table_name: word,
  topic: word,
  partition: uint32,
  rows: uint64,
  offsets: uint64,
  first: array(uint64),
  last: array(uint64),
  stamp_epochs: array(uint32),
  stamp_writers: array(word),
  stamp_seqs: array(uint64),
  versions: array(uint64),
  sources: array(word),
  source_rows: array(uint64),
  source_events: array(uint64),
  source_event_inputs: array(int64),
  source_rejected_inputs: array(int64),
  source_both_inputs: array(int64),
  source_redriven_inputs: array(int64),
  events: uint64,
  copies: uint64,
  foldable: uint64,
  filed_nowhere: uint64,
  filed_twice: uint64,
} as const

/** Texts here are never bytes. */
export type RemovalRow = RowOf<typeof removalColumns> & { readonly id: string; readonly rule: string }

const NOTHING = {
  rows: 0,
  offsets: 0,
  first: [],
  last: [],
  stamp_epochs: [],
  stamp_writers: [],
  stamp_seqs: [],
  versions: [],
  ...NO_FIGURES,
} as const satisfies Partial<RemovalRow>

/** Which lot a step is of. */
export type RemovalName = Pick<
  RemovalRow,
  'id' | 'reason' | 'rule' | 'until' | 'table_name' | 'topic' | 'partition'
>

/** One row, so all of it is there or nothing. */
export async function declareRemoval(clickhouse: ClickHouse, row: RemovalRow): Promise<void> {
  const rows = new RowWriter()
  writeRow(rows, removalColumns, row)
  await clickhouse.insertRowBinary({
    table: 'removals',
    columns: Object.keys(removalColumns),
    token: `${row.id}:${row.step}`,
    rows: rows.bytes(),
  })
}

/** A further step of lots that were declared: it repeats nothing of what they hold. */
export async function takeStep(
  clickhouse: ClickHouse,
  step: 'withdrawn' | 'removed',
  lots: readonly RemovalName[],
  nowMs: number,
): Promise<void> {
  for (const lot of lots)
    // oxlint-disable-next-line no-await-in-loop -- one after the other
    await declareRemoval(clickhouse, { ...NOTHING, ...lot, step, at: nowMs })
}
