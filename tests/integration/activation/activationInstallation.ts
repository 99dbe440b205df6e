/** Activation as a process on topics, groups and a database of its own; the test is its profile-store. */
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { credentials } from '@grpc/grpc-js'
import { run } from '@tributary/cli'
import { type ClickHouse } from '@tributary/clickhouse-log'
import { type Document, nextRevision, toRevisionDocument } from '@tributary/configuration'
import { type TopicSpec, allTopics, partitionOf, partitionsOf, topicName, topics } from '@tributary/contracts'
import { Revision } from '@tributary/contracts/generated/tributary/config/v1/revision'
import {
  DeadLetter,
  DeliveryOutcome,
  DeliveryServiceClient,
  type ListDeliveriesResponse,
  type OutcomeKind,
} from '@tributary/contracts/generated/tributary/delivery/v1/delivery'
import { createKafka, createPlainProducer, createTopics, readTopic } from '@tributary/kafka'
import { bearerCredentials, callUnary } from '@tributary/service-kit'
import {
  createSecretFiles,
  readSecret,
  secretFile,
  signingSecret,
} from '../../../deploy/local/src/secretFiles.ts'
import { type ServiceProcess, startServiceProcess } from '../../../deploy/local/src/serviceProcess.ts'
import { type TestStack, testStack } from '../../support/testStack.ts'
import { uniquePrefix } from '../../support/uniquePrefix.ts'
import { createLogDatabase } from '../log/logDatabase.ts'

export interface PublishedChange {
  readonly profileId: string
  readonly version: string
  readonly profile: object
  readonly audience?: object
}

const counts = { identifier: 1, profile: 2, delivery: 3 }

export interface ActivationInstallation {
  readonly clickhouse: ClickHouse
  /** Makes a signing secret's file and gives the secret. */
  secret(name: string): Promise<string>
  /** Mounts a secret as it is. */
  mount(name: string, content: string | Buffer): Promise<void>
  apply(documents: readonly { readonly kind: string; readonly id: string }[]): Promise<void>
  /** One change of a profile and of its membership, as the profile task publishes them. */
  publish(...changes: readonly PublishedChange[]): Promise<void>
  start(): Promise<ServiceProcess>
  log(process: ServiceProcess): Promise<string>
  metrics(process: ServiceProcess): Promise<string>
  list(process: ServiceProcess): Promise<ListDeliveriesResponse>
  /** The command line, before this process and the event log. */
  tributary(process: ServiceProcess, ...args: string[]): Promise<{ code: number; out: string; err: string }>
  outcomes(kind: OutcomeKind): Promise<DeliveryOutcome[]>
  deadLetters(): Promise<DeadLetter[]>
  close(): Promise<void>
}

/** On the stack of the tests when none is given. */
export async function openActivationInstallation(
  { brokers, clickhouseUrl }: Pick<TestStack, 'brokers' | 'clickhouseUrl'> = testStack(),
): Promise<ActivationInstallation> {
  const kafka = createKafka({ brokers: [brokers], clientId: 'activation-tests' })
  const prefix = uniquePrefix('activation')
  await createTopics(kafka, { topics: allTopics, counts, prefix, replicationFactor: 1, minInSyncReplicas: 1 })
  const producer = await createPlainProducer(kafka)
  const database = await createLogDatabase(clickhouseUrl)
  const dataDir = await mkdtemp(join(tmpdir(), 'activation-'))
  const secrets = await createSecretFiles(join(dataDir, 'secrets'))
  const token = (await readFile(secrets.grpcToken, 'utf8')).trim()
  const processes: ServiceProcess[] = []
  let held: Revision | undefined

  async function read(spec: TopicSpec): Promise<Buffer[]> {
    const partitions = Array.from({ length: partitionsOf(spec, counts) }, async (_, partition) => {
      const found: Buffer[] = []
      for await (const { records } of readTopic(kafka, { topic: topicName(prefix, spec), partition })) {
        for (const { value } of records) if (value) found.push(value)
      }
      return found
    })
    return (await Promise.all(partitions)).flat()
  }

  return {
    clickhouse: database.clickhouse,
    async secret(name) {
      const path = join(secrets.documents, name)
      await secretFile(path, signingSecret)
      return readSecret(path)
    },
    mount: (name, content) => writeFile(join(secrets.documents, name), content),
    async apply(documents) {
      const workspace = { kind: 'Workspace', id: 'shop', schema: 'tributary/v1', timeZone: 'UTC' }
      const given = documents.some(({ kind }) => kind === 'Workspace')
      const all = given ? documents : [workspace, ...documents]
      held = nextRevision(
        held,
        all.map((document) => toRevisionDocument(document as unknown as Document, 'files')),
        { author: 'test', message: 'a test', createdAtMs: Date.now() },
      )
      await producer.send([
        {
          topic: topicName(prefix, topics.config),
          partition: 0,
          key: String(held.revision),
          value: Revision.encode(held).finish(),
        },
      ])
    },
    async publish(...changes) {
      const records = changes.flatMap(({ profileId, version, profile, audience }) => {
        const record = (spec: TopicSpec, value: object) => ({
          topic: topicName(prefix, spec),
          partition: partitionOf(profileId, counts.profile),
          key: profileId,
          value: Buffer.from(JSON.stringify(value)),
          headers: { ce_id: `${spec.name}-${profileId}-${version}` },
        })
        return [
          ...(audience ? [record(topics.audienceChanges, audience)] : []),
          record(topics.profileChanges, profile),
        ]
      })
      await producer.send(records)
    },
    async start() {
      const started = await startServiceProcess({
        service: 'activation',
        instance: `activation-${processes.length}`,
        dataDir,
        logsDir: join(dataDir, 'logs'),
        settings: {
          KAFKA_BROKERS: brokers,
          KAFKA_REPLICATION_FACTOR: '1',
          KAFKA_MIN_ISR: '1',
          TOPIC_PREFIX: prefix,
          GROUP_PREFIX: prefix,
          CLICKHOUSE_URL: clickhouseUrl,
          CLICKHOUSE_DATABASE: database.clickhouse.database,
          HOST: '127.0.0.1',
          GRPC_TOKEN_FILE: secrets.grpcToken,
          SECRETS_DIR: secrets.documents,
          IDENTIFIER_PARTITIONS: String(counts.identifier),
          PROFILE_PARTITIONS: String(counts.profile),
          DELIVERY_PARTITIONS: String(counts.delivery),
        },
      })
      processes.push(started)
      return started
    },
    log: ({ logFile }) => readFile(logFile, 'utf8'),
    metrics: async (process) => (await fetch(`http://127.0.0.1:${process.ports().admin}/metrics`)).text(),
    async list(process) {
      const client = new DeliveryServiceClient(
        `127.0.0.1:${process.ports().grpc}`,
        credentials.createInsecure(),
      )
      try {
        return await callUnary(
          client.listDeliveries.bind(client),
          { destinationId: '', limit: 0 },
          { deadlineMs: 2_000, metadata: bearerCredentials(token) },
        )
      } finally {
        client.close()
      }
    },
    async tributary(process, ...args) {
      const said: { out: string[]; err: string[] } = { out: [], err: [] }
      const code = await run(args, {
        env: {
          ACTIVATION_GRPC: `127.0.0.1:${process.ports().grpc}`,
          GRPC_TOKEN_FILE: secrets.grpcToken,
          CLICKHOUSE_URL: clickhouseUrl,
          CLICKHOUSE_DATABASE: database.clickhouse.database,
          TRIBUTARY_ACTOR: 'ada',
        },
        cwd: dataDir,
        out: (text) => said.out.push(text),
        err: (text) => said.err.push(text),
        colour: false,
        now: () => Date.now(),
        user: 'test',
        interrupted: new AbortController().signal,
      })
      return { code, out: said.out.join('\n'), err: said.err.join('\n') }
    },
    outcomes: async (kind) =>
      (await read(topics.deliveryOutcomes))
        .map((value) => DeliveryOutcome.decode(value))
        .filter((one) => one.kind === kind),
    deadLetters: async () => (await read(topics.deadLetters)).map((value) => DeadLetter.decode(value)),
    async close() {
      await Promise.all(processes.map((each) => each.kill()))
      await producer.close()
      await database.drop()
      await rm(dataDir, { recursive: true, force: true })
    },
  }
}
