/** The writers on a real Kafka and a real ClickHouse: killed, cut off, and given bad rows. */
import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from '@jest/globals'
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { fileURLToPath } from 'node:url'
import {
  type ClickHouse,
  type LogWriters,
  type LogWritersState,
  audit,
  connectClickHouse,
  startLogWriters,
} from '@tributary/clickhouse-log'
import { START_MS, type eventOf, eventRecord } from '@tributary/clickhouse-log/testing'
import { appendStamp, topicName, topics } from '@tributary/contracts'
import { SkipReason, Skipped } from '@tributary/contracts/generated/tributary/event/v1/skipped'
import {
  type Kafka,
  type PlainProducer,
  createKafka,
  createPlainProducer,
  createTopics,
} from '@tributary/kafka'
import { createLogger, createMetrics } from '@tributary/service-kit'
import { Kafka as KafkaClient, logLevel } from 'kafkajs'
import { testStack } from '../../support/testStack.ts'
import { uniquePrefix } from '../../support/uniquePrefix.ts'
import { waitForValue, waitUntil } from '../../support/waitUntil.ts'
import { type FaultyProxy, startFaultyProxy } from './faultyProxy.ts'
import { type LogDatabase, createLogDatabase } from './logDatabase.ts'
import type { WriterSettings } from './writerProcess.ts'

const PARTITIONS = 3
let kafka: Kafka
let producer: PlainProducer
let log: LogDatabase
let prefix: string
let proxy: FaultyProxy
let running: { stop(): Promise<unknown> }[] = []

beforeAll(async () => {
  kafka = createKafka({ brokers: testStack().brokers.split(','), clientId: 'log-test' })
  producer = await createPlainProducer(kafka)
})
afterAll(() => producer.close())

beforeEach(async () => {
  prefix = uniquePrefix('log')
  log = await createLogDatabase()
  proxy = await startFaultyProxy(testStack().clickhouseUrl)
  running = []
  await createTopics(kafka, {
    topics: [topics.events, topics.skipped],
    counts: { identifier: PARTITIONS, profile: 1, delivery: 1 },
    prefix,
    replicationFactor: 1,
    minInSyncReplicas: 1,
  })
})
afterEach(async () => {
  await Promise.all(running.map((each) => each.stop()))
  await proxy.close()
  await log.drop()
})

async function produce(from: number, count: number, more: Parameters<typeof eventOf>[0] = {}): Promise<void> {
  const sends = Array.from({ length: count }, (_, i) => ({
    topic: topicName(prefix, topics.events),
    partition: (from + i) % PARTITIONS,
    key: 'a',
    value: eventRecord(0, { messageId: `m${from + i}`, ...more }).value,
  }))
  for (let i = 0; i < sends.length; i += 1000) await producer.send(sends.slice(i, i + 1000))
}

/** A connection of the writers' own, through the proxy. */
function start(
  more: { epoch?: number; onState?: (state: LogWritersState) => void; onFatal?: (error: Error) => void } = {},
): LogWriters {
  const clickhouse: ClickHouse = connectClickHouse({ url: proxy.url, database: log.clickhouse.database })
  const writers = startLogWriters({
    topics: [topics.events, topics.skipped],
    kafka,
    clickhouse,
    prefix,
    nodeId: 'n1',
    epoch: 1,
    logger: createLogger({ LOG_LEVEL: 'fatal', NODE_ID: 'n1' }, 'log-test'),
    metrics: createMetrics('collector'),
    onFatal(error) {
      throw error
    },
    ...more,
  })
  running.push({
    async stop() {
      await writers.stop()
      await clickhouse.close()
    },
  })
  return writers
}

interface Counts {
  rows: number
  messages: number
  offsets: number
}

async function counts(): Promise<Counts> {
  const [found] = await log.clickhouse.query<Record<keyof Counts, string>>(
    'SELECT count() AS rows, uniqExact(message_id) AS messages, uniqExact(partition, `offset`) AS offsets ' +
      `FROM ${log.clickhouse.table('events')}`,
  )
  return { rows: Number(found!.rows), messages: Number(found!.messages), offsets: Number(found!.offsets) }
}

/** All there, and, a moment later, nothing more than that. */
async function expectExactly(events: number): Promise<void> {
  await waitForValue('all events in the table', counts, (now) => now.messages >= events)
  expect(await counts()).toEqual({ rows: events, messages: events, offsets: events })
}

test('what is in the topic comes into the table, each record once, with its position', async () => {
  await produce(0, 5000)
  const writers = start()
  await expectExactly(5000)
  await waitUntil('positions', () =>
    writers
      .positions()
      .filter(({ topic }) => topic === topics.events.name)
      .every(({ storedUpTo }) => storedUpTo >= 1666),
  )
  expect(writers.state().flowing).toBe(true)
  const [row] = await log.clickhouse.query<{ topic: string; received: string; raw: string }>(
    `SELECT topic, toUnixTimestamp64Milli(received) AS received, raw FROM ${log.clickhouse.table('events')} WHERE message_id = 'm7'`,
  )
  expect(row).toEqual({
    topic: topics.events.name,
    received: String(START_MS + 10),
    raw: '{"type":"track"}',
  })
})

test('two layout epochs are two places: each is written from its own first offset, and audited by itself', async () => {
  await produce(0, 60)
  const first = start()
  await expectExactly(60)
  await first.stop()

  const place = { prefix, epoch: 2 }
  const setup = {
    counts: { identifier: 2, profile: 1, delivery: 1 },
    replicationFactor: 1,
    minInSyncReplicas: 1,
  }
  await createTopics(kafka, { topics: [topics.events, topics.skipped], prefix: place, ...setup })
  const copy = (i: number) => ({
    topic: topics.events.name,
    partition: i % PARTITIONS,
    offset: Math.floor(i / PARTITIONS),
  })
  await producer.send(
    Array.from({ length: 70 }, (_, i) => ({
      topic: topicName(place, topics.events),
      partition: i % 2,
      key: 'a',
      value: eventRecord(0, {
        messageId: `m${i}`,
        epoch: 2,
        ...(i < 60 && { copyOf: copy(i) }),
      }).value,
    })),
  )
  start({ epoch: 2 })
  await waitForValue('both epochs', counts, ({ rows }) => rows >= 130)
  expect((await counts()).messages).toBe(70)

  const report = await audit({ clickhouse: log.clickhouse, kafka, prefix, epoch: 2 })
  expect(report.figures.partitions.filter(({ rows }) => rows > 0)).toMatchObject([
    { topic: 'internal.events.v1', partition: 0, rows: 20, kafka: { stored: 20, behind: 0 } },
    { topic: 'internal.events.v1', partition: 1, rows: 20 },
    { topic: 'internal.events.v1', partition: 2, rows: 20 },
    { topic: 'internal.events.v1.e2', partition: 0, rows: 35, kafka: { stored: 35, behind: 0 } },
    { topic: 'internal.events.v1.e2', partition: 1, rows: 35 },
  ])
  expect(report.findings).toEqual([])
  expect(report).toMatchObject({ accepted: 70, folding: { events: 70, copied: 60, folded: 70 } })
})

test('a new owner goes on where the last one stopped', async () => {
  await produce(0, 100)
  const first = start()
  await expectExactly(100)
  await first.stop()
  await produce(100, 100)
  start()
  await expectExactly(200)
})

function spawnWriter(more: Partial<WriterSettings>): ChildProcess {
  const settings: WriterSettings = {
    brokers: testStack().brokers,
    clickhouseUrl: testStack().clickhouseUrl,
    database: log.clickhouse.database,
    prefix,
    nodeId: 'n1',
    ...more,
  }
  const script = fileURLToPath(new URL('writerProcess.ts', import.meta.url))
  const child = spawn(
    process.execPath,
    [
      '--conditions=tributary-source',
      '--disable-warning=ExperimentalWarning',
      script,
      JSON.stringify(settings),
    ],
    { stdio: ['ignore', 'ignore', 'inherit'], env: { ...process.env, NODE_OPTIONS: '' } },
  )
  const gone = once(child, 'exit')
  running.push({
    async stop() {
      child.kill('SIGKILL')
      await gone
    },
  })
  return child
}

test('killed between an insert and its commit, nothing is stored twice and nothing is lost', async () => {
  await produce(0, 3000)
  const first = spawnWriter({ killAfter: 1 })
  const [, signal] = (await once(first, 'exit')) as [number | null, string | null]
  expect(signal).toBe('SIGKILL')
  const afterFirst = await counts()
  expect(afterFirst.rows).toBeGreaterThan(0)
  await produce(3000, 3000)
  const second = spawnWriter({ killAfter: 2, nodeId: 'n2' })
  await once(second, 'exit')
  spawnWriter({ nodeId: 'n3' })
  await expectExactly(6000)
})

test('while ClickHouse is away events stay in Kafka, the state says so, and all of it is caught up later', async () => {
  const states: LogWritersState[] = []
  const writers = start({ onState: (state) => states.push(state) })
  await produce(0, 300)
  await expectExactly(300)
  proxy.mode = 'away'
  await produce(300, 3000)
  await waitUntil('it notices', () => !writers.state().flowing)
  await produce(3300, 3000)
  expect(writers.state().detail).toContain('does not answer')
  expect((await counts()).rows).toBe(300)
  proxy.mode = 'pass'
  await expectExactly(6300)
  await waitUntil('it flows again', () => writers.state().flowing)
  expect(states.map((state) => state.flowing)).toEqual([false, true])
})

test('ClickHouse away at the start only delays', async () => {
  proxy.mode = 'away'
  await produce(0, 100)
  const writers = start()
  await waitUntil('it notices', () => !writers.state().flowing)
  proxy.mode = 'pass'
  await expectExactly(100)
})

test('inserts whose replies are lost are sent again and count once', async () => {
  proxy.mode = 'lose insert replies'
  await produce(0, 1000)
  start()
  await waitUntil('several tries', () => proxy.inserts['lose insert replies'] >= 6)
  proxy.mode = 'pass'
  await waitUntil('a reply', () => proxy.inserts.pass >= PARTITIONS)
  await expectExactly(1000)
})

test('a row that ClickHouse refuses is found and set aside; all others are stored', async () => {
  const { clickhouse } = log
  await clickhouse.command(
    `ALTER TABLE ${clickhouse.table('events')} ADD CONSTRAINT no_poison CHECK name != 'poison'`,
  )
  await produce(0, 500)
  await produce(500, 1, { name: 'poison' })
  await produce(501, 500)
  start()
  await expectExactly(1000)
  const aside = () =>
    clickhouse.query<{ reason: string; partition: number; value: string }>(
      `SELECT reason, partition, hex(value) AS value FROM ${clickhouse.table('quarantine')}`,
    )
  const [row, ...others] = await waitForValue('the bad row', aside, (rows) => rows.length > 0)
  expect(others).toEqual([])
  expect(row).toMatchObject({
    partition: 500 % PARTITIONS,
    reason: expect.stringContaining('VIOLATED_CONSTRAINT'),
  })
  expect(Buffer.from(row!.value, 'hex').toString()).toContain('poison')
})

test('a record that cannot be read is set aside with its bytes and blocks nothing', async () => {
  const topic = topicName(prefix, topics.skipped)
  const readable = Skipped.encode(Skipped.fromPartial({ messageId: 'm1' })).finish()
  await producer.send([
    { topic, partition: 0, key: 'k', value: Buffer.from([0xff, 0xfe]), headers: { h: 'v' } },
    { topic, partition: 0, key: null, value: null },
    { topic, partition: 0, key: null, value: readable },
  ])
  start()
  const { clickhouse } = log
  await waitForValue(
    'the readable row',
    () => clickhouse.query(`SELECT message_id FROM ${clickhouse.table('skipped')}`),
    (rows) => rows.length === 1,
  )
  const aside = await waitForValue(
    'the others',
    () =>
      clickhouse.query<{ value: string }>(
        `SELECT \`offset\`, hex(value) AS value, has_value, headers FROM ${clickhouse.table('quarantine')} ORDER BY \`offset\``,
      ),
    (rows) => rows.length === 2,
  )
  expect(aside).toMatchObject([
    { offset: '0', value: 'FFFE', has_value: true, headers: { h: 'v' } },
    { offset: '1', value: '', has_value: false },
  ])
})

test('markers and aborted transactions are gaps, not losses: the ledger balances and nothing is left behind', async () => {
  const topic = topicName(prefix, topics.skipped)
  const client = new KafkaClient({ brokers: testStack().brokers.split(','), logLevel: logLevel.NOTHING })
  const tasks = client.producer({
    transactionalId: uniquePrefix('tx'),
    idempotent: true,
    maxInFlightRequests: 1,
  })
  await tasks.connect()
  let seq = 0
  // A skip belongs to an event, so there are as many, all of one partition.
  async function transaction(size: number, end: 'commit' | 'abort'): Promise<void> {
    const open = await tasks.transaction()
    const messages = Array.from({ length: size }, () => {
      const offset = seq++
      const skipped = { topic: topics.events.name, offset, reason: SkipReason.SKIP_REASON_NO_IDENTIFIER }
      const bytes = Skipped.encode(Skipped.fromPartial(skipped)).finish()
      const value = appendStamp(bytes, { epoch: 1, writer: 'fragment-0', seq: offset + 1 })
      return { partition: 0, key: null, value }
    })
    await open.send({ topic, messages })
    await open[end]()
    if (end === 'abort') seq -= size
  }
  await transaction(3, 'commit')
  await transaction(2, 'abort')
  const writers = start()
  const { clickhouse } = log
  const rows = () =>
    clickhouse.query<{ offset: string; gap: number }>(
      `SELECT \`offset\`, gap FROM ${clickhouse.table('skipped')} ORDER BY \`offset\``,
    )
  await waitForValue('the first transaction', rows, (found) => found.length === 3)
  await transaction(1, 'commit')
  await transaction(2, 'commit')
  await waitForValue('all of them', rows, (found) => found.length === 6)
  expect((await rows()).map(({ offset, gap }) => [Number(offset), gap])).toEqual([
    [0, 0],
    [1, 0],
    [2, 0],
    // A marker, two aborted records, and their marker.
    [7, 4],
    [9, 1],
    [10, 0],
  ])
  await tasks.disconnect()
  await producer.send(
    Array.from({ length: seq }, (_, i) => ({
      topic: topicName(prefix, topics.events),
      partition: 0,
      key: 'a',
      value: eventRecord(0, { messageId: `m${i}`, origin: `http:${i}:0`, identifiers: [] }).value,
    })),
  )
  await expectExactly(seq)
  const report = await waitForValue(
    'nothing left behind',
    () => audit({ clickhouse, kafka, prefix }),
    ({ behind }) => behind === 0,
  )
  expect(report.findings).toEqual([])
  // A new owner takes up behind the last marker and knows the gap before what comes next.
  await writers.stop()
  await tasks.connect()
  await transaction(1, 'commit')
  await tasks.disconnect()
  start()
  await waitForValue('one more', rows, (found) => found.length === 7)
  expect((await rows()).at(-1)).toEqual({ offset: '12', gap: 1 })
})

test('a topic that was made anew under an old event log stops the service, with the remedy', async () => {
  await produce(0, 30)
  const first = start()
  await expectExactly(30)
  await first.stop()
  const other = uniquePrefix('log')
  await createTopics(kafka, {
    topics: [topics.events, topics.skipped],
    counts: { identifier: PARTITIONS, profile: 1, delivery: 1 },
    prefix: other,
    replicationFactor: 1,
    minInSyncReplicas: 1,
  })
  prefix = other
  const fatal = new Promise<Error>((resolve) => {
    start({ onFatal: resolve })
  })
  expect((await fatal).message).toContain('made anew')
})
