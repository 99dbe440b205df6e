/**
 * Cuts a stream of CSV (RFC 4180, with commas) into rows of cells as they come.
 *
 *  C1. A quoted cell may hold commas, line breaks and doubled quotes. An empty cell without quotes is undefined: nothing
 *      was said; `""` is an empty text.
 *  C2. A row that is none (a quote out of place, or never closed) costs its first line only: reading goes on at the next.
 *  C3. At most `maxBytes` of an incomplete row are held.
 */
import { markLength, type LostLine, type SplitLines, type WholeLine } from './splitLines.ts'

export type Cells = readonly (string | undefined)[]

export interface Row extends WholeLine {
  /** Undefined when it is no row. */
  readonly cells: Cells | undefined
}

const NEWLINE = 0x0a
const RETURN = 0x0d
const COMMA = 0x2c
const QUOTE = 0x22

export function createSplitRows(maxBytes: number): SplitLines<Row | LostLine> {
  let held: Buffer = Buffer.alloc(0)
  let number = 1
  let first = true
  /** Bytes of a line that is thrown away to its end. */
  let lost = 0

  function takeRows(text: Buffer, isEnd: boolean): (Row | LostLine)[] {
    const rows: (Row | LostLine)[] = []
    let at = 0
    while (at < text.length) {
      if (lost > 0) {
        const end = text.indexOf(NEWLINE, at)
        lost += (end < 0 ? text.length : end) - at
        if (end < 0 && !isEnd) {
          at = text.length
          break
        }
        rows.push({ number: number++, lostBytes: lost })
        lost = 0
        at = end < 0 ? text.length : end + 1
        continue
      }
      const row = readRow(text, at, isEnd)
      if (row === 'incomplete' && text.length - at <= maxBytes) break
      if (row === 'incomplete' || row === 'no-row') {
        const end = text.indexOf(NEWLINE, at)
        if (end < 0 && !isEnd) {
          // One line of more than is held.
          if (text.length - at <= maxBytes) break
          lost = text.length - at
          at = text.length
          break
        }
        const stop = end < 0 ? text.length : end
        rows.push({ number: number++, bytes: withoutReturn(text.subarray(at, stop)), cells: undefined })
        at = stop + 1
        continue
      }
      const bytes = text.subarray(at, row.end)
      if (row.cells.some((cell) => cell !== undefined)) rows.push({ number, bytes, cells: row.cells })
      number += 1 + lineBreaks(bytes)
      at = row.next
    }
    held = Buffer.from(text.subarray(Math.min(at, text.length)))
    return rows
  }

  function joined(chunk: Buffer): Buffer {
    const text = held.length === 0 ? chunk : Buffer.concat([held, chunk])
    if (!first || text.length < 3) return text
    first = false
    return text.subarray(markLength(text))
  }

  return {
    push(chunk) {
      return takeRows(joined(chunk), false)
    },
    end() {
      const rows = takeRows(held, true)
      if (lost === 0) return rows
      rows.push({ number, lostBytes: lost })
      lost = 0
      return rows
    },
  }
}

interface ReadRow {
  readonly cells: Cells
  /** After its last byte, and after its line break. */
  readonly end: number
  readonly next: number
}

function readRow(text: Buffer, start: number, isEnd: boolean): ReadRow | 'incomplete' | 'no-row' {
  const cells: (string | undefined)[] = []
  let at = start
  for (;;) {
    if (text[at] === QUOTE) {
      const close = closingQuote(text, at + 1)
      // Whether a quote at the very end is doubled is seen in what comes next.
      if (close < 0 || (close + 1 === text.length && !isEnd)) return isEnd ? 'no-row' : 'incomplete'
      cells.push(text.toString('utf8', at + 1, close).replaceAll('""', '"'))
      at = close + 1
    } else {
      let end = at
      while (end < text.length && text[end] !== COMMA && text[end] !== NEWLINE) {
        if (text[end] === QUOTE) return 'no-row'
        end++
      }
      if (end === text.length && !isEnd) return 'incomplete'
      const stop = end > at && text[end] !== COMMA && text[end - 1] === RETURN ? end - 1 : end
      cells.push(stop === at ? undefined : text.toString('utf8', at, stop))
      at = stop
    }
    if (text[at] === COMMA) {
      at++
      continue
    }
    const end = at
    if (text[at] === RETURN) at++
    if (at >= text.length) return isEnd ? { cells, end, next: at } : 'incomplete'
    return text[at] === NEWLINE ? { cells, end, next: at + 1 } : 'no-row'
  }
}

function closingQuote(text: Buffer, from: number): number {
  let at = text.indexOf(QUOTE, from)
  while (at >= 0 && text[at + 1] === QUOTE) at = text.indexOf(QUOTE, at + 2)
  return at
}

function withoutReturn(line: Buffer): Buffer {
  return line.at(-1) === RETURN ? line.subarray(0, -1) : line
}

function lineBreaks(bytes: Buffer): number {
  let count = 0
  for (let at = bytes.indexOf(NEWLINE); at >= 0; at = bytes.indexOf(NEWLINE, at + 1)) count++
  return count
}
