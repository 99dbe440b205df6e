/** The migrations on the real engine, and that the rows of the code are the tables of the SQL. */
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals'
import { checkMigrations, connectClickHouse, migrate } from '@tributary/clickhouse-log'
import {
  createClickHouseLogStore,
  eventRecord,
  logTableOf,
  logTables,
  quarantineTable,
  readMigrations,
  recordOf,
} from '@tributary/clickhouse-log/testing'
import { topics } from '@tributary/contracts'
import { testStack } from '../../support/testStack.ts'
import { uniquePrefix } from '../../support/uniquePrefix.ts'
import { type LogDatabase, createLogDatabase } from './logDatabase.ts'

let log: LogDatabase
beforeAll(async () => {
  log = await createLogDatabase()
})
afterAll(() => log.drop())

describe('migrations', () => {
  test('are applied once, and a second run finds nothing to do', async () => {
    const again = await migrate({ client: log.clickhouse })
    expect(again.applied).toEqual([])
    expect(again.present).toEqual(readMigrations().map((migration) => migration.name))
    await checkMigrations({ client: log.clickhouse })
  })

  test('two that run at the same time end in one database, each registered once', async () => {
    const connection = { url: testStack().clickhouseUrl, database: uniquePrefix('log') }
    const [one, other] = [connectClickHouse(connection), connectClickHouse(connection)]
    await Promise.all([migrate({ client: one }), migrate({ client: other })])
    const rows = await one.query<{ version: number }>(`SELECT version FROM ${one.table('migrations')}`)
    expect(rows).toHaveLength(readMigrations().length)
    await one.command(`DROP DATABASE ${connection.database}`)
    await Promise.all([one.close(), other.close()])
  })

  test('a file that changed since is an error, and nothing is done', async () => {
    const [first, ...rest] = readMigrations()
    const changed = [{ ...first!, checksum: 'other' }, ...rest]
    await expect(migrate({ client: log.clickhouse, migrations: changed })).rejects.toThrow(
      'has changed since it was applied',
    )
  })

  test('a database without them is told from one with them, with the remedy', async () => {
    const empty = connectClickHouse({ url: testStack().clickhouseUrl, database: uniquePrefix('none') })
    await expect(checkMigrations({ client: empty })).rejects.toThrow('tributary migrate')
    await empty.close()
  })
})

describe('each table', () => {
  test.each([...logTables, quarantineTable].map((table) => [table.name, table] as const))(
    '%s has the columns its rows are written with',
    async (name, table) => {
      const columns = await log.clickhouse.query<{ name: string; type: string }>(
        `SELECT name, type FROM system.columns WHERE database = {database:String} AND table = {name:String}`,
        { database: log.clickhouse.database, name },
      )
      const expected = Object.entries(table.columns).map(([column, type]) => [column, type.name])
      expect(columns.map((column) => [column.name, column.type])).toEqual([
        ...expected,
        ['stored', "DateTime64(3, 'UTC')"],
      ])
    },
  )
})

test('every byte value in raw comes back as it was, valid text or not', async () => {
  const everyByte = Buffer.from(Array.from({ length: 256 }, (_, byte) => byte))
  // Also as the very first bytes of the body, where a reader of statements might take them for white space.
  const awkward = [Buffer.from('\n'), Buffer.from(' \t\r\n;'), Buffer.from([0xed, 0xa0, 0x80]), everyByte]
  const store = createClickHouseLogStore(log.clickhouse, () => logTableOf(topics.events))
  const place = { topic: '\n', partition: 10 }
  const records = awkward.map((raw, offset) => eventRecord(offset, { raw, sourceId: '\n' }))
  expect(await store.store(place, { epoch: 1, first: 0, last: 3, records })).toEqual({
    kind: 'stored',
    unreadable: 0,
  })
  const rows = await log.clickhouse.query<{ raw: string; source: string }>(
    `SELECT hex(raw) AS raw, source FROM ${log.clickhouse.table('events')} WHERE partition = 10 ORDER BY \`offset\``,
  )
  expect(rows.map((row) => Buffer.from(row.raw, 'hex'))).toEqual(awkward)
  expect(rows.map((row) => row.source)).toEqual(['\n', '\n', '\n', '\n'])
})

test('times that a table cannot hold are clamped, and the insert goes on', async () => {
  const store = createClickHouseLogStore(log.clickhouse, () => logTableOf(topics.events))
  const place = { topic: 'times', partition: 0 }
  const records = [
    eventRecord(0, { timeMs: -1e15 }),
    eventRecord(1, { timeMs: 1e15 }),
    recordOf(2, eventRecord(2).value, { timestampMs: Number.MAX_SAFE_INTEGER }),
    eventRecord(3, { timeMs: -1 }),
  ]
  // Three months that are centuries apart: each would be a partition of its own.
  for (const record of records) {
    const { offset } = record
    const outcome = await store.store(place, { epoch: 1, first: offset, last: offset, records: [record] })
    expect(outcome).toMatchObject({ kind: 'stored' })
  }
  const rows = await log.clickhouse.query<{ time: string; flags: string[] }>(
    `SELECT toString(time) AS time, time_flags AS flags FROM ${log.clickhouse.table('events')} WHERE topic = 'times' ORDER BY \`offset\``,
  )
  expect(rows.map((row) => row.time)).toEqual([
    '1900-01-01 00:00:00.000',
    '2299-12-31 23:59:59.999',
    '2026-03-01 12:00:00.000',
    '1969-12-31 23:59:59.999',
  ])
  expect(rows[0]!.flags).toContain('clamped')
})
