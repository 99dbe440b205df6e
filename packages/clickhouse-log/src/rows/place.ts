/** The first columns of every log table: where the record stands, and what its writer stamped on it. */
import type { Stamp } from '@tributary/contracts/generated/tributary/ledger/v1/stamp'
import { millis, string, uint32, uint64, word } from './columnType.ts'
import type { LogPlace, LogRecord } from './logTable.ts'

export const placeColumns = {
  topic: word,
  partition: uint32,
  offset: uint64,
  gap: uint32,
  appended: millis,
} as const

export function placeOf(place: LogPlace, record: LogRecord) {
  return {
    topic: place.topic,
    partition: place.partition,
    offset: record.offset,
    gap: record.gap,
    appended: record.timestampMs,
  }
}

export const stampColumns = { epoch: uint32, writer: word, seq: uint64 } as const

/** A record without a stamp was not written by a task: by an operator's command, for example. */
export function stampOf(stamp: Stamp | undefined) {
  return { epoch: stamp?.epoch ?? 0, writer: stamp?.writer ?? '', seq: stamp?.seq ?? 0 }
}

/** Public topics are JSON, so their stamp is in the CloudEvents id. */
export const cloudEventColumns = { epoch: uint32, seq: uint64, ce_id: string, ce_type: word } as const

/** `<epoch>-<topic short name>-<partition>-<seq>`; the short name may hold hyphens. */
const CE_ID = /^(\d{1,9})-.+-\d{1,9}-(\d{1,15})$/

export function cloudEventOf(record: LogRecord) {
  const id = headerText(record, 'ce_id')
  const parts = CE_ID.exec(id)
  return {
    epoch: parts ? Number(parts[1]) : 0,
    seq: parts ? Number(parts[2]) : 0,
    ce_id: id,
    ce_type: headerText(record, 'ce_type'),
  }
}

function headerText(record: LogRecord, name: string): string {
  const value = record.headers[name]
  if (value === undefined) return ''
  return typeof value === 'string' ? value : Buffer.from(value).toString('utf8')
}
