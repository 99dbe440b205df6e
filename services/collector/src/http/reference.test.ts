import { readFileSync } from 'node:fs'
import { expect, test } from '@jest/globals'
import { rejectionCodes } from '@tributary/domain'
import { answerCodes } from './answer.ts'
import { UPLOAD_PATH, ingestPaths } from './route.ts'

const file = new URL('../../../../docs/reference/ingest.md', import.meta.url)
/** Tables are padded by the formatter. */
const read = (url: URL): string => readFileSync(url, 'utf8').replaceAll(/ +/g, ' ')
const reference = read(file)
const errors = read(new URL('errors.md', file))

/** What stands below a heading, up to the next of its rank. */
function section(text: string, heading: string): string {
  const from = text.indexOf(`\n## ${heading}\n`)
  const to = text.indexOf('\n## ', from + 1)
  return text.slice(from, to < 0 ? undefined : to)
}
const rowsOf = (text: string, row: RegExp): string[] =>
  [...text.matchAll(row)].map((found) => found.slice(1).join(' '))

const answers = Object.entries(answerCodes).map(([code, { status }]) => `${status} ${code}`)

test('every answer stands in the reference with its status, and none that is not given', () => {
  const rows = rowsOf(section(reference, 'Answers'), /^\| (\d{3}) \| `(\w+)` \|/gm)
  expect(rows.sort()).toEqual(answers.sort())
})

test('every reason for a reject stands in the reference, and none that is not given', () => {
  const rows = rowsOf(section(reference, 'Rejected events'), /^\| `(\w+)` \|/gm)
  expect(rows.sort()).toEqual(Object.keys(rejectionCodes).sort())
})

test('the list of errors has every code with its status, and none that is not given', () => {
  const list = section(errors, 'Every code')
  const rows = rowsOf(list, /^\| `(\w+)` \| ([^|]+) \|/gm)
  const places = [
    ...Object.entries(answerCodes).map(([code, { status }]) => [code, `answer ${status}`] as const),
    ...Object.keys(rejectionCodes).map((code) => [code, 'reject'] as const),
    ['line_too_large', 'line of a file'] as const,
    ['no_record', '`tributary map`'] as const,
  ]
  const expected = new Map<string, string[]>()
  for (const [code, place] of places) expected.set(code, [...(expected.get(code) ?? []), place])
  expect(rows).toEqual(
    [...expected]
      .map(([code, found]) => `${code} ${found.join(', ')}`)
      .sort((one, other) => (one < other ? -1 : 1)),
  )
})

test('the page of errors says what to do with every status, and with no other', () => {
  const rows = rowsOf(section(errors, 'What to do with each status'), /^\| ([\d, ]+) \|/gm)
  const said = rows.flatMap((row) => row.trim().split(', ')).map(Number)
  const given = new Set(Object.values(answerCodes).map(({ status }) => status as number))
  expect(new Set(said)).toEqual(new Set([200, ...given]))
})

test('every path stands in the reference', () => {
  expect([...ingestPaths, UPLOAD_PATH].filter((path) => !reference.includes(`${path}\``))).toEqual([])
})
