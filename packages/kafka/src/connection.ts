/**
 * The connection to one Kafka cluster: the only place that makes clients of kafkajs.
 *
 * kafkajs has no consumer that is assigned its partitions by hand, and its consumer loop is where its faults are
 * (README, "What kafkajs is used for"). So readers and groups here stand on its Cluster and Broker objects, which its
 * types export and which speak the protocol; its producer and its admin client are used as they are.
 */
import kafkajs, {
  type Assigner,
  type ISocketFactory,
  type Kafka as KafkajsClient,
  type RetryOptions,
} from 'kafkajs'
import type { Cluster } from './cluster.ts'
import { registerCodecs } from './compression/registerCodecs.ts'
import { watchedSockets } from './watchedSockets.ts'

/** The same shape as service-kit's kafkaConnection(settings) returns. */
export interface KafkaConnection {
  /** host:port of some brokers. */
  readonly brokers: readonly string[]
  readonly clientId: string
  /** PEM texts; `{}` is TLS with the system's authorities. */
  readonly tls?: { readonly ca?: string; readonly cert?: string; readonly key?: string }
  readonly sasl?:
    | {
        readonly mechanism: 'plain' | 'scram-sha-256' | 'scram-sha-512'
        readonly username: string
        readonly password: string
      }
    | { readonly mechanism: 'oauthbearer'; readonly token: () => string }
}

/** What pino offers; field names are chosen here, so no record's content can get into a log. */
export interface KafkaLogger {
  debug(fields: object, message: string): void
  info(fields: object, message: string): void
  warn(fields: object, message: string): void
  error(fields: object, message: string): void
}

export interface Kafka {
  readonly logger: KafkaLogger
  /** For producers and admin clients. */
  client(retry: RetryOptions): KafkajsClient
  /** A connection pool of its own for readers and groups; connect before use, disconnect after. */
  cluster(): Cluster
}

/** Longest wait for an answer before a connection counts as broken, ms: a broker that lives answers within seconds. */
const REQUEST_TIMEOUT_MS = 15_000
/** No answer for so long, ms, and the connection is dead: a join is held for up to the 15 s of a rebalance. */
const SILENCE_MS = 20_000
/** Longest wait for a TCP and TLS handshake, ms. */
const CONNECTION_TIMEOUT_MS = 5_000

const silent: KafkaLogger = { debug() {}, info() {}, warn() {}, error() {} }

export interface KafkaOptions {
  readonly logger?: KafkaLogger
  /** Makes the connections: for a tunnel, or for a test that loses requests. Plain TCP or TLS when left out. */
  readonly socketFactory?: ISocketFactory
}

export function createKafka(connection: KafkaConnection, options: KafkaOptions = {}): Kafka {
  registerCodecs()
  const logger = options.logger ?? silent
  function client(retry: RetryOptions): KafkajsClient {
    return new kafkajs.Kafka({
      brokers: [...connection.brokers],
      clientId: connection.clientId,
      requestTimeout: REQUEST_TIMEOUT_MS,
      connectionTimeout: CONNECTION_TIMEOUT_MS,
      retry,
      socketFactory: options.socketFactory ?? watchedSockets(SILENCE_MS),
      logLevel: kafkajs.logLevel.WARN,
      logCreator: () => (entry) => forward(logger, entry),
      ...(connection.tls === undefined ? {} : { ssl: { ...connection.tls } }),
      ...(connection.sasl === undefined ? {} : { sasl: saslOptions(connection.sasl) }),
    })
  }
  return {
    logger,
    client,
    cluster() {
      let captured: unknown
      // A consumer that is never run: its assigners are made at once and are handed the cluster object.
      client(READER_RETRY).consumer({
        groupId: 'none',
        allowAutoTopicCreation: false,
        partitionAssigners: [
          ({ cluster }) => {
            captured = cluster
            return unusedAssigner
          },
        ],
      })
      return captured as Cluster
    },
  }
}

/** Readers and groups have their own loops that try again; two quick retries bridge a stale connection. */
const READER_RETRY: RetryOptions = { initialRetryTime: 50, maxRetryTime: 500, retries: 2 }

const unusedAssigner: Assigner = {
  name: 'unused',
  version: 0,
  assign: () => Promise.resolve([]),
  protocol: () => ({ name: 'unused', metadata: Buffer.alloc(0) }),
}

function saslOptions(sasl: NonNullable<KafkaConnection['sasl']>) {
  if (sasl.mechanism === 'oauthbearer')
    return {
      mechanism: 'oauthbearer' as const,
      oauthBearerProvider: async () => ({ value: sasl.token() }),
    }
  const { username, password } = sasl
  switch (sasl.mechanism) {
    case 'plain':
      return { mechanism: 'plain' as const, username, password }
    case 'scram-sha-256':
      return { mechanism: 'scram-sha-256' as const, username, password }
    case 'scram-sha-512':
      return { mechanism: 'scram-sha-512' as const, username, password }
  }
}

/** Fields of kafkajs's log entries that say where something happened and never what was in a record. */
const SAFE_FIELDS = [
  'broker',
  'clientId',
  'groupId',
  'nodeId',
  'retryCount',
  'retryTime',
  'topic',
  'partition',
]

function forward(
  logger: KafkaLogger,
  entry: { namespace: string; log: { message: string; [field: string]: unknown } },
): void {
  const fields: Record<string, unknown> = { client: entry.namespace }
  for (const name of SAFE_FIELDS) if (entry.log[name] !== undefined) fields[name] = entry.log[name]
  // Errors of the client are not errors of the service: whoever called it decides what they mean. A connection
  // reports every answer with an error code, rebalances included.
  const routine = entry.namespace === 'Connection' || entry.namespace === 'RequestQueue'
  if (!routine) logger.warn(fields, `kafka: ${withoutContent(entry.log.message)}`)
  else logger.debug(fields, `kafka: ${withoutContent(entry.log.message)}`)
}

/** One message of kafkajs quotes the record it refuses, as JSON at its end. */
function withoutContent(message: string): string {
  const at = message.indexOf('{')
  return at < 0 ? message : message.slice(0, at)
}
