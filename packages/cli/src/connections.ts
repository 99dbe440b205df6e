/**
 * Where Kafka, ClickHouse and the services are: from flags, else from the environment, else from the nearest
 * .data/local.json (a running local stack), else a sentence that says what to set.
 *
 * local.json is used for a part only when neither a flag nor the environment says anything about that part, so that a
 * command never mixes the brokers of one installation with the ClickHouse of another without being told to.
 */
import {
  clickhouseConnection,
  clickhouseSettings,
  eventSettings,
  kafkaConnection,
  kafkaSettings,
  readSettings,
  serviceSettings,
  SettingsError,
  text,
  type ClickhouseConnectionSettings,
  type KafkaConnectionSettings,
  type SettingsOf,
  type SettingsSpec,
} from '@tributary/service-kit'
import type { PartitionCounts } from '@tributary/contracts'
import { CommandError, type Context } from './context.ts'
import { findLocalState, type LocalState } from './localState.ts'

/** Flags that say where things are, as commander hands them over. */
export interface ConnectionFlags {
  readonly brokers?: string
  readonly prefix?: string
  readonly clickhouse?: string
  readonly database?: string
}

export interface KafkaTarget {
  readonly connection: KafkaConnectionSettings
  readonly topicPrefix: string
  /** Layout epoch whose topics are meant. */
  readonly epoch: number
  readonly groupPrefix: string
  readonly replicationFactor: number
  readonly minIsr: number
  readonly counts: PartitionCounts
}

const partitionSettings = {
  IDENTIFIER_PARTITIONS: serviceSettings.IDENTIFIER_PARTITIONS,
  PROFILE_PARTITIONS: serviceSettings.PROFILE_PARTITIONS,
  DELIVERY_PARTITIONS: serviceSettings.DELIVERY_PARTITIONS,
}

export function kafkaTarget(context: Context, flags: ConnectionFlags): KafkaTarget {
  const local = localFor(context, flags.brokers ?? context.env['KAFKA_BROKERS'])
  const settings = read(
    { ...kafkaSettings, ...partitionSettings },
    {
      ...localEnv(local),
      ...context.env,
      ...given('KAFKA_BROKERS', flags.brokers ?? context.env['KAFKA_BROKERS'] ?? brokersOf(local)),
      ...given('TOPIC_PREFIX', flags.prefix ?? context.env['TOPIC_PREFIX'] ?? local?.env?.['TOPIC_PREFIX']),
    },
    'KAFKA_BROKERS',
    'no Kafka is named: give --brokers host:port, set KAFKA_BROKERS, or run `make up` first',
  )
  return {
    connection: kafkaConnection(settings),
    topicPrefix: settings.TOPIC_PREFIX,
    epoch: settings.LAYOUT_EPOCH,
    groupPrefix: settings.GROUP_PREFIX,
    replicationFactor: settings.KAFKA_REPLICATION_FACTOR,
    minIsr: settings.KAFKA_MIN_ISR,
    counts: {
      identifier: settings.IDENTIFIER_PARTITIONS,
      profile: settings.PROFILE_PARTITIONS,
      delivery: settings.DELIVERY_PARTITIONS,
    },
  }
}

/** What `topics` prints needs no Kafka. */
export function topicSettings(context: Context, flags: ConnectionFlags): Omit<KafkaTarget, 'connection'> {
  return kafkaTarget(context, {
    ...flags,
    brokers: flags.brokers ?? context.env['KAFKA_BROKERS'] ?? 'nowhere:9092',
  })
}

export function clickhouseTarget(context: Context, flags: ConnectionFlags): ClickhouseConnectionSettings {
  const url = flags.clickhouse ?? context.env['CLICKHOUSE_URL']
  const local = localFor(context, url)
  return clickhouseConnection(
    read(
      clickhouseSettings,
      {
        ...localEnv(local),
        ...context.env,
        ...given('CLICKHOUSE_URL', url ?? local?.clickhouse?.url),
        ...given(
          'CLICKHOUSE_DATABASE',
          flags.database ?? context.env['CLICKHOUSE_DATABASE'] ?? local?.clickhouse?.database,
        ),
      },
      'CLICKHOUSE_URL',
      'no ClickHouse is named: give --clickhouse http://host:8123, set CLICKHOUSE_URL, or run `make up` first',
    ),
  )
}

export type ServiceName = 'identity-stitcher' | 'profile-store' | 'activation'

const services = {
  'identity-stitcher': { setting: 'IDENTITY_STITCHER_GRPC', local: 'identityStitcher' },
  'profile-store': { setting: 'PROFILE_STORE_GRPC', local: 'profileStore' },
  activation: { setting: 'ACTIVATION_GRPC', local: 'activation' },
} as const

export interface GrpcTarget {
  readonly address: string
  readonly tokenFile?: string
  readonly tlsCaFile?: string
  /** Shown to services that ask callers for a certificate. */
  readonly tlsCertificate?: { readonly certFile: string; readonly keyFile: string }
}

const grpcSettings = {
  GRPC_TOKEN_FILE: text({ about: 'file with the bearer token, in its first line', optional: true }),
  GRPC_TLS_CA_FILE: text({ about: 'file with the PEM certificates that sign the services’', optional: true }),
  GRPC_TLS_CLIENT_CERT_FILE: text({
    about: 'file with the PEM certificate shown to services that ask callers for one',
    optional: true,
    check: both('GRPC_TLS_CLIENT_CERT_FILE', 'GRPC_TLS_CLIENT_KEY_FILE'),
  }),
  GRPC_TLS_CLIENT_KEY_FILE: text({
    about: 'file with the PEM key of that certificate',
    optional: true,
    check: both('GRPC_TLS_CLIENT_KEY_FILE', 'GRPC_TLS_CLIENT_CERT_FILE'),
  }),
}

function both(
  name: string,
  other: string,
): (values: Readonly<Record<string, unknown>>) => string | undefined {
  return (values) =>
    values[name] !== undefined && values[other] === undefined
      ? `is set without ${other}; set both, and GRPC_TLS_CA_FILE`
      : undefined
}

/** Undefined when nothing says where the service is. */
export function findService(context: Context, service: ServiceName, flag?: string): GrpcTarget | undefined {
  const { setting, local: key } = services[service]
  const named = flag ?? context.env[setting]
  const local = localFor(context, named)
  const address = named ?? local?.[key]?.grpc
  if (address === undefined) return undefined
  const settings = read(grpcSettings, {
    ...given('GRPC_TOKEN_FILE', local?.files?.grpcToken),
    ...localEnv(local),
    ...context.env,
  })
  return {
    address,
    ...(settings.GRPC_TOKEN_FILE !== undefined && { tokenFile: settings.GRPC_TOKEN_FILE }),
    ...(settings.GRPC_TLS_CA_FILE !== undefined && { tlsCaFile: settings.GRPC_TLS_CA_FILE }),
    ...(settings.GRPC_TLS_CLIENT_CERT_FILE !== undefined &&
      settings.GRPC_TLS_CLIENT_KEY_FILE !== undefined && {
        tlsCertificate: {
          certFile: settings.GRPC_TLS_CLIENT_CERT_FILE,
          keyFile: settings.GRPC_TLS_CLIENT_KEY_FILE,
        },
      }),
  }
}

export function serviceTarget(context: Context, service: ServiceName, flag?: string): GrpcTarget {
  const target = findService(context, service, flag)
  if (target) return target
  throw new CommandError(
    `no ${service} is named: give --address host:port, set ${services[service].setting}, or run \`make up\` first`,
  )
}

/** What the collector is told about events beside its documents. */
export function readingSettings(context: Context): { readonly maxEventBytes: number } {
  const local = findLocalState(context.cwd)
  return { maxEventBytes: read(eventSettings, { ...local?.env, ...context.env }).MAX_EVENT_BYTES }
}

/** Files and folders that `doctor` looks at. */
export function findFiles(context: Context): { workspaceKey?: string; grpcToken?: string; secrets?: string } {
  const local = findLocalState(context.cwd)
  return {
    ...given('workspaceKey', context.env['WORKSPACE_KEY_FILE'] ?? local?.files?.workspaceKey),
    ...given('grpcToken', context.env['GRPC_TOKEN_FILE'] ?? local?.files?.grpcToken),
    ...given('secrets', context.env['SECRETS_DIR'] ?? local?.files?.secrets),
  }
}

/** The address of the collector, for doctor. */
export function findCollector(context: Context): string | undefined {
  return context.env['COLLECTOR_HTTP'] ?? findLocalState(context.cwd)?.collector?.http
}

function localFor(context: Context, named: string | undefined): LocalState | undefined {
  return named === undefined ? findLocalState(context.cwd) : undefined
}

function brokersOf(local: LocalState | undefined): string | undefined {
  const brokers = local?.kafka?.brokers
  return typeof brokers === 'string' ? brokers : brokers?.join(',')
}

/** One broker, as `make up` starts it, holds one copy. */
function localEnv(local: LocalState | undefined): Record<string, string> {
  return local ? { KAFKA_REPLICATION_FACTOR: '1', KAFKA_MIN_ISR: '1', ...local.env } : {}
}

function given<K extends string>(key: K, value: string | undefined): { [P in K]?: string } {
  return (value === undefined ? {} : { [key]: value }) as { [P in K]?: string }
}

function read<S extends SettingsSpec>(
  spec: S,
  env: Readonly<Record<string, string | undefined>>,
  needed?: string,
  missing?: string,
): SettingsOf<S> {
  if (needed !== undefined && missing !== undefined && (env[needed] ?? '').trim() === '')
    throw new CommandError(missing)
  try {
    return readSettings(spec, env)
  } catch (error) {
    if (error instanceof SettingsError)
      throw new CommandError(
        'the settings cannot be used:',
        error.problems.map((problem) => problem),
      )
    throw error
  }
}
