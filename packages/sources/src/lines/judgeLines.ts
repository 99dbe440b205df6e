/**
 * From the lines of an upload to a verdict on each. Pure: ids and the time are arguments; nothing is sent.
 *
 *  J1. Every line is in exactly one of accepted, rejected (kept whole) and refused (not kept: it is the sender's).
 *  J2. A row of CSV is kept below its header, so that it can be read on its own.
 */
import {
  type Circumstances,
  type Json,
  type ReceivedItem,
  type Verdict,
  admitEvent,
  readSingle,
  setOwn,
  sharedOf,
} from '@tributary/domain'
import { type LostLine, type WholeLine } from './splitLines.ts'
import { type Cells, type Row } from './splitRows.ts'

/** The first row of a CSV: names of its columns, and its bytes. */
export interface Header {
  readonly names: readonly string[]
  readonly bytes: Buffer
}

export interface JudgedLine {
  readonly line: number
  /** The bytes that are kept. */
  readonly input: Buffer
  readonly verdict: Verdict
}

export interface LineArrival {
  readonly uploadId: string
  readonly receivedMs: number
  readonly messageIdOf: (line: number) => string
}

/** Origin of a line: never the same for two. */
export function lineOrigin(uploadId: string, line: number): string {
  return `http:${uploadId}:${line}`
}

/** Of a line of a named upload that has none of its own: the same file sent again counts once. */
export function uploadMessageId(circumstances: Circumstances, upload: string, line: number): string {
  return circumstances.digest(['upload', circumstances.sourceId, upload, String(line)])
}

const decode = (bytes: Uint8Array, start: number, end: number): string =>
  (bytes as Buffer).toString('utf8', start, end)

/** Says what is wrong with a header. */
export function readHeader(row: Row | LostLine | undefined): Header | { readonly problem: string } {
  if (!row) return { problem: 'there is no header: its first row names the columns' }
  if (!('cells' in row) || !row.cells) return { problem: 'the header is no row of CSV' }
  const names = row.cells.map((cell) => cell?.trim() ?? '')
  if (names.includes('')) return { problem: `column ${names.indexOf('') + 1} of the header has no name` }
  const twice = names.find((name, index) => names.indexOf(name) !== index)
  if (twice !== undefined) return { problem: `the header names "${twice.slice(0, 100)}" twice` }
  return { names, bytes: Buffer.from(row.bytes) }
}

export function judgeLines(
  lines: readonly (WholeLine | Row)[],
  header: Header | undefined,
  circumstances: Circumstances,
  arrival: LineArrival,
): JudgedLine[] {
  const shared = sharedOf(circumstances)
  return lines.map((line): JudgedLine => {
    const { number } = line
    const input = header ? Buffer.concat([header.bytes, NEWLINE, line.bytes]) : line.bytes
    const item =
      header && 'cells' in line ? rowItem(line.cells, header, input) : readSingle(line.bytes, decode)
    const verdict: Verdict =
      'code' in item
        ? {
            rejected: {
              code: item.code === 'invalid_row' ? 'invalid_row' : 'invalid_json',
              message: item.message,
            },
          }
        : admitEvent(
            item,
            circumstances,
            {
              origin: lineOrigin(arrival.uploadId, number),
              receivedMs: arrival.receivedMs,
              newMessageId: () => arrival.messageIdOf(number),
            },
            shared,
          )
    return { line: number, input, verdict }
  })
}

const NEWLINE = Buffer.from('\n')

function rowItem(
  cells: Cells | undefined,
  { names }: Header,
  bytes: Buffer,
): ReceivedItem | { readonly code: 'invalid_row'; readonly message: string } {
  if (!cells)
    return {
      code: 'invalid_row',
      message: 'no row of CSV: a quote is out of place, or one that opens a cell is never closed',
    }
  if (cells.length !== names.length)
    return {
      code: 'invalid_row',
      message: `the row has ${cells.length} cells, the header names ${names.length}`,
    }
  const value: { [key: string]: Json } = {}
  for (const [index, name] of names.entries()) {
    const cell = cells[index]
    if (cell !== undefined) setOwn(value, name, cell)
  }
  return { bytes, value, depth: 1, canonical: false, text: () => JSON.stringify(value) }
}
