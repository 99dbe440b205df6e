/** A profile-store as a process, on topics, groups and a database of its own; the test is its collector and resolver. */
import { mkdtemp, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { credentials } from '@grpc/grpc-js'
import { type ClickHouse, startLogWriters } from '@tributary/clickhouse-log'
import { type Document, nextRevision, toRevisionDocument } from '@tributary/configuration'
import {
  type PartitionCounts,
  type TopicSpec,
  allTopics,
  partitionOf,
  partitionsOf,
  topicName,
  topics,
} from '@tributary/contracts'
import { Revision } from '@tributary/contracts/generated/tributary/config/v1/revision'
import { type Event, EventRecord } from '@tributary/contracts/generated/tributary/event/v1/event'
import { Assignment } from '@tributary/contracts/generated/tributary/identity/v1/assignment'
import {
  type GetProfileResponse,
  ProfileServiceClient,
} from '@tributary/contracts/generated/tributary/profile/v1/profile_service'
import { type Kafka, createKafka, createPlainProducer, createTopics, readTopic } from '@tributary/kafka'
import { bearerCredentials, callUnary, createIdentifierHasher } from '@tributary/service-kit'
import { createRecordingLogger } from '@tributary/service-kit/testing'
import { createSecretFiles } from '../../../deploy/local/src/secretFiles.ts'
import { type ServiceProcess, startServiceProcess } from '../../../deploy/local/src/serviceProcess.ts'
import { positionToken } from '../../../services/collector/src/produce/positionToken.ts'
import { testStack } from '../../support/testStack.ts'
import { uniquePrefix } from '../../support/uniquePrefix.ts'
import { createLogDatabase } from '../log/logDatabase.ts'

export const counts: PartitionCounts = { identifier: 3, profile: 2, delivery: 1 }

export interface ReadBack {
  readonly partition: number
  readonly offset: number
  readonly key: string | null
  readonly value: Buffer | null
  readonly headers: Readonly<Record<string, Buffer | string | undefined>>
}

export interface ProfileInstallation {
  readonly kafka: Kafka
  /** Of topics and groups. */
  readonly prefix: string
  /** Of the services and the command. */
  readonly settings: Readonly<Record<string, string>>
  readonly clickhouse: ClickHouse
  readonly hash: (type: string, version: number, value: string) => string
  apply(documents: readonly { readonly kind: string; readonly id: string }[]): Promise<void>
  /** Gives the position of the events, as the collector's answer has it. */
  send(events: readonly Event[]): Promise<string>
  assign(assignments: readonly Assignment[]): Promise<void>
  start(service?: 'profile-store' | 'identity-stitcher'): Promise<ServiceProcess>
  log(process: ServiceProcess): Promise<string>
  client(process: ServiceProcess): ProfileServiceClient
  /** Metadata with the token. */
  readonly metadata: ReturnType<typeof bearerCredentials>
  get(process: ServiceProcess, type: string, value: string): Promise<GetProfileResponse['profile']>
  /** Committed records of every partition. */
  read(spec: TopicSpec): Promise<ReadBack[]>
  close(): Promise<void>
}

export async function openProfileInstallation(
  partitions: PartitionCounts = counts,
): Promise<ProfileInstallation> {
  const kafka = createKafka({ brokers: [testStack().brokers], clientId: 'profile-tests' })
  const prefix = uniquePrefix('profile')
  await createTopics(kafka, {
    topics: allTopics,
    counts: partitions,
    prefix,
    replicationFactor: 1,
    minInSyncReplicas: 1,
  })
  const producer = await createPlainProducer(kafka)
  const database = await createLogDatabase()
  const dataDir = await mkdtemp(join(tmpdir(), 'profiles-'))
  const secrets = await createSecretFiles(join(dataDir, 'secrets'))
  const token = (await readFile(secrets.grpcToken, 'utf8')).trim()
  const metadata = bearerCredentials(token)
  const hash = createIdentifierHasher((await readFile(secrets.workspaceKey, 'utf8')).trim())
  // What a collector does with the events beside taking them: a back-fill reads them from the log.
  const writers = startLogWriters({
    topics: [topics.events],
    kafka,
    clickhouse: database.clickhouse,
    prefix,
    nodeId: 'collector',
    epoch: 1,
    logger: createRecordingLogger().logger,
    onFatal(error) {
      throw error
    },
  })
  const settings = {
    KAFKA_BROKERS: testStack().brokers,
    KAFKA_REPLICATION_FACTOR: '1',
    KAFKA_MIN_ISR: '1',
    TOPIC_PREFIX: prefix,
    GROUP_PREFIX: prefix,
    CLICKHOUSE_URL: testStack().clickhouseUrl,
    CLICKHOUSE_DATABASE: database.clickhouse.database,
    HOST: '127.0.0.1',
    WORKSPACE_KEY_FILE: secrets.workspaceKey,
    GRPC_TOKEN_FILE: secrets.grpcToken,
    IDENTIFIER_PARTITIONS: String(partitions.identifier),
    PROFILE_PARTITIONS: String(partitions.profile),
    DELIVERY_PARTITIONS: String(partitions.delivery),
  }
  const processes: ServiceProcess[] = []
  const clients = new Map<number, ProfileServiceClient>()
  let held: Revision | undefined

  function client(process: ServiceProcess): ProfileServiceClient {
    const port = process.ports().grpc ?? 0
    let found = clients.get(port)
    if (!found)
      clients.set(port, (found = new ProfileServiceClient(`127.0.0.1:${port}`, credentials.createInsecure())))
    return found
  }

  return {
    kafka,
    prefix,
    settings,
    clickhouse: database.clickhouse,
    hash,
    metadata,
    client,
    async apply(documents) {
      const all = [{ kind: 'Workspace', id: 'shop', schema: 'tributary/v1', timeZone: 'UTC' }, ...documents]
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
    async send(events) {
      const written = await producer.send(
        events.map((event) => ({
          topic: topicName(prefix, topics.events),
          partition: partitionOf(event.anchor, partitions.identifier),
          key: event.anchor,
          value: EventRecord.encode({ record: { $case: 'event', value: event } }).finish(),
        })),
      )
      return positionToken(1, written)
    },
    async assign(assignments) {
      await producer.send(
        assignments.map((assignment) => ({
          topic: topicName(prefix, topics.assignments),
          partition: partitionOf(assignment.identifierId, partitions.identifier),
          key: assignment.identifierId,
          value: Assignment.encode(assignment).finish(),
        })),
      )
    },
    async start(service = 'profile-store') {
      const started = await startServiceProcess({
        service,
        instance: `${service}-${processes.length}`,
        dataDir,
        logsDir: join(dataDir, 'logs'),
        settings,
      })
      processes.push(started)
      return started
    },
    log: ({ logFile }) => readFile(logFile, 'utf8'),
    async get(process, type, value) {
      const { profile } = await callUnary(
        client(process).getProfile.bind(client(process)),
        { ref: { ref: { $case: 'identifier', value: { type, value } } } },
        { deadlineMs: 2_000, metadata },
      )
      return profile
    },
    async read(spec) {
      const all = Array.from({ length: partitionsOf(spec, partitions) }, async (_, partition) => {
        const found: ReadBack[] = []
        for await (const { records } of readTopic(kafka, { topic: topicName(prefix, spec), partition }))
          for (const { offset, key, value, headers } of records)
            found.push({ partition, offset, key: key?.toString() ?? null, value, headers })
        return found
      })
      return (await Promise.all(all)).flat()
    },
    async close() {
      for (const each of clients.values()) each.close()
      await Promise.all(processes.map((each) => each.kill()))
      await writers.stop()
      await producer.close()
      await database.drop()
      await rm(dataDir, { recursive: true, force: true })
    },
  }
}
