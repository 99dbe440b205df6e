/** Topics of a bar's own, filled with records, and tasks that copy each record and count its key. */
import { rm } from 'node:fs/promises'
import { join } from 'node:path'
import { topicName, topics, type TopicSpec } from '@tributary/contracts'
import { createKafka, createKafkaLog, createPlainProducer, createTopics, type Kafka } from '@tributary/kafka'
import { createLmdbStores } from '@tributary/state-lmdb'
import { startTaskGroup, type TableSpec, type TaskGroup, type Topology } from '@tributary/stream-runtime'
import { uniquePrefix } from '../support/uniquePrefix.ts'
import { BENCH_FOLDER, benchStack } from './benchStack.ts'

export const PARTITIONS = 2
const COUNTS = { identifier: PARTITIONS, profile: PARTITIONS, delivery: PARTITIONS }
/** Bytes of a record's value: an envelope without its payload is about so large. */
const VALUE_BYTES = 300
/** Produced at once. */
const CHUNK = 2_000

const table: TableSpec<Uint8Array> = {
  name: 'counts',
  changeLog: topics.fragments,
  codec: { encode: (value) => value, decode: (bytes) => bytes },
}

/** Reads the key's row, counts in it, sends the record on: one output and one changed row for each record. */
const copyingTopology: Topology = {
  name: 'copying',
  inputs: [topics.events],
  tables: [table],
  metaLog: topics.fragments,
  create: () => ({
    step(context, input) {
      if (input.kind !== 'record') return
      const { key, value } = input.record
      const name = String(key)
      const rows = context.table(table)
      const row = Buffer.from(rows.get(name) ?? Buffer.alloc(VALUE_BYTES))
      row.writeUInt32BE(row.readUInt32BE(0) + 1, 0)
      rows.put(name, row)
      context.send({ topic: topics.skipped, partition: context.partition, key: name, value })
    },
  }),
}

export interface RuntimeLoad {
  kafka: Kafka
  brokers: string
  nameOf(spec: TopicSpec): string
  /** Records with `keys` different keys, spread over the partitions. */
  produce(records: number, keys: number): Promise<void>
  start(options: { store: string; onReady?: () => void }): Promise<TaskGroup>
  close(): Promise<void>
}

export async function createRuntimeLoad(name: string): Promise<RuntimeLoad> {
  const stack = await benchStack()
  const { brokers } = stack.kafka
  const prefix = uniquePrefix(name)
  const kafka = createKafka({ brokers: [brokers], clientId: 'bench' })
  const used = [topics.events, topics.fragments, topics.skipped, topics.layout]
  await createTopics(kafka, {
    topics: used,
    counts: COUNTS,
    prefix,
    replicationFactor: 1,
    minInSyncReplicas: 1,
  })
  const producer = await createPlainProducer(kafka)
  const log = createKafkaLog(kafka, { topicPrefix: prefix })
  const directory = join(BENCH_FOLDER, prefix)
  const nameOf = (spec: TopicSpec): string => topicName(prefix, spec)
  const value = Buffer.alloc(VALUE_BYTES, 'x')
  return {
    kafka,
    brokers,
    nameOf,
    async produce(records, keys) {
      for (let from = 0; from < records; from += CHUNK) {
        const count = Math.min(CHUNK, records - from)
        await producer.send(
          Array.from({ length: count }, (_, i) => ({
            topic: nameOf(topics.events),
            partition: (from + i) % PARTITIONS,
            key: `k${(from + i) % keys}`,
            value,
          })),
        )
      }
    },
    start: ({ store, onReady }) =>
      startTaskGroup({
        topology: copyingTopology,
        log,
        stores: createLmdbStores({ directory: join(directory, store) }),
        counts: COUNTS,
        groupPrefix: prefix,
        nodeId: 'bench',
        onFatal: (error) => {
          throw error
        },
        onReadiness: (ready) => {
          if (ready) onReady?.()
        },
      }),
    async close() {
      await log.close()
      await producer.close()
      await rm(directory, { recursive: true, force: true })
    },
  }
}

export async function withLoad<T>(name: string, run: (load: RuntimeLoad) => Promise<T>): Promise<T> {
  const load = await createRuntimeLoad(name)
  try {
    return await run(load)
  } finally {
    await load.close()
  }
}
