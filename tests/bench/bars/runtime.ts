/** What exactly-once costs: a task beside a plain consumer, a restore beside a bulk put, a hop beside a round trip. */
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { topics } from '@tributary/contracts'
import { Kafka, logLevel } from 'kafkajs'
import { open } from 'lmdb'
import type { Bar } from '../bar.ts'
import { HOP_AIM_MS, HOP_RATE, hopLatency } from '../hopLatency.ts'
import { createRuntimeLoad, PARTITIONS, type RuntimeLoad, withLoad } from '../runtimeLoad.ts'

/** A second or two of work on one core. */
const RECORDS = 60_000
const KEYS = 10_000
/** Rows restored: several seconds, so that joining the group is a small part. */
const ROWS = 200_000
/** Rows of one LMDB transaction of the reference. */
const PUT_BATCH = 10_000

export const bars: Bar[] = [
  {
    name: 'task-throughput',
    about:
      'Records per second through tasks that count each key and send each record on, in transactions with their state; beside kafkajs consuming and producing the same records with neither.',
    unit: 'records/s',
    better: 'higher',
    // A task sends twice as many records (outputs and change log), and keeps a store.
    goal: 0.5,
    runs: 3,
    prepare: () =>
      Promise.resolve({
        ours: () => withLoad('task', taskThroughput),
        reference: () => withLoad('plain', plainThroughput),
      }),
  },
  {
    name: 'task-restore',
    about:
      'Rows per second from the change log into an empty store, joining the group included; beside a plain LMDB bulk put of the same rows.',
    unit: 'rows/s',
    better: 'higher',
    // Reading the log is network and decoding; more than half of it must still be LMDB.
    goal: 0.6,
    runs: 3,
    async prepare() {
      const load = await createRuntimeLoad('restore')
      await load.produce(ROWS, ROWS)
      await untilProcessed(load, 'first', ROWS)
      let store = 0
      return {
        async ours() {
          const started = performance.now()
          let ready = (): void => undefined
          const restored = new Promise<void>((resolve) => (ready = resolve))
          const group = await load.start({ store: `again-${++store}`, onReady: () => ready() })
          await restored
          const seconds = (performance.now() - started) / 1000
          await group.stop()
          return ROWS / seconds
        },
        reference: bulkPut,
        close: () => load.close(),
      }
    },
  },
  {
    name: 'hop-added-p99',
    about: `Milliseconds that one task adds at p99 to a bare produce-and-consume round trip, ${HOP_RATE} records a second; beside the ${HOP_AIM_MS} ms the design allows.`,
    unit: 'ms',
    better: 'lower',
    goal: 1,
    runs: 3,
    prepare: () =>
      Promise.resolve({
        async ours() {
          const hop = await withLoad('hop', (load) => hopLatency(load, true))
          const bare = await withLoad('bare', (load) => hopLatency(load, false))
          process.stderr.write(
            `hop p50 ${hop.p50} ms, p99 ${hop.p99} ms; bare p50 ${bare.p50} ms, p99 ${bare.p99} ms\n`,
          )
          return Math.max(0.1, hop.p99 - bare.p99)
        },
        reference: () => HOP_AIM_MS,
      }),
  },
]

async function taskThroughput(load: RuntimeLoad): Promise<number> {
  await load.produce(RECORDS, KEYS)
  return RECORDS / (await untilProcessed(load, 'store', RECORDS))
}

/** Seconds from the first batch to the last. */
async function untilProcessed(load: RuntimeLoad, store: string, records: number): Promise<number> {
  let done = 0
  let first = 0
  let finish = (): void => undefined
  const finished = new Promise<void>((resolve) => (finish = resolve))
  const group = await load.start({ store })
  group.onCommit((batch) => {
    first ||= performance.now() - batch.durationMs
    done += batch.records
    if (done >= records) finish()
  })
  await finished
  const seconds = (performance.now() - first) / 1000
  await group.stop()
  return seconds
}

async function plainThroughput(load: RuntimeLoad): Promise<number> {
  await load.produce(RECORDS, KEYS)
  const kafka = new Kafka({ brokers: [load.brokers], logLevel: logLevel.NOTHING })
  const producer = kafka.producer()
  const consumer = kafka.consumer({ groupId: load.nameOf(topics.events), maxWaitTimeInMs: 20 })
  await producer.connect()
  await consumer.connect()
  await consumer.subscribe({ topic: load.nameOf(topics.events), fromBeginning: true })
  let done = 0
  let first = 0
  let finish = (): void => undefined
  const finished = new Promise<void>((resolve) => (finish = resolve))
  await consumer.run({
    partitionsConsumedConcurrently: PARTITIONS,
    async eachBatch({ batch }) {
      first ||= performance.now()
      // More at once makes kafkajs slower, not faster: it groups them in quadratic time.
      for (let from = 0; from < batch.messages.length; from += 1_000) {
        const messages = batch.messages
          .slice(from, from + 1_000)
          .map(({ key, value }) => ({ key, value, partition: batch.partition }))
        await producer.send({ topic: load.nameOf(topics.skipped), acks: -1, messages })
        done += messages.length
      }
      if (done >= RECORDS) finish()
    },
  })
  await finished
  const seconds = (performance.now() - first) / 1000
  await consumer.disconnect()
  await producer.disconnect()
  return RECORDS / seconds
}

async function bulkPut(): Promise<number> {
  const folder = await mkdtemp(join(tmpdir(), 'tributary-bulk-'))
  const database = open({ path: folder, encoding: 'binary', noSync: true })
  const value = Buffer.alloc(300, 'x')
  const started = performance.now()
  for (let from = 0; from < ROWS; from += PUT_BATCH) {
    database.transactionSync(() => {
      for (let i = from; i < from + PUT_BATCH; i++) void database.put(`counts/k${i}`, value)
    })
  }
  const seconds = (performance.now() - started) / 1000
  await database.close()
  await rm(folder, { recursive: true, force: true })
  return ROWS / seconds
}
