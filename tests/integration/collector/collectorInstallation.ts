/** A collector as a process, on topics, groups and a database of its own; with a way to see what it wrote. */
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { type ClickHouse } from '@tributary/clickhouse-log'
import { type Document, nextRevision, toRevisionDocument } from '@tributary/configuration'
import { type RejectedRecord, type TopicSpec, partitionsOf, topicName, topics } from '@tributary/contracts'
import { Revision } from '@tributary/contracts/generated/tributary/config/v1/revision'
import { type Event, EventRecord } from '@tributary/contracts/generated/tributary/event/v1/event'
import {
  type Kafka,
  type PlainProducer,
  createKafka,
  createPlainProducer,
  createTopics,
  readTopic,
} from '@tributary/kafka'
import { type ChildProcess, startChildProcess } from '../../../deploy/local/src/childProcess.ts'
import { createSecretFiles } from '../../../deploy/local/src/secretFiles.ts'
import { type ServiceProcess, startServiceProcess } from '../../../deploy/local/src/serviceProcess.ts'
import {
  type KafkaRecordSender,
  createRecordSender,
} from '../../../services/collector/src/produce/createRecordSender.ts'
import { testStack } from '../../support/testStack.ts'
import { uniquePrefix } from '../../support/uniquePrefix.ts'
import { createLogDatabase } from '../log/logDatabase.ts'

export const PARTITIONS = 4
export const counts = { identifier: PARTITIONS, profile: PARTITIONS, delivery: PARTITIONS }

export interface Topics {
  readonly kafka: Kafka
  readonly prefix: string
  readonly producer: PlainProducer
  /** As the collector itself writes. */
  readonly sender: KafkaRecordSender
  /** Everything that is in a topic of the catalogue now. */
  read(spec: TopicSpec): Promise<{ partition: number; offset: number; value: Buffer }[]>
  events(): Promise<(Event & { partition: number; offset: number })[]>
  rejected(): Promise<RejectedRecord[]>
  close(): Promise<void>
}

/** The collector's topics under a prefix of their own. */
export async function openTopics(brokers = testStack().brokers): Promise<Topics> {
  const kafka = createKafka({ brokers: [brokers], clientId: 'collector-tests' })
  const prefix = uniquePrefix('collector')
  await createTopics(kafka, {
    topics: [topics.events, topics.rejected, topics.config],
    counts,
    prefix,
    replicationFactor: 1,
    minInSyncReplicas: 1,
  })
  const producer = await createPlainProducer(kafka)
  const sender = await createRecordSender(kafka, { topicPrefix: prefix, timeoutMs: 10_000 })

  const read: Topics['read'] = async (spec) => {
    const partitions = Array.from({ length: partitionsOf(spec, counts) }, async (_, partition) => {
      const found: { partition: number; offset: number; value: Buffer }[] = []
      for await (const { records } of readTopic(kafka, { topic: topicName(prefix, spec), partition }))
        for (const { offset, value } of records) if (value) found.push({ partition, offset, value })
      return found
    })
    return (await Promise.all(partitions)).flat()
  }
  return {
    kafka,
    prefix,
    producer,
    sender,
    read,
    events: async () =>
      (await read(topics.events)).flatMap(({ partition, offset, value }) => {
        const { record } = EventRecord.decode(value)
        return record?.$case === 'event' ? [{ ...record.value, partition, offset }] : []
      }),
    rejected: async () =>
      (await read(topics.rejected)).map(({ value }) => JSON.parse(value.toString()) as RejectedRecord),
    async close() {
      await sender.close()
      await producer.close()
    },
  }
}

export interface Installation extends Topics {
  readonly clickhouse: ClickHouse
  /** Writes the next revision of the configuration, whole. */
  apply(documents: readonly { readonly kind: string; readonly id: string }[]): Promise<number>
  /** A file that documents name as a secret. */
  secret(name: string, content: string): Promise<void>
  start(settings?: Record<string, string>): Promise<ServiceProcess>
  /** Without waiting until it is ready. */
  spawn(settings: Record<string, string>): Promise<ChildProcess>
  log(process: { readonly logFile: string }): Promise<string>
  /** Creates a topic that is no topic of ours. */
  createSourceTopic(name: string, partitions: number): Promise<string>
}

/** Everything a collector needs, on the shared Kafka or another; what was started is stopped by `close`. */
export async function openInstallation(brokers = testStack().brokers): Promise<Installation> {
  const opened = await openTopics(brokers)
  const database = await createLogDatabase()
  const dataDir = await mkdtemp(join(tmpdir(), 'collector-'))
  const secrets = await createSecretFiles(join(dataDir, 'secrets'))
  const processes: { kill(): Promise<void> }[] = []
  let held: Revision | undefined
  const common: Record<string, string> = {
    KAFKA_BROKERS: brokers,
    KAFKA_REPLICATION_FACTOR: '1',
    KAFKA_MIN_ISR: '1',
    TOPIC_PREFIX: opened.prefix,
    GROUP_PREFIX: opened.prefix,
    CLICKHOUSE_URL: testStack().clickhouseUrl,
    CLICKHOUSE_DATABASE: database.clickhouse.database,
    HOST: '127.0.0.1',
    WORKSPACE_KEY_FILE: secrets.workspaceKey,
    SECRETS_DIR: secrets.documents,
    IDENTIFIER_PARTITIONS: String(PARTITIONS),
    PROFILE_PARTITIONS: String(PARTITIONS),
    DELIVERY_PARTITIONS: String(PARTITIONS),
  }

  return {
    ...opened,
    clickhouse: database.clickhouse,
    async apply(documents) {
      const all = [{ kind: 'Workspace', id: 'shop', schema: 'tributary/v1', region: 'FR' }, ...documents]
      held = nextRevision(
        held,
        all.map((document) => toRevisionDocument(document as unknown as Document, 'files')),
        { author: 'test', message: 'a test', createdAtMs: Date.now() },
      )
      await opened.producer.send([
        {
          topic: topicName(opened.prefix, topics.config),
          partition: 0,
          key: String(held.revision),
          value: Revision.encode(held).finish(),
        },
      ])
      return held.revision
    },
    secret: (name, content) => writeFile(join(secrets.documents, name), content),
    async start(settings = {}) {
      const started = await startServiceProcess({
        service: 'collector',
        instance: `collector-${processes.length}`,
        dataDir,
        logsDir: join(dataDir, 'logs'),
        settings: { ...common, ...settings },
      })
      processes.push(started)
      return started
    },
    async spawn(settings) {
      const child = await startChildProcess({
        name: `collector-${processes.length}`,
        command: process.execPath,
        args: ['--conditions=tributary-source', 'services/collector/src/main.ts'],
        cwd: fileURLToPath(new URL('../../../', import.meta.url)),
        env: {
          ...common,
          NODE_ID: 'spawned',
          DATA_DIR: join(dataDir, 'state'),
          HTTP_PORT: '0',
          ADMIN_PORT: '0',
          ...settings,
        },
        logFile: join(dataDir, 'logs', `spawned-${processes.length}.log`),
      })
      processes.push(child)
      return child
    },
    log: ({ logFile }) => readFile(logFile, 'utf8'),
    async createSourceTopic(name, partitions) {
      const topic = `${opened.prefix}.${name}`
      await createTopics(opened.kafka, {
        topics: [{ ...topics.rejected, name }],
        counts: { ...counts, identifier: partitions },
        prefix: opened.prefix,
        replicationFactor: 1,
        minInSyncReplicas: 1,
      })
      return topic
    },
    async close() {
      await Promise.all(processes.map((each) => each.kill()))
      await opened.close()
      await database.drop()
      await rm(dataDir, { recursive: true, force: true })
    },
  }
}
