/**
 * The identity-stitcher on Kafka, LMDB and ClickHouse. Waits for a broker that is not there yet and for topics that
 * are still being created; a topic with a wrong partition count is a refusal to start.
 */
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { connectClickHouse, startLogWriters } from '@tributary/clickhouse-log'
import {
  type ProcessConfiguration,
  type WorkspaceConfiguration,
  createConfigurationFeed,
  identityRules,
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
  requireTopics,
} from '@tributary/kafka'
import {
  type Ports,
  type Service,
  advertisedAddress,
  clickhouseConnection,
  createIdentifierHasher,
  grpcPeerTls,
  grpcTls,
  grpcTokens,
  kafkaConnection,
  observeConfiguration,
  topicPrefix,
  loadWorkspaceKey,
  phoneToE164,
} from '@tributary/service-kit'
import { createLmdbStores } from '@tributary/state-lmdb'
import type { settings } from './config.ts'
import { startIdentityStitcher } from './startIdentityStitcher.ts'

/** Pause before Kafka is tried again at the start, ms. */
const CONNECT_RETRY_MS = 2_000

/** Copied into the event log by this service, which owns them. */
const loggedTopics = [topics.evidence, topics.identityChanges]
const ownTopics = [
  ...loggedTopics,
  topics.events,
  topics.extractorState,
  topics.evidenceState,
  topics.assignments,
  topics.facts,
  topics.jobs,
  topics.config,
  topics.layout,
]

type StitcherService = Service<typeof settings>

export async function startService(service: StitcherService): Promise<Ports> {
  const { settings: set, logger, health, metrics } = service
  const counts = {
    identifier: set.IDENTIFIER_PARTITIONS,
    profile: set.PROFILE_PARTITIONS,
    delivery: set.DELIVERY_PARTITIONS,
  }
  const tls = grpcTls(set)
  const tokens = grpcTokens(set)
  const hash = createIdentifierHasher(loadWorkspaceKey(set.WORKSPACE_KEY_FILE))
  const kafka = createKafka(kafkaConnection(set), { logger })
  await waitForTopics(service, kafka, counts)
  const configuration = await followConfiguration(service, kafka)
  startEventLog(service, kafka)

  const log = createKafkaLog(kafka, { topicPrefix: topicPrefix(set) })
  service.onStop('log', () => log.close())
  const admin = await createAdmin(kafka)
  service.onStop('Kafka admin', () => admin.close())
  const defaults = identityRules(undefined)
  const { grpcPort } = await startIdentityStitcher({
    log,
    stores: createLmdbStores({
      directory: join(set.DATA_DIR, 'identity-stitcher'),
      onDistrust: (store, reason) =>
        logger.warn({ ...store, reason }, 'a local store is thrown away and restored'),
    }),
    reading() {
      const workspace = configuration.current()?.value
      return {
        rules: workspace?.identityRules ?? defaults,
        hash,
        phone: (value) => phoneToE164(value, workspace?.workspace.region),
      }
    },
    counts,
    groupPrefix: set.GROUP_PREFIX,
    epoch: set.LAYOUT_EPOCH,
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
    onStop: (name, stop) => service.onStop(name, stop),
  })
  return { grpc: grpcPort }
}

async function waitForTopics(
  { settings: set, logger, health }: StitcherService,
  kafka: Kafka,
  counts: PartitionCounts,
): Promise<void> {
  health.setReady('kafka', false, 'connecting')
  for (;;) {
    try {
      // oxlint-disable-next-line no-await-in-loop -- one try after the other
      await requireTopics(kafka, {
        topics: ownTopics,
        counts,
        prefix: topicPrefix(set),
      })
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

/**
 * Resolves when the newest revision, if there is any, has been read. Only questions need it: the resolver's rules come
 * as records of its input.
 */
async function followConfiguration(
  service: StitcherService,
  kafka: Kafka,
): Promise<ProcessConfiguration<WorkspaceConfiguration>> {
  const { settings: set, logger, health } = service
  const feed = await createConfigurationFeed({
    epoch: set.LAYOUT_EPOCH,
    follow: (onRecord) =>
      followTopic(kafka, {
        topic: topicName(set.TOPIC_PREFIX, topics.config),
        onRecord,
        onFatal: (error) => service.fatal(error),
      }),
    build: (workspace) => workspace,
  })
  service.onStop('configuration', () => feed.stop())
  observeConfiguration(service.metrics, feed)
  const told = () => {
    const held = feed.current()
    health.setReady('configuration', true, held ? `revision ${held.revision}` : 'none yet')
    if (held) logger.info({ revision: held.revision }, 'adopted a revision of the configuration')
  }
  told()
  feed.onChange(told)
  return feed
}

/** Copies evidence and identity changes into ClickHouse. ClickHouse being away is no reason to resolve nothing. */
function startEventLog(service: StitcherService, kafka: Kafka): void {
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
    epoch: set.LAYOUT_EPOCH,
    logger,
    metrics,
    onState: (state) => health.setReady('event-log', true, state.detail),
    onFatal: (error) => service.fatal(error),
  })
  service.onStop('event log', () => writers.stop())
}
