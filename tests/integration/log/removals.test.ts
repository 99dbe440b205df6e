/** What is taken out of the log on purpose: the ledger balances before, between and after, and nothing else may go. */
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals'
import { readFileSync } from 'node:fs'
import {
  type ClickHouse,
  type RetentionRules,
  audit,
  findExpired,
  ledgerLine,
  measureRecent,
  openRemovals,
  removeExpired,
} from '@tributary/clickhouse-log'
import { START_MS, createClickHouseLogStore, logTableOf } from '@tributary/clickhouse-log/testing'
import { topics } from '@tributary/contracts'
import { fillLog, totals } from './filledLog.ts'
import { ends, killedBefore } from './killedBefore.ts'
import { type LogDatabase, createLogDatabase } from './logDatabase.ts'

let log: LogDatabase
beforeEach(async () => {
  log = await createLogDatabase()
  await fillLog(log)
})
afterEach(() => log.drop())

const ask = () => audit({ clickhouse: log.clickhouse, prefix: 'none', totals, hoursSinceMs: START_MS })
const options = (clickhouse: ClickHouse = log.clickhouse) => ({
  clickhouse,
  now: () => START_MS,
  interrupted: new AbortController().signal,
})
/** Received before 12:00:10: events 0 to 9 when times of receipt go by the second. */
const rules: RetentionRules = {
  events: { beforeMs: START_MS + 10_000, rule: 'retention.events 1d' },
  rejected: { beforeMs: START_MS + 2_000, rule: 'retention.rejected 1d' },
}

/** Times of receipt a second apart, as the rows of a test cannot be made with. */
async function receiveBySecond(): Promise<void> {
  for (const table of ['events', 'rejected'])
    // oxlint-disable-next-line no-await-in-loop -- two, one after the other
    await log.clickhouse.command(
      `ALTER TABLE ${log.clickhouse.table(table)}
      UPDATE received = fromUnixTimestamp64Milli(toInt64(${START_MS} + \`offset\` * 1000), 'UTC') WHERE 1
      SETTINGS mutations_sync = 2`,
    )
}
beforeEach(receiveBySecond)

async function count(table: string, condition = '1'): Promise<number> {
  const [row] = await log.clickhouse.query<{ n: string }>(
    `SELECT count() AS n FROM ${log.clickhouse.table(table)} WHERE ${condition}`,
  )
  return Number(row!.n)
}

test('a dry run says what goes by source, partition and offsets, and changes nothing', async () => {
  const found = await findExpired(log.clickhouse, rules)
  expect(
    found.map(({ table, source, rows, firstOffset, lastOffset }) => [
      table,
      source,
      rows,
      firstOffset,
      lastOffset,
    ]),
  ).toEqual([
    ['events', 'pos', 5, 1, 9],
    ['events', 'web', 5, 0, 8],
    ['rejected', 'web', 2, 0, 1],
  ])
  expect(await count('events')).toBe(22)
})

test('what is older is gone from disk, and the ledger says how much and balances', async () => {
  const before = await ask()
  expect(await removeExpired(options(), rules)).toBe(12)
  expect(await count('events')).toBe(12)
  expect(await count('rejected')).toBe(1)
  const [parts] = await log.clickhouse.query<{ masked: string; rows: string }>(
    `SELECT sum(has_lightweight_delete) AS masked, sum(rows) AS rows FROM system.parts
    WHERE active AND database = {database:String} AND table = 'events'`,
    { database: log.clickhouse.database },
  )
  expect(parts).toEqual({ masked: '0', rows: '12' })
  const report = await ask()
  expect(report.findings).toEqual([])
  expect(ledgerLine(report)).toContain('stored ')
  expect(report.stored).toMatchObject({ expired: 12, erased: 0 })
  expect(report).toMatchObject({
    received: before.received,
    rejected: before.rejected,
    accepted: before.accepted,
    repeated: before.repeated,
    folding: before.folding,
  })
  const recent = await measureRecent(log.clickhouse, START_MS)
  expect(recent.filter(({ missing, doubled }) => missing !== 0 || doubled !== 0)).toEqual([])
  expect(report.figures.hours?.every(({ missing, doubled }) => missing + doubled === 0)).toBe(true)
})

test('a second run finds nothing, and a later cut takes what has come of age since', async () => {
  await removeExpired(options(), rules)
  expect(await removeExpired(options(), rules)).toBe(0)
  const later = { events: { beforeMs: START_MS + 19_000, rule: 'retention.events 1d' } }
  // 18 is the second row of message m8, whose first went before; 7 and 18 were skipped.
  expect(await removeExpired(options(), later)).toBe(9)
  const report = await ask()
  expect(report.findings).toEqual([])
  expect(report.stored.expired).toBe(21)
  expect(report.figures.folding).toMatchObject({ events: 21, foldable: 18, removed: 19 })
})

test('killed before any of its steps, it balances at once, and the next run ends it', async () => {
  let step = 0
  for (let ended = false; !ended; step++) {
    const cut = { events: { beforeMs: START_MS + 3_000 * (step + 1), rule: 'retention.events 1d' } }
    ended = await ends(removeExpired(options(killedBefore(log.clickhouse, step)), cut))
    const report = await ask()
    expect(report.findings).toEqual([])
    expect(report.received).toBe(24)
    await removeExpired(options(), cut)
    expect(await openRemovals(log.clickhouse)).toBe(0)
    const after = await ask()
    expect(after.findings).toEqual([])
    expect(after.stored.expired).toBe(3 * (step + 1))
  }
  // Declared, hidden, gone, and said so.
  expect(step).toBe(5)
})

describe('what has no evidence is still found', () => {
  test.each([
    ['before', true],
    ['after', false],
  ])('a row deleted by hand %s', async (_name, first) => {
    const byHand = () =>
      log.clickhouse.command(
        `ALTER TABLE ${log.clickhouse.table('events')} DELETE WHERE \`offset\` IN (4, 12) SETTINGS mutations_sync = 2`,
      )
    if (first) await byHand()
    await removeExpired(options(), rules)
    if (!first) await byHand()
    const { findings } = await ask()
    const at = first ? [4, 12] : [12]
    expect(findings).toContainEqual(
      expect.objectContaining({ rule: 'L2', at: at.map((offset) => ({ first: offset, last: offset })) }),
    )
  })

  test('a row that was there twice when it went', async () => {
    const table = log.clickhouse.table('events')
    await log.clickhouse.command(`INSERT INTO ${table} SELECT * FROM ${table} WHERE \`offset\` = 5`)
    await removeExpired(options(), rules)
    const { findings } = await ask()
    expect(findings).toContainEqual(expect.objectContaining({ rule: 'L4', partition: 0 }))
  })
})

test('rows that are there again after a restore are found, and go again under the same evidence', async () => {
  const table = log.clickhouse.table('events')
  await log.clickhouse.command(`CREATE TABLE ${log.clickhouse.table('backup')} AS ${table}`)
  await log.clickhouse.command(`INSERT INTO ${log.clickhouse.table('backup')} SELECT * FROM ${table}`)
  await removeExpired(options(), rules)
  await log.clickhouse.command(
    `INSERT INTO ${table} SELECT * FROM ${log.clickhouse.table('backup')} WHERE \`offset\` IN (2, 3)`,
  )
  expect((await ask()).findings).toMatchObject([{ rule: 'L7', at: [{ first: 2 }, { first: 3 }] }])
  expect(await removeExpired(options(), rules)).toBe(0)
  const report = await ask()
  expect(report.findings).toEqual([])
  expect(report.stored.expired).toBe(12)
})

test('the questions of docs/operating/ledger.md are answered: what went by which rule, and what a run did not end', async () => {
  const page = readFileSync(new URL('../../../docs/operating/ledger.md', import.meta.url), 'utf8')
  const [, sql = ''] = /```sql\n([^`]+)```/.exec(page) ?? []
  const [went, unended] = sql
    .split(';')
    .map((question) => question.replaceAll(/FROM removals/g, `FROM ${log.clickhouse.table('removals')}`))
  await ends(removeExpired(options(killedBefore(log.clickhouse, 1)), { events: rules.events! }))
  expect(await log.clickhouse.query(unended!)).toMatchObject([{ at: '2026-03-01 12:00:00.000' }])
  await removeExpired(options(), rules)
  expect(await log.clickhouse.query(unended!)).toEqual([])
  expect(await log.clickhouse.query(went!)).toMatchObject([
    { rule: 'retention.events 1d', table_name: 'events', partition: 0, gone: '10' },
    { rule: 'retention.rejected 1d', table_name: 'rejected', partition: 2, gone: '2' },
  ])
})

test('two at the same time: each row has evidence once', async () => {
  const runs = await Promise.allSettled([
    removeExpired(options(), rules),
    removeExpired({ ...options(), now: () => START_MS + 1 }, rules),
  ])
  const reasons = runs.flatMap((run) => (run.status === 'rejected' ? [(run.reason as Error).name] : []))
  expect(reasons.filter((name) => name !== 'RemovalConflict')).toEqual([])
  await removeExpired({ ...options(), now: () => START_MS + 2 }, rules)
  const report = await ask()
  expect(report.findings).toEqual([])
  expect(report.stored.expired).toBe(12)
})

test('a writer whose offsets have expired does not store what was removed again', async () => {
  const store = createClickHouseLogStore(log.clickhouse, () => logTableOf(topics.rejected))
  await removeExpired(options(), { rejected: { beforeMs: START_MS + 60_000, rule: 'retention.rejected 1d' } })
  expect(await count('rejected')).toBe(0)
  expect(await store.highestOffset({ topic: topics.rejected.name, partition: 2 })).toBe(2)
})
