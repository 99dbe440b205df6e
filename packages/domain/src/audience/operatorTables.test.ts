/** The tables of docs/reference/audiences.md that say what operators and dates mean are what the code does. */
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from '@jest/globals'
import { type Json } from '../event/json.ts'
import { type Comparison, comparisonOperators, compares } from './comparison.ts'
import { compileAudience } from './compileAudience.ts'

const page = readFileSync(join(import.meta.dirname, '../../../../docs/reference/audiences.md'), 'utf8')

/** Rows of the table whose first cell of the head is that, without the head. */
function tableOf(first: string): string[][] {
  const lines = page.split('\n')
  const from = lines.findIndex((line) => line.startsWith(`| ${first} `))
  expect(from).toBeGreaterThan(0)
  const length = lines.slice(from).findIndex((line) => !line.startsWith('|'))
  const rows = lines.slice(from, from + length).map((line) =>
    line
      .split(/(?<!\\)\|/)
      .slice(1, -1)
      .map((cell) => cell.trim().replaceAll('`', '')),
  )
  return [rows[0]!, ...rows.slice(2)]
}

test('each operator holds for the values the page says, and for no other', () => {
  const [head, ...rows] = tableOf('holds for')
  const values = head!.slice(1).map((text) => (text === 'nothing' ? undefined : (JSON.parse(text) as Json)))
  for (const [written, ...cells] of rows) {
    const comparison = written === '' ? {} : (JSON.parse(written!) as Comparison)
    expect([written, ...cells]).toEqual([
      written,
      ...values.map((value) => (compares(value, comparison) ? 'yes' : '')),
    ])
  }
  const operators = new Set(rows.flatMap(([written]) => Object.keys(JSON.parse(written || '{}') as object)))
  expect([...operators].sort()).toEqual([...comparisonOperators].sort())
})

test('a date begins and a time is when the page says', () => {
  const rows = tableOf('since').slice(1)
  expect(rows.length).toBeGreaterThan(3)
  for (const [since, instant] of rows) {
    const [aggregate] = compileAudience({ event: 'E', since: since! }, (text) => text).aggregates
    expect([since, new Date(aggregate!.fromMs!).toISOString()]).toEqual([since, instant])
  }
})
