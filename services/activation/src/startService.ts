/**
 * Activation on Kafka, LMDB, ClickHouse and the network. Waits for a broker that is not there yet and for topics that
 * are still being created; a topic with a wrong partition count is a refusal to start.
 */
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { connectClickHouse, startLogWriters } from '@tributary/clickhouse-log'
import {
  type ProcessConfiguration,
  type WorkspaceConfiguration,
  createConfigurationFeed,
} from '@tributary/configuration'
import { type PartitionCounts, topicName, topics } from '@tributary/contracts'
import {
  type Kafka,
  KafkaFault,
  createAdmin,
  createKafka,
  createKafkaLog,
  createOwnerMap,
  followTopic,
  openFencedProducer,
  requireTopics,
} from '@tributary/kafka'
import {
  type Ports,
  type Service,
  advertisedAddress,
  clickhouseConnection,
  grpcPeerTls,
  grpcTls,
  grpcTokens,
  kafkaConnection,
  observeConfiguration,
} from '@tributary/service-kit'
import { createLmdbStores } from '@tributary/state-lmdb'
import type { settings } from './config.ts'
import { senderByKind } from './destination/senderByKind.ts'
import { createGuardedHttp } from './http/guardedHttp.ts'
import { createRecipeSecrets } from './recipe/recipeSecrets.ts'
import { createRecipeSender } from './recipe/recipeSender.ts'
import { createKafkaSender } from './kafka/kafkaSender.ts'
import { createPostgresSecrets, createPostgresSender } from './postgres/postgresSender.ts'
import { createPostgresRows } from './postgres/rowStore.ts'
import { createS3Objects } from './s3/objectStore.ts'
import { createS3Secrets, createS3Sender } from './s3/s3Sender.ts'
import { startActivation } from './startActivation.ts'
import { createWebhookSecrets } from './webhook/webhookSecret.ts'
import { createWebhookSender } from './webhook/webhookSender.ts'

/** Layout epoch of what is logged: delivery topics have none, so it never changes (what was sent is not forgotten). */
const EPOCH = 1
/** For the logs of receivers. */
const USER_AGENT = 'tributary-activation'
/** Pause before Kafka is tried again at the start, ms. */
const CONNECT_RETRY_MS = 2_000

/** Copied into the event log by this service, which owns them. */
const loggedTopics = [topics.deliveries, topics.deliveryOutcomes]
const ownTopics = [
  ...loggedTopics,
  topics.profileChanges,
  topics.audienceChanges,
  topics.syncState,
  topics.deliveryState,
  topics.deadLetters,
  topics.config,
  topics.layout,
]

type ActivationService = Service<typeof settings>

export async function startService(service: ActivationService): Promise<Ports> {
  const { settings: set, logger, health, metrics } = service
  const counts = {
    identifier: set.IDENTIFIER_PARTITIONS,
    profile: set.PROFILE_PARTITIONS,
    delivery: set.DELIVERY_PARTITIONS,
  }
  const tls = grpcTls(set)
  const tokens = grpcTokens(set)
  const kafka = createKafka(kafkaConnection(set), { logger })
  await waitForTopics(service, kafka, counts)
  const configuration = await followConfiguration(service, kafka)
  startEventLog(service, kafka)

  const webhook = createWebhookSender({
    secrets: createWebhookSecrets(set.SECRETS_DIR, Date.now),
    clock: Date.now,
    userAgent: USER_AGENT,
  })
  service.onStop('webhook connections', () => webhook.close())
  const recipeHttp = createGuardedHttp(Date.now)
  service.onStop('recipe connections', () => recipeHttp.close())
  const recipe = createRecipeSender({
    secrets: createRecipeSecrets(set.SECRETS_DIR, Date.now),
    http: recipeHttp,
    userAgent: USER_AGENT,
  })
  const topicsOfOthers = createKafkaSender({
    open: (target) => openFencedProducer(kafka, target),
    groupPrefix: set.GROUP_PREFIX,
    topicPrefix: set.TOPIC_PREFIX,
    partitions: set.DELIVERY_PARTITIONS,
    elapsedMs: () => performance.now(),
  })
  service.onStop('producers of destinations', () => topicsOfOthers.close())
  const rows = createPostgresRows()
  service.onStop('connections to databases', () => rows.close())
  const postgres = createPostgresSender({ secrets: createPostgresSecrets(set.SECRETS_DIR, Date.now), rows })
  const objects = createS3Objects()
  service.onStop('connections to buckets', async () => objects.close())
  const s3 = createS3Sender({ secrets: createS3Secrets(set.SECRETS_DIR, Date.now), objects })
  const sender = senderByKind({ webhook, recipe, kafka: topicsOfOthers, postgres, s3 })
  const log = createKafkaLog(kafka, { topicPrefix: set.TOPIC_PREFIX })
  service.onStop('Kafka log', () => log.close())
  const admin = await createAdmin(kafka)
  service.onStop('Kafka admin', () => admin.close())
  const { grpcPort } = await startActivation({
    log,
    stores: createLmdbStores({ directory: join(set.DATA_DIR, 'activation') }),
    configuration,
    sender,
    counts,
    groupPrefix: set.GROUP_PREFIX,
    nodeId: set.NODE_ID,
    address: (port) => advertisedAddress(set, port),
    owners: (group) => createOwnerMap({ admin, group }),
    peerTls: grpcPeerTls(set),
    grpc: { host: set.HOST, port: set.GRPC_PORT, tokens, ...(tls && { tls }) },
    logger,
    metrics,
    health,
    tracing: service.tracing,
    fatal: (error) => service.fatal(error),
    onStop: (name, stop) => {
      service.onStop(name, stop)
    },
  })
  return { grpc: grpcPort }
}

async function waitForTopics(
  { settings: set, logger, health }: ActivationService,
  kafka: Kafka,
  counts: PartitionCounts,
): Promise<void> {
  health.setReady('kafka', false, 'connecting')
  for (;;) {
    try {
      // oxlint-disable-next-line no-await-in-loop -- one try after the other
      await requireTopics(kafka, { topics: ownTopics, counts, prefix: set.TOPIC_PREFIX })
      health.setReady('kafka', true)
      return
    } catch (error) {
      const waits = error instanceof KafkaFault && (error.retriable || error.code === 'topic-missing')
      if (!waits) throw error
      health.setReady('kafka', false, error.message)
      logger.error(
        { reason: error.message, brokers: set.KAFKA_BROKERS },
        `Kafka cannot be used yet; tried again in ${CONNECT_RETRY_MS} ms`,
      )
      // oxlint-disable-next-line no-await-in-loop -- the pause between two tries
      await sleep(CONNECT_RETRY_MS)
    }
  }
}

/** Resolves when the newest revision, if there is any, has been read. */
async function followConfiguration(
  service: ActivationService,
  kafka: Kafka,
): Promise<ProcessConfiguration<WorkspaceConfiguration>> {
  const { settings: set, logger, health, metrics } = service
  const feed = await createConfigurationFeed({
    follow: (onRecord) =>
      followTopic(kafka, {
        topic: topicName(set.TOPIC_PREFIX, topics.config),
        onRecord,
        onFatal: (error) => service.fatal(error),
      }),
    build: (workspace) => workspace,
  })
  service.onStop('configuration', () => feed.stop())
  observeConfiguration(metrics, feed)
  const told = (): void => {
    const held = feed.current()
    const refused = feed.unusable()
    health.setReady('configuration', true, held ? `revision ${held.revision}` : 'none yet')
    if (held) logger.info({ revision: held.revision }, 'adopted a revision of the configuration')
    if (refused)
      logger.error(refused, 'a revision of the configuration cannot be used; the one before it stays')
  }
  told()
  feed.onChange(told)
  return feed
}

/** Copies what this service wrote into ClickHouse. ClickHouse being away is no reason to send nothing. */
function startEventLog(service: ActivationService, kafka: Kafka): void {
  const { settings: set, logger, health, metrics } = service
  const clickhouse = connectClickHouse(clickhouseConnection(set))
  service.onStop('ClickHouse', () => clickhouse.close())
  const writers = startLogWriters({
    topics: loggedTopics,
    kafka,
    clickhouse,
    prefix: set.TOPIC_PREFIX,
    groupPrefix: set.GROUP_PREFIX,
    nodeId: set.NODE_ID,
    epoch: EPOCH,
    logger,
    metrics,
    onState: (state) => {
      health.setReady('event-log', true, state.detail)
    },
    onFatal: (error) => service.fatal(error),
  })
  service.onStop('event log', () => writers.stop())
}
