/** What is asked of ClickHouse does not depend on how much of it is in parameters. */
import { afterAll, beforeAll, expect, test } from '@jest/globals'
import { type LogDatabase, createLogDatabase } from './logDatabase.ts'

let log: LogDatabase
beforeAll(async () => {
  log = await createLogDatabase()
})
afterAll(() => log.drop())

/** 1,000 identifiers, as many as one question names, and what a source may call a message. */
const ids = Array.from({ length: 1_000 }, (_, i) => `${i}`.padStart(32, '0'))
const odd = ["it's", 'a "b"', 'tab\tand\nline\r\n', 'back\\slash', 'ünï¢ode 🙂', '--boundary', '']
const sql = 'SELECT arrayJoin({all:Array(String)}) AS each, {number:Int64} AS number'

test('a question with 40 kB of parameters is answered as a short one is', async () => {
  const rows = await log.clickhouse.query(sql, { all: [...ids, ...odd], number: -1 })
  expect(rows).toEqual([...ids, ...odd].map((each) => ({ each, number: '-1' })))
  expect(await log.clickhouse.query(sql, { all: odd, number: -1 })).toEqual(
    odd.map((each) => ({ each, number: '-1' })),
  )
})

test('an answer that is read in lots may be asked for with 40 kB of parameters', async () => {
  const rows: object[] = []
  for await (const lot of log.clickhouse.stream(sql, { all: [...ids, ...odd], number: 7 })) rows.push(...lot)
  expect(rows).toEqual([...ids, ...odd].map((each) => ({ each, number: '7' })))
})
