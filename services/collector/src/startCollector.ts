/**
 * Puts the collector together. The HTTP side opens first and answers 503 until Kafka and the configuration are there:
 * a client that is told 401 drops its events, one that is told 503 keeps them.
 */
import { randomFillSync } from 'node:crypto'
import { setTimeout as sleep } from 'node:timers/promises'
import { connectClickHouse, startLogWriters } from '@tributary/clickhouse-log'
import { type WorkspaceConfiguration, createConfigurationFeed } from '@tributary/configuration'
import { topicName, topics } from '@tributary/contracts'
import { type Kafka, KafkaFault, createKafka, followTopic, requireTopics } from '@tributary/kafka'
import {
  type Ports,
  type Service,
  clickhouseConnection,
  createIdentifierHasher,
  kafkaConnection,
  observeConfiguration,
  topicPrefix,
  loadSecretFile,
  loadWorkspaceKey,
  phoneToE164,
  traceFields,
} from '@tributary/service-kit'
import { digest } from '@tributary/sources'
import { createCollectorMetrics } from './collectorMetrics.ts'
import { createInFlight } from './http/inFlight.ts'
import { startIngestServer } from './http/ingestServer.ts'
import { createGroupCommit } from './produce/groupCommit.ts'
import { type KafkaRecordSender, createRecordSender } from './produce/createRecordSender.ts'
import { type CollectorSettings, type collectorSettings } from './settings.ts'
import { type BookPorts, type SourceBook, buildSourceBook, emptyBook } from './sources/sourceBook.ts'
import { startSourceConsumers } from './sources/sourceConsumers.ts'
import { registerSourceMetrics } from './sources/sourceMetrics.ts'
import { createUuid7 } from './uuid7.ts'

/** Pause before Kafka is tried again at the start, ms. */
const CONNECT_RETRY_MS = 2000
/** Topics the collector writes or follows. */
const ownTopics = [topics.events, topics.rejected, topics.config]

type CollectorService = Service<typeof collectorSettings>

export async function startCollector(service: CollectorService): Promise<Ports> {
  const kafka = createKafka(kafkaConnection(service.settings), { logger: service.logger })
  if (service.settings.ROLE !== 'event-log') return startIngest(service, kafka)
  service.health.setReady('kafka', false, 'connecting')
  await withKafka(service, () =>
    requireTopics(kafka, {
      topics: ownTopics,
      counts: countsOf(service.settings),
      prefix: topicPrefix(service.settings),
    }),
  )
  service.health.setReady('kafka', true)
  startEventLog(service, kafka)
  return {}
}

async function startIngest(service: CollectorService, kafka: Kafka): Promise<Ports> {
  const { settings, logger, health, metrics, tracing } = service
  const ports = bookPorts(settings)
  const newId = createUuid7({ now: Date.now, random: randomFillSync })
  const inFlight = createInFlight(settings.MAX_IN_FLIGHT_BYTES)
  const counters = createCollectorMetrics(metrics, inFlight)
  let sender: KafkaRecordSender | undefined
  let book: SourceBook | undefined

  health.setReady('kafka', false, 'connecting')
  health.setReady('configuration', false, 'not read yet')
  const groupCommit = createGroupCommit({
    sender: {
      send: (records) => sender?.send(records) ?? Promise.reject(new Error('not connected to Kafka yet')),
    },
    inFlight: settings.PRODUCE_IN_FLIGHT,
    timeoutMs: settings.PRODUCE_TIMEOUT_MS,
    onHealth: (healthy, error) => {
      counters.kafkaAcknowledges(healthy)
      // Ready all the same: taken out of the balance, nobody would answer the SDKs how long to wait, and no request
      // would be there to find out that Kafka is back.
      health.setReady(
        'kafka',
        true,
        healthy ? undefined : 'Kafka does not acknowledge: requests are answered 503',
      )
      if (healthy) logger.info('Kafka acknowledges again')
      else logger.error({ err: error }, 'Kafka does not acknowledge: requests are answered 503 until it does')
    },
  })
  // Steps of the stop run last in, first out: requests get their answers before the producer goes.
  service.onStop('producer', () => sender?.close())
  service.onStop('group commit', () => groupCommit.stop())
  const server = await startIngestServer({
    host: settings.HOST,
    port: settings.HTTP_PORT,
    maxBodyBytes: settings.MAX_BODY_BYTES,
    maxBatchEvents: settings.MAX_BATCH_EVENTS,
    requestTimeoutMs: settings.REQUEST_TIMEOUT_MS,
    partitions: settings.IDENTIFIER_PARTITIONS,
    epoch: settings.LAYOUT_EPOCH,
    inFlight,
    groupCommit,
    metrics: counters,
    book: () => book,
    isDraining: () => health.isDraining(),
    now: Date.now,
    newId,
    tracing,
    onFault: (error, traceparent) =>
      logger.error(
        { err: error, ...traceFields(traceparent) },
        'a request could not be answered: a fault of the collector',
      ),
  })
  service.onStop('HTTP', () => server.stop())
  logger.info(
    { http: server.port },
    'listening; requests are answered 503 until Kafka and the configuration are there',
  )

  sender = await connect(service, kafka)
  health.setReady('kafka', true)

  const consumers = startSourceConsumers({
    kafka,
    groupPrefix: settings.GROUP_PREFIX,
    nodeId: settings.NODE_ID,
    logger,
    groupCommit,
    partitions: settings.IDENTIFIER_PARTITIONS,
    metrics: counters,
    tracing,
  })
  service.onStop('Kafka sources', () => consumers.stop())
  registerSourceMetrics(metrics, consumers)
  const adopt = (next: SourceBook): void => {
    for (const problem of next.problems)
      if (!book?.problems.includes(problem)) logger.warn({ problem }, 'a key of a source cannot be used')
    book = next
    consumers.adopt(next)
  }
  await followConfiguration(service, kafka, ports, adopt)
  book ??= emptyBook
  health.setReady('configuration', true, `revision ${book.revision}`)

  if (settings.ROLE === 'all') startEventLog(service, kafka)
  return { http: server.port }
}

function bookPorts(settings: CollectorSettings): BookPorts {
  return {
    hashIdentifier: createIdentifierHasher(loadWorkspaceKey(settings.WORKSPACE_KEY_FILE)),
    phone: phoneToE164,
    digest,
    readSecret: (file) => loadSecretFile(settings.SECRETS_DIR, file),
    epoch: settings.LAYOUT_EPOCH,
    maxEventBytes: settings.MAX_EVENT_BYTES,
  }
}

function countsOf(settings: CollectorSettings) {
  return {
    identifier: settings.IDENTIFIER_PARTITIONS,
    profile: settings.PROFILE_PARTITIONS,
    delivery: settings.DELIVERY_PARTITIONS,
  }
}

async function connect(service: CollectorService, kafka: Kafka): Promise<KafkaRecordSender> {
  const { settings } = service
  const prefix = topicPrefix(settings)
  return withKafka(service, async () => {
    await requireTopics(kafka, { topics: ownTopics, counts: countsOf(settings), prefix })
    return createRecordSender(kafka, { topicPrefix: prefix, timeoutMs: settings.PRODUCE_TIMEOUT_MS })
  })
}

/** Keeps trying while Kafka is away or its topics are not there yet; a wrong partition count or a missing right is fatal. */
async function withKafka<T>(
  { settings, logger, health }: CollectorService,
  attempt: () => Promise<T>,
): Promise<T> {
  for (;;) {
    try {
      // oxlint-disable-next-line no-await-in-loop -- one try after the other
      return await attempt()
    } catch (error) {
      const waits = error instanceof KafkaFault && (error.retriable || error.code === 'topic-missing')
      if (!waits) throw error
      health.setReady('kafka', false, error.message)
      logger.error(
        { reason: error.message, brokers: settings.KAFKA_BROKERS },
        `Kafka cannot be used yet; tried again in ${CONNECT_RETRY_MS} ms`,
      )
      // oxlint-disable-next-line no-await-in-loop -- the pause between two tries
      await sleep(CONNECT_RETRY_MS)
    }
  }
}

/** Resolves when the newest revision, if there is any, has been adopted. */
async function followConfiguration(
  service: CollectorService,
  kafka: Kafka,
  ports: BookPorts,
  adopt: (book: SourceBook) => void,
): Promise<void> {
  const { settings, logger, health } = service
  const build = (
    workspace: WorkspaceConfiguration,
  ): { workspace: WorkspaceConfiguration; book: SourceBook } => {
    try {
      return { workspace, book: buildSourceBook(workspace, ports) }
    } catch (error) {
      logger.error(
        { revision: workspace.revision, err: error },
        'a revision of the configuration cannot be used; the one before it stays',
      )
      throw error
    }
  }
  const feed = await createConfigurationFeed({
    epoch: settings.LAYOUT_EPOCH,
    follow: (onRecord) =>
      followTopic(kafka, {
        topic: topicName(settings.TOPIC_PREFIX, topics.config),
        onRecord,
        onFatal: (error) => service.fatal(error),
      }),
    build,
  })
  service.onStop('configuration', () => feed.stop())
  observeConfiguration(service.metrics, feed)
  const current = feed.current()
  if (current) adopt(current.value.book)
  feed.onChange(({ value }) => {
    adopt(value.book)
    health.setReady('configuration', true, `revision ${value.book.revision}`)
    logger.info({ revision: value.book.revision }, 'adopted a revision of the configuration')
  })
  const rereading = setInterval(() => {
    const held = feed.current()
    if (held) adopt(buildSourceBook(held.value.workspace, ports))
  }, settings.SECRETS_REREAD_MS)
  service.onStop('secrets', () => clearInterval(rereading))
}

/** Copies what the collector wrote into ClickHouse. ClickHouse being away is no reason to take no events. */
function startEventLog(service: CollectorService, kafka: Kafka): void {
  const { settings, logger, health, metrics } = service
  const clickhouse = connectClickHouse(clickhouseConnection(settings))
  service.onStop('ClickHouse', () => clickhouse.close())
  const writers = startLogWriters({
    topics: ownTopics,
    kafka,
    clickhouse,
    prefix: settings.TOPIC_PREFIX,
    groupPrefix: settings.GROUP_PREFIX,
    nodeId: settings.NODE_ID,
    epoch: settings.LAYOUT_EPOCH,
    logger,
    metrics,
    onState: (state) => health.setReady('event-log', true, state.detail),
    onFatal: (error) => service.fatal(error),
  })
  service.onStop('event log', () => writers.stop())
}
