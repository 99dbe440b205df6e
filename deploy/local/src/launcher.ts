/**
 * Tributary's four services on a local stack: what `make up`, the demo, the end-to-end and the chaos tests start.
 *
 *   stack ─▶ secrets ─▶ tributary topics create ─▶ tributary migrate ─▶ services ─▶ tributary apply DIR
 *
 * 1. Topics and tables exist before a service starts: it refuses to start without them.
 * 2. Services stop before the stack does, all at once, so that their last commits still find a broker.
 */
import { join } from 'node:path'
import { provideSecrets, readDocumentNeeds } from './exampleDocuments.ts'
import { createTopics } from './createTopics.ts'
import type { LocalStack, Log } from './localStack.ts'
import { tributary } from './runTributary.ts'
import { createSecretFiles, type SecretFiles } from './secretFiles.ts'
import { SERVICES, startServiceProcess, type ServiceName, type ServiceProcess } from './serviceProcess.ts'

/** Services need no more of a stack than where it is. */
export type StackAddresses = Pick<LocalStack, 'kafka' | 'clickhouse'>

export interface ServiceInstance {
  service: ServiceName
  /** Unique name; the service's own name when there is one instance only. */
  instance?: string
  settings?: Record<string, string>
}

export interface LauncherOptions {
  /** State, ports, secrets. */
  dataDir: string
  logsDir?: string
  /** For all services and for the command: TOPIC_PREFIX, CLICKHOUSE_DATABASE, partition counts … */
  settings?: Record<string, string>
  services?: readonly ServiceInstance[]
  /** Folder of workspace documents that is applied. */
  documents?: string
  /** Further arguments of that `tributary apply`: `--set NAME=VALUE`, `--wait`. */
  applyArgs?: readonly string[]
  /** Services as `make build` has compiled them, instead of their source. */
  compiled?: boolean
  log?: Log
}

export interface Installation {
  settings: Record<string, string>
  secrets: SecretFiles
  /** Per source of the applied documents. */
  writeKeys: Record<string, string>
  services: ServiceProcess[]
  /** By instance name. */
  service(instance: string): ServiceProcess
  addresses(): Addresses
  /** The command line against this installation. */
  tributary(args: string[]): Promise<string>
  stop(): Promise<void>
}

export interface Addresses {
  collector?: { http: string }
  identityStitcher?: { grpc: string }
  profileStore?: { grpc: string }
  activation?: { grpc: string }
}

/** One node and few cores: partitions enough that every rule about them is at work, few enough to start at once. */
const PARTITIONS = '4'
/** Topics of Kafka sources. */
const SOURCE_PARTITIONS = 3

export async function startServices(stack: StackAddresses, options: LauncherOptions): Promise<Installation> {
  const {
    dataDir,
    logsDir = join(dataDir, 'logs'),
    documents,
    applyArgs = [],
    compiled = false,
    log = () => undefined,
  } = options
  const instances: readonly ServiceInstance[] = options.services ?? SERVICES.map((service) => ({ service }))
  const secrets = await createSecretFiles(join(dataDir, 'secrets'))
  const settings = commonSettings(stack, secrets, options.settings ?? {})
  const needs = documents === undefined ? undefined : await readDocumentNeeds(documents)
  const writeKeys = needs === undefined ? {} : await provideSecrets(needs, secrets.documents)

  log('creating topics and tables …')
  await Promise.all([
    tributary(['topics', 'create'], settings),
    tributary(['migrate'], settings),
    createTopics(stack.kafka.brokers, needs?.topics ?? [], SOURCE_PARTITIONS),
  ])

  log(`starting ${instances.map(({ service, instance }) => instance ?? service).join(', ')} …`)
  const started = await Promise.allSettled(
    instances.map(({ service, instance = service, settings: own = {} }) =>
      startServiceProcess({
        service,
        instance,
        settings: { ...settings, ...own },
        dataDir,
        logsDir,
        compiled,
      }),
    ),
  )
  const services = started.flatMap((result) => (result.status === 'fulfilled' ? [result.value] : []))
  const stop = async () => {
    await Promise.all(services.map((service) => service.stop()))
  }
  try {
    for (const result of started) if (result.status === 'rejected') throw result.reason
    if (documents !== undefined) {
      log(`applying ${documents} …`)
      await tributary(['apply', documents, ...applyArgs], settings)
    }
  } catch (error) {
    await stop()
    throw error
  }

  return {
    settings,
    secrets,
    writeKeys,
    services,
    service(instance) {
      const found = services.find((service) => service.instance === instance)
      if (!found)
        throw new Error(`there is no ${instance} here: ${services.map((one) => one.instance).join(', ')}`)
      return found
    },
    addresses: () => addressesOf(services),
    tributary: (args) => tributary(args, settings),
    stop,
  }
}

function commonSettings(
  stack: StackAddresses,
  secrets: SecretFiles,
  given: Record<string, string>,
): Record<string, string> {
  return {
    KAFKA_BROKERS: stack.kafka.brokers,
    KAFKA_REPLICATION_FACTOR: '1',
    KAFKA_MIN_ISR: '1',
    CLICKHOUSE_URL: stack.clickhouse.url,
    CLICKHOUSE_DATABASE: stack.clickhouse.database,
    HOST: '127.0.0.1',
    WORKSPACE_KEY_FILE: secrets.workspaceKey,
    GRPC_TOKEN_FILE: secrets.grpcToken,
    SECRETS_DIR: secrets.documents,
    IDENTIFIER_PARTITIONS: PARTITIONS,
    PROFILE_PARTITIONS: PARTITIONS,
    DELIVERY_PARTITIONS: PARTITIONS,
    ...given,
  }
}

function addressesOf(services: ServiceProcess[]): Addresses {
  const port = (name: ServiceName, kind: 'http' | 'grpc') =>
    services.find(({ service }) => service === name)?.ports()[kind]
  const collector = port('collector', 'http')
  const grpc = (name: ServiceName) => {
    const found = port(name, 'grpc')
    return found === undefined ? undefined : { grpc: `127.0.0.1:${found}` }
  }
  const identityStitcher = grpc('identity-stitcher')
  const profileStore = grpc('profile-store')
  const activation = grpc('activation')
  return {
    ...(collector === undefined ? {} : { collector: { http: `http://127.0.0.1:${collector}` } }),
    ...(identityStitcher ? { identityStitcher } : {}),
    ...(profileStore ? { profileStore } : {}),
    ...(activation ? { activation } : {}),
  }
}
