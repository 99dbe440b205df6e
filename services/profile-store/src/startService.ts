/**
 * The profile-store on Kafka, LMDB and ClickHouse. Waits for a broker that is not there yet and for topics that are
 * still being created; a topic with a wrong partition count is a refusal to start.
 */
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import {
  type ClickHouse,
  connectClickHouse,
  createAnchoredEvents,
  createFiledEvents,
  createFoldedEvents,
  measureRecent,
  startLogWriters,
} from '@tributary/clickhouse-log'
import { type ProcessConfiguration, createConfigurationFeed } from '@tributary/configuration'
import { topicName, topics } from '@tributary/contracts'
import {
  type Kafka,
  KafkaFault,
  type PlainProducer,
  createAdmin,
  createKafka,
  createKafkaLog,
  createOwnerMap,
  createPlainProducer,
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
} from '@tributary/service-kit'
import { createLmdbStores } from '@tributary/state-lmdb'
import { type settings } from './config.ts'
import { startProfileStore } from './startProfileStore.ts'
import { type WorkspaceView, viewWorkspace } from './workspaceView.ts'

/** Pause before Kafka is tried again at the start, ms. */
const CONNECT_RETRY_MS = 2_000

/** Copied into the event log by this service, which owns them. */
const loggedTopics = [topics.skipped, topics.profileChanges, topics.audienceChanges]
const ownTopics = [
  ...loggedTopics,
  topics.events,
  topics.assignments,
  topics.evidence,
  topics.fragments,
  topics.seen,
  topics.profileParts,
  topics.profileState,
  topics.profiles,
  topics.audienceMemberships,
  topics.jobs,
  topics.jobState,
  topics.config,
  topics.layout,
]

type ProfileStoreService = Service<typeof settings>

export async function startService(service: ProfileStoreService): Promise<Ports> {
  const { settings: set, logger, health, metrics } = service
  const counts = {
    identifier: set.IDENTIFIER_PARTITIONS,
    profile: set.PROFILE_PARTITIONS,
    delivery: set.DELIVERY_PARTITIONS,
  }
  const tls = grpcTls(set)
  const tokens = grpcTokens(set)
  const kafka = createKafka(kafkaConnection(set), { logger })
  const producer = await connect(service, kafka, counts)
  service.onStop('producer', () => producer.close())
  const configuration = await followConfiguration(service, kafka)
  const clickhouse = connectClickHouse(clickhouseConnection(set))
  service.onStop('ClickHouse', () => clickhouse.close())
  startEventLog(service, kafka, clickhouse)

  const log = createKafkaLog(kafka, { topicPrefix: topicPrefix(set) })
  service.onStop('log', () => log.close())
  const admin = await createAdmin(kafka)
  service.onStop('Kafka admin', () => admin.close())
  const { grpcPort, httpPort } = await startProfileStore({
    log,
    stores: createLmdbStores({
      directory: join(set.DATA_DIR, 'profile-store'),
      onDistrust: ({ group, partition }, reason) =>
        logger.warn({ group, partition, reason }, 'a local store is not trusted; restored from its log'),
    }),
    configuration,
    sendToEvents: (records) =>
      producer.send(
        records.map(({ partition, value }) => ({
          topic: topicName(topicPrefix(set), topics.events),
          partition,
          key: null,
          value,
        })),
      ),
    events: createFoldedEvents(clickhouse, set.LAYOUT_EPOCH),
    filedEvents: createFiledEvents(clickhouse, set.LAYOUT_EPOCH),
    loggedEvents: createAnchoredEvents(clickhouse, set.LAYOUT_EPOCH),
    recentLedger: (sinceMs) => measureRecent(clickhouse, sinceMs),
    counts,
    groupPrefix: set.GROUP_PREFIX,
    epoch: set.LAYOUT_EPOCH,
    nodeId: set.NODE_ID,
    address: (port) => advertisedAddress(set, port),
    owners: (group) => createOwnerMap({ admin, group }),
    peerTls: grpcPeerTls(set),
    httpPort: set.HTTP_PORT,
    grpc: { host: set.HOST, port: set.GRPC_PORT, tokens, ...(tls && { tls }) },
    logger,
    metrics,
    health,
    tracing: service.tracing,
    nowMs: Date.now,
    fatal: (error) => service.fatal(error),
    onStop: (name, stop) => service.onStop(name, stop),
  })
  return { grpc: grpcPort, http: httpPort }
}

async function connect(
  { settings: set, logger, health }: ProfileStoreService,
  kafka: Kafka,
  counts: Parameters<typeof requireTopics>[1]['counts'],
): Promise<PlainProducer> {
  health.setReady('kafka', false, 'connecting')
  for (;;) {
    try {
      // oxlint-disable-next-line no-await-in-loop -- one try after the other
      await requireTopics(kafka, {
        topics: ownTopics,
        counts,
        prefix: topicPrefix(set),
      })
      // oxlint-disable-next-line no-await-in-loop -- one try after the other
      const producer = await createPlainProducer(kafka)
      health.setReady('kafka', true)
      return producer
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
  service: ProfileStoreService,
  kafka: Kafka,
): Promise<ProcessConfiguration<WorkspaceView>> {
  const { settings: set, logger, health } = service
  const hash = createIdentifierHasher(loadWorkspaceKey(set.WORKSPACE_KEY_FILE))
  const feed = await createConfigurationFeed({
    epoch: set.LAYOUT_EPOCH,
    follow: (onRecord) =>
      followTopic(kafka, {
        topic: topicName(set.TOPIC_PREFIX, topics.config),
        onRecord,
        onFatal: (error) => service.fatal(error),
      }),
    build(workspace) {
      try {
        return viewWorkspace(workspace, hash)
      } catch (error) {
        logger.error(
          { revision: workspace.revision, err: error },
          'a revision of the configuration cannot be used; the one before it stays',
        )
        throw error
      }
    },
  })
  service.onStop('configuration', () => feed.stop())
  observeConfiguration(service.metrics, feed)
  const told = () => {
    const held = feed.current()
    health.setReady('configuration', true, held ? `revision ${held.revision}` : 'none yet')
    if (held) logger.info({ revision: held.revision }, 'adopted a revision of the configuration')
    for (const reason of held?.value.jobs.refused ?? [])
      logger.error({ reason }, 'a document cannot be adopted')
  }
  told()
  feed.onChange(told)
  return feed
}

/** Copies what this service wrote into ClickHouse. ClickHouse being away is no reason to fold no events. */
function startEventLog(service: ProfileStoreService, kafka: Kafka, clickhouse: ClickHouse): void {
  const { settings: set, logger, health, metrics } = service
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
