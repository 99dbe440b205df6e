/** What is asked of ClickHouse does not depend on how much of it is in parameters. */
import { afterAll, beforeAll, expect, test } from '@jest/globals'
import { createAnchoredEvents } from '@tributary/clickhouse-log'
import { eventRecord } from '@tributary/clickhouse-log/testing'
import { topics } from '@tributary/contracts'
import { put } from './filledLog.ts'
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

test('a list that is too long for one parameter of a server is answered as a short one is', async () => {
  const all = [...Array.from({ length: 10_000 }, (_, i) => `${i}`.padStart(32, '0')), ...odd]
  expect(await log.clickhouse.query(sql, { all, number: 1 })).toEqual(
    all.map((each) => ({ each, number: '1' })),
  )
})

test('the events of a person with 10,000 identifiers are found', async () => {
  const anchors = Array.from({ length: 10_000 }, (_, i) => `${i}`.padStart(32, '0'))
  const last = anchors.at(-1)!
  const identifiers = [{ type: 'anonymous_id', value: 'v', id: last }]
  await put(log, topics.events, 0, [eventRecord(0, { anchor: last, identifiers, messageId: 'last' })])
  const events = createAnchoredEvents(log.clickhouse, 1)
  expect(await events.read({ anchors, limit: 5, after: undefined })).toMatchObject([{ messageId: 'last' }])
})
