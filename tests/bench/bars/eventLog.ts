/** What the event log costs: CPU from a topic to its table, and bytes on disk. */
import { hash } from 'node:crypto'
import { join } from 'node:path'
import pino from 'pino'
import { type ClickHouse, connectClickHouse, migrate, startLogWriters } from '@tributary/clickhouse-log'
import { eventOf } from '@tributary/clickhouse-log/testing'
import { topicName, topics } from '@tributary/contracts'
import { EventRecord } from '@tributary/contracts/generated/tributary/event/v1/event'
import { type PlainProducer, createKafka, createPlainProducer } from '@tributary/kafka'
import { startClickHouseFront } from '../../../deploy/local/src/clickHouseProcess.ts'
import { createTopics } from '../../../deploy/local/src/createTopics.ts'
import { uniquePrefix } from '../../support/uniquePrefix.ts'
import { waitUntil } from '../../support/waitUntil.ts'
import type { Bar } from '../bar.ts'
import { BENCH_FOLDER, benchStack } from '../benchStack.ts'
import { processCpu } from '../processCpu.ts'
import { variedEvent } from '../variedEvent.ts'

/** Some seconds of CPU for both together: the kernel counts ticks of 10 ms. */
const EVENTS = 60_000
const RECORDS_PER_SEND = 500
const PARTITIONS = 2

export const bars: Bar[] = [
  {
    name: 'log-topic-to-table',
    about:
      'Events of 1.2 KB from a topic into the table per second of CPU, of the log writer and of ClickHouse together: read, decoded, cut into declared ranges, encoded and inserted once, beside an insert of the very same rows that were encoded before.',
    unit: 'events/s of CPU',
    better: 'higher',
    // The insert is the same on both sides: reading, decoding and encoding may cost as much again.
    goal: 0.5,
    runs: 3,
    async prepare() {
      const world = await openWorld()
      return {
        async ours() {
          const prefix = uniquePrefix('logbar')
          await createTopics(world.brokers, [topicName(prefix, topics.events)], PARTITIONS)
          await produce(world.producer, topicName(prefix, topics.events))
          return EVENTS / (await world.cpu((clickhouse) => store(world, clickhouse, prefix)))
        },
        async reference() {
          return EVENTS / (await world.cpu((clickhouse) => insertAgain(world, clickhouse)))
        },
        close: () => world.close(),
      }
    },
  },
  {
    name: 'log-bytes',
    about:
      'Bytes of an event on disk, all columns and indexes of its row in the table events, merged, beside the bytes of its JSON as received: 60,000 different events of 1.2 KB.',
    unit: 'bytes/event',
    better: 'lower',
    // A row repeats identifiers, times and names beside the JSON; a log that is kept for ever has to be cheaper than text.
    goal: 0.25,
    // The same bytes each time.
    runs: 1,
    async prepare() {
      const world = await openWorld()
      let bytes = 0
      return {
        async ours() {
          const prefix = uniquePrefix('logbar')
          await createTopics(world.brokers, [topicName(prefix, topics.events)], PARTITIONS)
          bytes = await produce(world.producer, topicName(prefix, topics.events))
          let disk = 0
          await world.cpu(async (clickhouse) => {
            await store(world, clickhouse, prefix)
            disk = await mergedBytes(clickhouse)
          })
          return disk / EVENTS
        },
        reference: () => bytes / EVENTS,
        close: () => world.close(),
      }
    },
  },
]

/** What an insert of the log writer was. */
type Inserted = Parameters<ClickHouse['insertRowBinary']>[0]

interface World {
  readonly brokers: string
  readonly producer: PlainProducer
  /** What was inserted by the log writer last: statements and bytes. */
  inserted: Inserted[]
  /** CPU seconds of this process and of ClickHouse for work in a database of its own. */
  cpu(work: (clickhouse: ClickHouse) => Promise<void>): Promise<number>
  close(): Promise<void>
}

async function openWorld(): Promise<World> {
  const { brokers } = (await benchStack()).kafka
  const name = uniquePrefix('log')
  // One of its own, whose process is known.
  const front = await startClickHouseFront({
    dataDir: join(BENCH_FOLDER, name),
    logFile: join(BENCH_FOLDER, `${name}.log`),
  })
  const producer = await createPlainProducer(createKafka({ brokers: brokers.split(','), clientId: 'bench' }))
  return {
    brokers,
    producer,
    inserted: [],
    async cpu(work) {
      const clickhouse = connectClickHouse({ url: front.url, database: uniquePrefix('bench') })
      try {
        await migrate({ client: clickhouse })
        const before = (await processCpu(process.pid)) + (await processCpu(front.pid))
        await work(clickhouse)
        return (await processCpu(process.pid)) + (await processCpu(front.pid)) - before
      } finally {
        await clickhouse.command(`DROP DATABASE ${clickhouse.database}`)
        await clickhouse.close()
      }
    },
    async close() {
      await producer.close()
      await front.stop()
    },
  }
}

/** How many bytes of JSON they are. */
async function produce(producer: PlainProducer, topic: string): Promise<number> {
  let bytes = 0
  for (let first = 0; first < EVENTS; first += RECORDS_PER_SEND)
    // oxlint-disable-next-line no-await-in-loop -- one request after the other
    await producer.send(
      Array.from({ length: RECORDS_PER_SEND }, (_, i) => {
        const n = first + i
        const sent = variedEvent(n) as Record<'messageId' | 'userId' | 'anonymousId' | 'event', string>
        const raw = Buffer.from(JSON.stringify(sent))
        bytes += raw.length
        const id = (type: string, value: string) => ({
          type,
          value,
          id: hash('sha256', type + value).slice(0, 32),
        })
        const identifiers = [id('user_id', sent.userId), id('anonymous_id', sent.anonymousId)]
        const event = eventOf({
          messageId: sent.messageId,
          name: sent.event,
          anchor: identifiers[0]!.id,
          identifiers,
          timeMs: 1_795_000_000_000 + n * 37,
          originalTimeMs: 1_795_000_000_000 + n * 37,
          receivedTimeMs: 1_795_000_000_100 + n * 37,
          timeFlags: [],
          raw,
          origin: `http:${hash('sha256', `r${n >> 3}`).slice(0, 32)}:${n & 7}`,
          identityRules: '5f0c8a2be1d94c77',
        })
        const value = EventRecord.encode({ record: { $case: 'event', value: event } }).finish()
        return { topic, partition: n % PARTITIONS, key: event.anchor, value }
      }),
    )
  return bytes
}

async function store(world: World, clickhouse: ClickHouse, prefix: string): Promise<void> {
  const { brokers } = world
  world.inserted = []
  const failed: Error[] = []
  const writers = startLogWriters({
    topics: [topics.events],
    kafka: createKafka({ brokers: brokers.split(','), clientId: 'bench' }),
    clickhouse: {
      ...clickhouse,
      insertRowBinary(insert) {
        if (insert.table === 'events') world.inserted.push({ ...insert, rows: Buffer.from(insert.rows) })
        return clickhouse.insertRowBinary(insert)
      },
    },
    prefix,
    nodeId: 'bench',
    epoch: 1,
    logger: pino({ level: 'silent' }),
    onFatal: (error) => failed.push(error),
  })
  await waitUntil(
    'the table to have all events',
    () => {
      if (failed.length > 0) throw failed[0]!
      const stored = writers.positions().reduce((sum, { storedUpTo }) => sum + storedUpTo, 0)
      return Promise.resolve(stored >= EVENTS)
    },
    { timeoutMs: 180_000, pollMs: 50 },
  )
  await writers.stop()
}

async function insertAgain({ inserted }: World, clickhouse: ClickHouse): Promise<void> {
  for (const insert of inserted)
    // oxlint-disable-next-line no-await-in-loop -- one after the other
    await clickhouse.insertRowBinary(insert)
}

async function mergedBytes(clickhouse: ClickHouse): Promise<number> {
  await clickhouse.command(`OPTIMIZE TABLE ${clickhouse.table('events')} FINAL`)
  const [parts] = await clickhouse.query<{ bytes: string }>(
    `SELECT sum(bytes_on_disk) AS bytes FROM system.parts
    WHERE active AND database = {database:String} AND table = 'events'`,
    { database: clickhouse.database },
  )
  return Number(parts!.bytes)
}
