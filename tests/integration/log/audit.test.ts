/** The ledger over real tables: it balances, and a deleted and a doubled row are found and named. */
import { afterEach, beforeAll, beforeEach, describe, expect, test } from '@jest/globals'
import { audit, formatReport, ledgerLine, logWriterGroup, measureRecent } from '@tributary/clickhouse-log'
import { START_MS } from '@tributary/clickhouse-log/testing'
import { allTopics, cloudEventId, topicName, topics } from '@tributary/contracts'
import { createConsumerGroup, createKafka, createPlainProducer, createTopics } from '@tributary/kafka'
import { testStack } from '../../support/testStack.ts'
import { uniquePrefix } from '../../support/uniquePrefix.ts'
import { fillLog, inTransactions, put, totals } from './filledLog.ts'
import { type LogDatabase, createLogDatabase } from './logDatabase.ts'

let log: LogDatabase
beforeEach(async () => {
  log = await createLogDatabase()
  await fillLog(log)
})
afterEach(() => log.drop())

const prefix = uniquePrefix('audit')
async function remove(table: string, where: string): Promise<void> {
  await log.clickhouse.command(
    `ALTER TABLE ${log.clickhouse.table(table)} DELETE WHERE ${where} SETTINGS mutations_sync = 2`,
  )
}

async function double(table: string, where: string): Promise<void> {
  const name = log.clickhouse.table(table)
  await log.clickhouse.command(`INSERT INTO ${name} SELECT * FROM ${name} WHERE ${where}`)
}

const ask = () => audit({ clickhouse: log.clickhouse, prefix, totals })

test('the ledger balances over transactions, duplicates, rejects and retried deliveries', async () => {
  const report = await ask()
  expect(report.findings).toEqual([])
  expect(ledgerLine(report)).toBe(
    'ledger: received 24 = events 21 + rejected 3 · events 21 = folded 18 + skipped 3 ' +
      '(duplicate 2, no identifier 1) · gaps 0 · doubled 0 · balances',
  )
  expect(report.figures.deliveries).toMatchObject([
    { destination: 'crm', created: 7, delivered: 1, dead: 2, filtered: 1, pending: 3 },
  ])
  expect(formatReport(report)).toContain('balances')
})

test('an empty log balances', async () => {
  const empty = await createLogDatabase()
  const report = await audit({ clickhouse: empty.clickhouse, prefix })
  expect(report).toMatchObject({ balanced: true, received: 0 })
  await empty.drop()
})

describe('a deliberately deleted row is found and named', () => {
  test.each([
    ['in the middle', 'events', '`offset` = 5', 'internal.events.v1/0: 1 record missing at offset 5'],
    ['at the beginning', 'events', '`offset` = 0', 'internal.events.v1/0: 1 record missing at offset 0'],
    ['beside a marker', 'events', '`offset` = 20', 'internal.events.v1/0: 1 record missing at offset 20'],
    ['several', 'events', '`offset` IN (3, 4, 9)', '3 records missing at offset 3-4, 9'],
    ['of a rejected one', 'rejected', '`offset` = 1', 'rejected.v1/2: 1 record missing at offset 1'],
    ['of a transaction', 'profile_changes', 'n = 3', 'profile-changes.v1/1: 1 record missing at offset 2'],
    ['as a stamp', 'skipped', 'seq = 2', 'stamps of fragment-0 in epoch 1: 1 missing: 2'],
    ['as a version', 'profile_changes', 'n = 3', 'profile-changes.v1/1, versions: 1 missing: 3'],
    ['the last version, by the profiles', 'profile_changes', 'n = 6', 'stand at version 6, the log at 5'],
    [
      'a delivery with its outcome',
      'deliveries',
      `id = 'd0'`,
      '1 outcomes of deliveries that are not in the log',
    ],
  ])('%s', async (_name, table, where, message) => {
    await remove(table, where)
    const report = await ask()
    expect(report.balanced).toBe(false)
    expect(report.findings.map((finding) => finding.message)).toContainEqual(expect.stringContaining(message))
    expect(report.gaps).toBeGreaterThan(0)
  })
})

describe('a deliberately doubled row is found and named', () => {
  test.each([
    ['an event', 'events', '`offset` = 5', 'internal.events.v1/0: 1 rows too many at offset 5'],
    ['a reject', 'rejected', '`offset` = 1', 'rejected.v1/2: 1 rows too many at offset 1'],
    [
      'a skip',
      'skipped',
      'seq = 2',
      'events that were skipped more than once: internal.events.v1/0 offset 18',
    ],
    ['a version', 'profile_changes', 'n = 3', 'profile-changes.v1/1, versions: 1 rows too many: 3'],
    ['a delivery', 'deliveries', `id = 'd1'`, 'destination crm: 1 deliveries exist twice'],
    [
      'an outcome',
      'delivery_outcomes',
      `kind = 'delivered'`,
      '1 deliveries were recorded as delivered twice',
    ],
  ])('%s', async (_name, table, where, message) => {
    await double(table, where)
    const report = await ask()
    expect(report.balanced).toBe(false)
    expect(report.findings.map((finding) => finding.message)).toContainEqual(expect.stringContaining(message))
    expect(report.doubled).toBeGreaterThan(0)
  })
})

test('by hour: what came from each source, what of it was skipped, and where a row is missing or doubled', async () => {
  await remove('events', '`offset` = 5')
  await double('events', '`offset` = 8')
  const { figures } = await audit({ clickhouse: log.clickhouse, prefix, hoursSinceMs: START_MS })
  const common = { hourMs: START_MS, topic: topics.events.name, partition: 0 }
  expect(figures.hours).toEqual([
    { ...common, source: '(control)', rows: 1, skipped: 0, missing: 0, doubled: 0 },
    { ...common, source: 'pos', rows: 9, skipped: 2, missing: 0, doubled: 0 },
    // Offset 6 is the first row after the missing one.
    { ...common, source: 'web', rows: 12, skipped: 1, missing: 1, doubled: 1 },
    {
      ...common,
      source: 'web',
      topic: topics.rejected.name,
      partition: 2,
      rows: 3,
      skipped: 0,
      missing: 0,
      doubled: 0,
    },
  ])
  expect(
    (await audit({ clickhouse: log.clickhouse, prefix, hoursSinceMs: START_MS + 3_600_000 })).figures.hours,
  ).toEqual([])
})

test('the ledger of the last hours: nothing is missing beside markers, what is missing or doubled in the window is counted', async () => {
  const sound = await measureRecent(log.clickhouse, START_MS)
  expect(sound.filter(({ missing, doubled }) => missing !== 0 || doubled !== 0)).toEqual([])
  expect(sound.find(({ topic }) => topic === topics.events.name)?.rows).toBe(22)
  await remove('events', '`offset` = 5')
  await double('events', '`offset` = 8')
  const found = await measureRecent(log.clickhouse, START_MS)
  expect(found.find(({ topic }) => topic === topics.events.name)).toMatchObject({ missing: 1, doubled: 1 })
  const later = await measureRecent(log.clickhouse, START_MS + 365 * 86_400_000)
  for (const each of later) expect(each).toMatchObject({ rows: 0, missing: 0, doubled: 0 })
})

test('what a later layout epoch numbered in silence is not missing; what it lost after that is', async () => {
  const change = (seq: number) => ({
    value: Buffer.from(
      JSON.stringify({ changeId: `c${seq}`, kind: 'merge', moves: [], time: '2026-03-01T12:00:00Z' }),
    ),
    headers: { ce_id: cloudEventId(2, topics.identityChanges.name, 0, seq) },
  })
  await put(log, topics.identityChanges, 0, inTransactions([7, 8, 10].map(change)))
  const { findings } = await ask()
  expect(findings).toMatchObject([{ rule: 'L3', at: [{ first: 9, last: 9 }] }])
})

test('profiles that counted one event too many, or one too few, do not balance', async () => {
  for (const events of [17, 19]) {
    const report = await audit({ clickhouse: log.clickhouse, prefix, totals: { ...totals, events } })
    expect(report.findings).toMatchObject([{ rule: 'L5' }])
  }
})

test('the same message under two anchors is listed, and no finding', async () => {
  const table = log.clickhouse.table('events')
  await log.clickhouse.command(
    `INSERT INTO ${table} SELECT * REPLACE ('other' AS anchor, 23 AS \`offset\`, 0 AS gap, 'http:y:0' AS origin) ` +
      `FROM ${table} WHERE message_id = 'm2'`,
  )
  const report = await audit({ clickhouse: log.clickhouse, prefix, totals: { ...totals, events: 19 } })
  expect(report.figures.twoAnchors).toEqual([{ source: 'web', messageId: 'm2', anchors: 2 }])
  expect(report.balanced).toBe(true)
})

describe('with Kafka', () => {
  const kafka = createKafka({ brokers: testStack().brokers.split(','), clientId: 'audit-test' })
  const topic = topicName(prefix, topics.rejected)

  beforeAll(async () => {
    await createTopics(kafka, {
      topics: allTopics,
      counts: { identifier: 3, profile: 3, delivery: 3 },
      prefix,
      replicationFactor: 1,
      minInSyncReplicas: 1,
    })
    const producer = await createPlainProducer(kafka)
    await producer.send(Array.from({ length: 5 }, () => ({ topic, partition: 2, key: 'web', value: '{}' })))
    await producer.close()
    // As the writer would have it after three of five.
    const committed = new Promise<void>((resolve, reject) => {
      const group = createConsumerGroup(kafka, {
        group: logWriterGroup(prefix, topics.rejected, 1),
        topics: [topic],
        nodeId: 'n',
        onRecords: async ({ partition }) => {
          await group.commit(topic, partition, 3)
          resolve()
          void group.stop()
        },
        onFatal: reject,
      })
    })
    await committed
  })

  test('a row deleted at the very end is found by the writer’s position, and what is not written yet is counted', async () => {
    const options = { clickhouse: log.clickhouse, kafka, prefix, totals }
    const before = await audit(options)
    expect(before.findings).toEqual([])
    expect(before.behind).toBe(2)
    await remove('rejected', '`offset` = 2')
    const after = await audit(options)
    expect(after.findings).toMatchObject([
      { rule: 'L2', topic: 'rejected.v1', partition: 2, at: [{ first: 2, last: 2 }] },
    ])
  })
})
