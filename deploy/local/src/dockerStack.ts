/**
 * The stack in containers. The watchdog removes them when this process dies without a word, and so does testcontainers'
 * own reaper, where its image can be had.
 *
 * Ports of the host are chosen here and fixed: Kafka must advertise the address that clients use, and addresses stay
 * the same over a restart or a kill.
 */
import { createHash } from 'node:crypto'
import { brokerAnswers } from './brokerAnswers.ts'
import { findDockerEngine, removeVolume } from './dockerEngine.ts'
import { freePort } from './freePort.ts'
import { IMAGES } from './images.ts'
import type { LocalStack, StackStart } from './localStack.ts'
import { pollUntil } from './pollUntil.ts'
import { guardContainer, releaseContainer } from './watchdog.ts'

const READY_TIMEOUT_MS = 60_000
/** A clean stop of Kafka; after it Docker kills. */
const STOP_GRACE_MS = 15_000
/** A volume of the image, so that a named one gets its owner. */
const KAFKA_DATA = '/var/lib/kafka/data'

export async function startDockerStack(start: StackStart): Promise<LocalStack> {
  const { log, detourPort } = start
  // Loaded only here: it takes longer to load than Kafka takes to start.
  const { GenericContainer, Wait, getContainerRuntimeClient } = await import('testcontainers')
  log(`starting ${IMAGES.kafka} and ${IMAGES.clickhouse} (the first time they are downloaded) …`)
  const engine = await getContainerRuntimeClient()
  const engineHost = engine.info.containerRuntime.host
  // An engine elsewhere publishes its ports there; the one of this machine on the loopback interface only.
  const host = engineHost === 'localhost' ? '127.0.0.1' : engineHost
  const kafkaPort = await freePort()
  const clickHousePort = await freePort()
  const detour = detourPort === undefined ? undefined : { port: await freePort(), named: detourPort }

  const volumes = volumeNames(start.dataDir)
  if (start.fresh) await removeVolumes(Object.values(volumes))
  const mounts = (source: string, target: string) =>
    start.keepData ? [{ source, target, mode: 'rw' as const }] : []

  class LoopbackContainer extends GenericContainer {
    protected override beforeContainerCreated(): Promise<void> {
      const bindings = this.hostConfig.PortBindings as Record<string, { HostIp?: string }[]>
      if (host === '127.0.0.1') for (const binding of Object.values(bindings).flat()) binding.HostIp = host
      return Promise.resolve()
    }
  }

  const kafkaContainer = new LoopbackContainer(IMAGES.kafka)
    .withExposedPorts(
      ...[kafkaPort, ...(detour ? [detour.port] : [])].map((port) => ({ container: port, host: port })),
    )
    .withEnvironment(kafkaEnvironment(host, kafkaPort, detour))
    .withBindMounts(mounts(volumes.kafka, KAFKA_DATA))
    // Looking for its port needs tools inside the image; an admin call says below when it is really ready.
    .withWaitStrategy(Wait.forLogMessage(/Kafka Server started/))
    .withStartupTimeout(READY_TIMEOUT_MS)
  const clickHouseContainer = new LoopbackContainer(IMAGES.clickhouse)
    .withExposedPorts({ container: 8123, host: clickHousePort })
    // Without it the image allows its user to come from inside the container only.
    .withEnvironment({ CLICKHOUSE_SKIP_USER_SETUP: '1' })
    .withBindMounts(mounts(volumes.clickhouse, '/var/lib/clickhouse'))
    .withWaitStrategy(Wait.forHttp('/ping', 8123))
    .withStartupTimeout(READY_TIMEOUT_MS)

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
  const containers = [kafka.getId(), clickHouse.getId()]
  for (const id of containers) guardContainer(id)
  const brokers = `${host}:${kafkaPort}`
  const url = `http://${host}:${clickHousePort}`
  const kafkaReady = () => pollUntil('Kafka', () => brokerAnswers(brokers), READY_TIMEOUT_MS)
  await kafkaReady()

  return {
    kind: 'docker',
    kafka: { brokers, ...(detour ? { detour: `${host}:${detour.port}` } : {}) },
    clickhouse: { url, database: 'tributary' },
    async stop() {
      await Promise.all([kafka.stop(), clickHouse.stop()])
      for (const id of containers) releaseContainer(id)
    },
    async restartKafka(how = 'stop') {
      if (how === 'kill') {
        const container = engine.container.getById(kafka.getId())
        await container.kill({ signal: 'SIGKILL' })
        await engine.container.start(container)
      } else await kafka.restart({ timeout: STOP_GRACE_MS })
      await kafkaReady()
    },
    async killClickHouse() {
      await engine.container.getById(clickHouse.getId()).kill({ signal: 'SIGKILL' })
    },
    async startClickHouse() {
      await engine.container.start(engine.container.getById(clickHouse.getId()))
      await pollUntil('ClickHouse', () => pingClickHouse(url), READY_TIMEOUT_MS)
    },
  }
}

/** The same for the same folder, so that a later start finds them. */
function volumeNames(dataDir: string): { kafka: string; clickhouse: string } {
  const folder = createHash('sha256').update(dataDir).digest('hex').slice(0, 12)
  return { kafka: `tributary-${folder}-kafka`, clickhouse: `tributary-${folder}-clickhouse` }
}

async function removeVolumes(names: string[]): Promise<void> {
  const engine = await findDockerEngine()
  if (engine) for (const name of names) await removeVolume(engine, name)
}

async function pingClickHouse(url: string): Promise<true | undefined> {
  try {
    return (await fetch(`${url}/ping`, { signal: AbortSignal.timeout(1000) })).ok ? true : undefined
  } catch {
    return undefined
  }
}

function kafkaEnvironment(
  host: string,
  port: number,
  detour: { port: number; named: number } | undefined,
): Record<string, string> {
  const further = detour ? [detour] : []
  return {
    KAFKA_NODE_ID: '1',
    KAFKA_PROCESS_ROLES: 'broker,controller',
    KAFKA_CONTROLLER_QUORUM_VOTERS: '1@localhost:9093',
    KAFKA_LISTENERS: [
      `PLAINTEXT://:${port}`,
      'CONTROLLER://localhost:9093',
      ...further.map((one) => `DETOUR://:${one.port}`),
    ].join(','),
    KAFKA_ADVERTISED_LISTENERS: [
      `PLAINTEXT://${host}:${port}`,
      ...further.map((one) => `DETOUR://127.0.0.1:${one.named}`),
    ].join(','),
    KAFKA_CONTROLLER_LISTENER_NAMES: 'CONTROLLER',
    KAFKA_INTER_BROKER_LISTENER_NAME: 'PLAINTEXT',
    KAFKA_LISTENER_SECURITY_PROTOCOL_MAP: 'PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT,DETOUR:PLAINTEXT',
    KAFKA_LOG_DIRS: KAFKA_DATA,
    KAFKA_AUTO_CREATE_TOPICS_ENABLE: 'false',
    KAFKA_OFFSETS_TOPIC_REPLICATION_FACTOR: '1',
    KAFKA_TRANSACTION_STATE_LOG_REPLICATION_FACTOR: '1',
    KAFKA_TRANSACTION_STATE_LOG_MIN_ISR: '1',
    KAFKA_GROUP_INITIAL_REBALANCE_DELAY_MS: '0',
    KAFKA_HEAP_OPTS: '-Xms256m -Xmx512m',
  }
}
