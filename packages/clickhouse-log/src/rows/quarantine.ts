/** Where a record goes that its own table does not take: whole, with the reason, its position still accounted for. */
import { bool, map, string } from './columnType.ts'
import { type LogPlace, type LogRecord, writeRow } from './logTable.ts'
import { placeColumns, placeOf } from './place.ts'
import type { RowWriter } from './rowWriter.ts'

export const quarantineTable = {
  name: 'quarantine',
  columns: {
    ...placeColumns,
    reason: string,
    key: string,
    value: string,
    has_value: bool,
    headers: map(string, string),
  },
} as const

export function writeQuarantined(out: RowWriter, place: LogPlace, record: LogRecord, reason: string): void {
  const headers: Record<string, string | Uint8Array> = {}
  for (const [name, value] of Object.entries(record.headers)) if (value !== undefined) headers[name] = value
  writeRow(out, quarantineTable.columns, {
    ...placeOf(place, record),
    reason,
    key: record.key ?? '',
    value: record.value ?? '',
    has_value: record.value !== null,
    headers,
  })
}
