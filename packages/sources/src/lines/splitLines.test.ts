import { describe, expect, test } from '@jest/globals'
import fc from 'fast-check'
import { type LostLine, type SplitLines, type WholeLine, createSplitLines } from './splitLines.ts'
import { type Row, createSplitRows } from './splitRows.ts'

/** All lines of a text that comes in pieces cut at `cuts`. */
function splitAll<L extends WholeLine | LostLine>(
  split: SplitLines<L>,
  text: Buffer,
  cuts: readonly number[],
): (Omit<L, 'bytes'> & { bytes?: string })[] {
  const lines: (Omit<L, 'bytes'> & { bytes?: string })[] = []
  const keep = (found: L[]): void => {
    for (const line of found)
      lines.push('bytes' in line ? { ...line, bytes: line.bytes.toString() } : (line as never))
  }
  let from = 0
  for (const cut of [...cuts].sort((a, b) => a - b)) {
    keep(split.push(text.subarray(from, cut)))
    from = cut
  }
  keep(split.push(text.subarray(from)))
  keep(split.end())
  return lines
}

const cutsOf = (text: Buffer) => fc.array(fc.nat(text.length), { maxLength: 8 })

describe('lines', () => {
  test('L1: however the text is cut into pieces, the lines are the same', () => {
    const texts = fc.array(fc.constantFrom('{"a":1}', '', ' ', '\r', 'é', '{', 'x'.repeat(40)), {
      maxLength: 12,
    })
    fc.assert(
      fc.property(
        texts
          .map((lines) => Buffer.from(lines.join('\n')))
          .chain((text) => fc.tuple(fc.constant(text), cutsOf(text))),
        ([text, cuts]) => {
          expect(splitAll(createSplitLines(30), text, cuts)).toEqual(splitAll(createSplitLines(30), text, []))
        },
      ),
    )
  })

  test('numbers count every line; blank ones, a byte order mark and returns are no part of any', () => {
    expect(splitAll(createSplitLines(30), Buffer.from('\ufeffa\r\n\n  \nb\n'), [])).toEqual([
      { number: 1, bytes: 'a' },
      { number: 4, bytes: 'b' },
    ])
  })

  test('L2: a line of the limit is whole, one byte more is lost, and the next is whole again', () => {
    const text = Buffer.from(`${'a'.repeat(30)}\n${'b'.repeat(31)}\nc`)
    expect(splitAll(createSplitLines(30), text, [5, 40, 50])).toEqual([
      { number: 1, bytes: 'a'.repeat(30) },
      { number: 2, lostBytes: 31 },
      { number: 3, bytes: 'c' },
    ])
  })
})

describe('rows', () => {
  const rows = (text: string, cuts: readonly number[] = [], max = 60) =>
    splitAll(createSplitRows(max), Buffer.from(text), cuts).map((row) =>
      'cells' in row ? [row.number, (row as unknown as Row).cells] : [row.number, row],
    )

  test('C1: commas, line breaks and quotes in a quoted cell; nothing and an empty text', () => {
    expect(rows('\ufeffa,"b, c",""\r\n"d\n""e""",,f')).toEqual([
      [1, ['a', 'b, c', '']],
      [2, ['d\n"e"', undefined, 'f']],
    ])
  })

  test.each([
    [
      'a quote in the middle',
      'a\nb"c\nd',
      [
        [1, ['a']],
        [2, undefined],
        [3, ['d']],
      ],
    ],
    [
      'text after a quote',
      'a\n"b"c\nd',
      [
        [1, ['a']],
        [2, undefined],
        [3, ['d']],
      ],
    ],
    [
      'a quote that closes at the next row',
      'a\n"b\n"c",d\ne',
      [
        [1, ['a']],
        [2, undefined],
        [3, ['c', 'd']],
        [4, ['e']],
      ],
    ],
    [
      'a quote that is never closed',
      'a\n"b\nc\nd',
      [
        [1, ['a']],
        [2, undefined],
        [3, ['c']],
        [4, ['d']],
      ],
    ],
    [
      'one that is longer than is held',
      `"b\n${'c\n'.repeat(40)}d`,
      [[1, undefined], ...Array.from({ length: 40 }, (_, n) => [n + 2, ['c']]), [42, ['d']]],
    ],
  ])('C2: %s costs its line only', (_, text, expected) => {
    expect(rows(text)).toEqual(expected)
    expect(
      rows(
        text,
        Array.from({ length: text.length }, (_each, at) => at),
      ),
    ).toEqual(expected)
  })

  test('C3: a row of more than is held is lost alone', () => {
    expect(rows(`a\n${'b'.repeat(100)}\nc\n`, [20, 40, 70])).toEqual([
      [1, ['a']],
      [2, { number: 2, lostBytes: 100 }],
      [3, ['c']],
    ])
  })

  test('whatever is written as CSV is read back, however it is cut', () => {
    const cell = fc.option(fc.constantFrom('a', '', 'b,c', 'd"e', 'f\ng', 'é', '\r\n', '"'), {
      nil: undefined,
    })
    const table = fc.array(
      fc.array(cell, { minLength: 1, maxLength: 4 }).filter((each) => each.some((one) => one !== undefined)),
      { maxLength: 6 },
    )
    const written = table.map((given) => ({
      given,
      text: Buffer.from(
        given
          .map((row) =>
            row.map((each) => (each === undefined ? '' : `"${each.replaceAll('"', '""')}"`)).join(','),
          )
          .join('\n'),
      ),
    }))
    fc.assert(
      fc.property(
        written.chain(({ given, text }) => fc.tuple(fc.constant(given), fc.constant(text), cutsOf(text))),
        ([given, text, cuts]) => {
          const read = splitAll(createSplitRows(1000), text, cuts)
          expect(read.map((row) => (row as unknown as Row).cells)).toEqual(given)
        },
      ),
    )
  })
})
