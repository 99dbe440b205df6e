import { expect, test } from '@jest/globals'
import { splitLongParams } from './splitLongParams.ts'

const ids = (n: number) => Array.from({ length: n }, (_, i) => String(i).padStart(32, '0'))

test('what fits is left as it is', () => {
  const question = {
    sql: 'SELECT has({ids:Array(String)}, x), {n:UInt32}',
    params: { ids: ids(2_000), n: 1, none: [], text: 'x'.repeat(200_000) },
  }
  expect(splitLongParams(question)).toEqual(question)
})

test('a long list is in several parameters of a size a server takes, in order, wherever it is used', () => {
  const all = ids(10_000)
  const { sql, params } = splitLongParams({
    sql: 'SELECT has({ids:Array(String)}, x) AND hasAny({ids:Array(String)}, y), {n:UInt32}',
    params: { ids: all, n: 1 },
  })
  const whole =
    'arrayConcat({ids_part_0:Array(String)}, {ids_part_1:Array(String)}, {ids_part_2:Array(String)}, {ids_part_3:Array(String)})'
  expect(sql).toBe(`SELECT has(${whole}, x) AND hasAny(${whole}, y), {n:UInt32}`)
  const { n, ...parts } = params
  expect(n).toBe(1)
  expect(Object.values(parts).flat()).toEqual(all)
  for (const part of Object.values(parts)) expect(JSON.stringify(part).length).toBeLessThan(128 * 1024)
})

test('escapes count, and numbers are split as well', () => {
  const { params } = splitLongParams({
    sql: '{a:Array(String)} {b:Array(UInt64)}',
    params: { a: ["'".repeat(30_000), "'".repeat(30_000)], b: Array.from({ length: 30_000 }, (_, i) => i) },
  })
  expect(Object.keys(params)).toEqual(['a_part_0', 'a_part_1', 'b_part_0', 'b_part_1'])
})
