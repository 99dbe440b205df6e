/**
 * The stack in containers. testcontainers' reaper removes them when this process dies without a word.
 *
 * Ports of the host are chosen here and fixed: Kafka must advertise the address that clients use, and addresses stay
 * the same over a restart or a kill.
 */
import { request } from 'node:http'
import { join } from 'node:path'
import { homedir } from 'node:os'
import { brokerAnswers } from './brokerAnswers.ts'
import { freePort } from './freePort.ts'
import { IMAGES } from './images.ts'
import type { LocalStack, Log } from './localStack.ts'
import { pollUntil } from './pollUntil.ts'

/** A local engine answers in milliseconds; one that takes longer is of no use here. */
const PING_TIMEOUT_MS = 2_000
/** Includes the download of the images. */
const STARTUP_TIMEOUT_MS = 600_000
const READY_TIMEOUT_MS = 60_000

export async function dockerAnswers(
  environment: Record<string, string | undefined> = process.env,
): Promise<boolean> {
  for (const target of dockerTargets(environment)) if (await ping(target)) return true
  return false
}

type Target = { socketPath: string } | { host: string; port: number }

function dockerTargets(environment: Record<string, string | undefined>): Target[] {
  const host = environment['DOCKER_HOST']
  if (host?.startsWith('unix://')) return [{ socketPath: host.slice('unix://'.length) }]
  if (host) {
    const url = new URL(host)
    return [{ host: url.hostname, port: Number(url.port || 2375) }]
  }
  const runtime = environment['XDG_RUNTIME_DIR']
  return [
    { socketPath: '/var/run/docker.sock' },
    ...(runtime ? [{ socketPath: join(runtime, 'docker.sock') }] : []),
    { socketPath: join(homedir(), '.docker', 'run', 'docker.sock') },
  ]
}

function ping(target: Target): Promise<boolean> {
  return new Promise((resolve) => {
    const asked = request({ ...target, path: '/_ping', timeout: PING_TIMEOUT_MS }, (answer) => {
      answer.resume()
      resolve(answer.statusCode === 200)
    })
    asked.on('timeout', () => asked.destroy())
    asked.on('error', () => resolve(false))
    asked.end()
  })
}

export async function startDockerStack({ log }: { dataDir: string; log: Log }): Promise<LocalStack> {
  // Loaded only here: it takes longer to load than Kafka takes to start.
  const { GenericContainer, Wait, getContainerRuntimeClient } = await import('testcontainers')
  log(`starting ${IMAGES.kafka} and ${IMAGES.clickhouse} (the first time they are downloaded) …`)
  const kafkaPort = await freePort()
  const clickHousePort = await freePort()

  const kafkaContainer = new GenericContainer(IMAGES.kafka)
    .withExposedPorts({ container: kafkaPort, host: kafkaPort })
    .withEnvironment(kafkaEnvironment(kafkaPort))
    .withWaitStrategy(Wait.forListeningPorts())
    .withStartupTimeout(STARTUP_TIMEOUT_MS)
  const clickHouseContainer = new GenericContainer(IMAGES.clickhouse)
    .withExposedPorts({ container: 8123, host: clickHousePort })
    // Without it the image allows its user to come from inside the container only.
    .withEnvironment({ CLICKHOUSE_SKIP_USER_SETUP: '1' })
    .withUlimits({ nofile: { soft: 262_144, hard: 262_144 } })
    .withWaitStrategy(Wait.forHttp('/ping', 8123))
    .withStartupTimeout(STARTUP_TIMEOUT_MS)

  const [kafkaStart, clickHouseStart] = await Promise.allSettled([
    kafkaContainer.start(),
    clickHouseContainer.start(),
  ])
  if (kafkaStart.status === 'rejected' || clickHouseStart.status === 'rejected') {
    if (kafkaStart.status === 'fulfilled') await kafkaStart.value.stop()
    if (clickHouseStart.status === 'fulfilled') await clickHouseStart.value.stop()
    throw kafkaStart.status === 'rejected'
      ? kafkaStart.reason
      : (clickHouseStart as PromiseRejectedResult).reason
  }
  const kafka = kafkaStart.value
  const clickHouse = clickHouseStart.value
  const brokers = `127.0.0.1:${kafkaPort}`
  const url = `http://127.0.0.1:${clickHousePort}`
  const kafkaReady = () => pollUntil('Kafka', () => brokerAnswers(brokers), READY_TIMEOUT_MS)
  await kafkaReady()

  return {
    kind: 'docker',
    kafka: { brokers },
    clickhouse: { url, database: 'tributary' },
    async stop() {
      await Promise.all([kafka.stop(), clickHouse.stop()])
    },
    async restartKafka() {
      await kafka.restart()
      await kafkaReady()
    },
    async killClickHouse() {
      const client = await getContainerRuntimeClient()
      await client.container.getById(clickHouse.getId()).kill({ signal: 'SIGKILL' })
    },
    async startClickHouse() {
      const client = await getContainerRuntimeClient()
      await client.container.start(client.container.getById(clickHouse.getId()))
      await pollUntil('ClickHouse', () => pingClickHouse(url), READY_TIMEOUT_MS)
    },
  }
}

async function pingClickHouse(url: string): Promise<true | undefined> {
  try {
    return (await fetch(`${url}/ping`, { signal: AbortSignal.timeout(1000) })).ok ? true : undefined
  } catch {
    return undefined
  }
}

function kafkaEnvironment(port: number): Record<string, string> {
  return {
    KAFKA_NODE_ID: '1',
    KAFKA_PROCESS_ROLES: 'broker,controller',
    KAFKA_CONTROLLER_QUORUM_VOTERS: '1@localhost:9093',
    KAFKA_LISTENERS: `PLAINTEXT://:${port},CONTROLLER://localhost:9093`,
    KAFKA_ADVERTISED_LISTENERS: `PLAINTEXT://127.0.0.1:${port}`,
    KAFKA_CONTROLLER_LISTENER_NAMES: 'CONTROLLER',
    KAFKA_INTER_BROKER_LISTENER_NAME: 'PLAINTEXT',
    KAFKA_LISTENER_SECURITY_PROTOCOL_MAP: 'PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT',
    KAFKA_AUTO_CREATE_TOPICS_ENABLE: 'false',
    KAFKA_OFFSETS_TOPIC_REPLICATION_FACTOR: '1',
    KAFKA_TRANSACTION_STATE_LOG_REPLICATION_FACTOR: '1',
    KAFKA_TRANSACTION_STATE_LOG_MIN_ISR: '1',
    KAFKA_GROUP_INITIAL_REBALANCE_DELAY_MS: '0',
    KAFKA_HEAP_OPTS: '-Xms256m -Xmx512m',
  }
}
