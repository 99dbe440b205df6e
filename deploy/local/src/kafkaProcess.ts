/**
 * One Kafka node (KRaft, broker and controller) from its own main classes.
 *
 * 1. A data folder is formatted once; its ports are written beside it and taken again when free, because the folder
 *    remembers the controller's address.
 * 2. Ready means that an admin client gets an answer, not that a line was logged.
 * 3. Topics are made by `tributary topics create` only: a name with a typing mistake must fail.
 */
import { randomBytes } from 'node:crypto'
import { execFile } from 'node:child_process'
import { existsSync } from 'node:fs'
import { mkdir, readFile, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { startChildProcess, type ChildProcess } from './childProcess.ts'
import { javaCommand } from './javaCommand.ts'
import { freePort } from './freePort.ts'
import { type SecuredListener, scramUsers, securedProperties } from './securedListener.ts'
import { brokerAnswers } from './brokerAnswers.ts'

const run = promisify(execFile)

export interface KafkaProcess {
  brokers: string
  /** Its further listener, which names `detourPort` as its address. */
  detour: string | undefined
  /** Its listener with TLS and SASL. */
  secured: string | undefined
  pid: number
  stop(): Promise<void>
  kill(): Promise<void>
  signal(signal: NodeJS.Signals): void
}

export interface KafkaProcessOptions {
  /** Folder with `libs/`. */
  jars: string
  dataDir: string
  logFile: string
  detourPort?: number | undefined
  secured?: SecuredListener | undefined
}

const LOG4J = fileURLToPath(new URL('../kafka/log4j2.yaml', import.meta.url))
const READY_TIMEOUT_MS = 60_000
/** Stops in 0.2 s when idle; with open transactions it may take the controlled shutdown's few seconds. */
const STOP_GRACE_MS = 15_000
/** One node on a shared machine: small heap, quick start, no compiler threads that fight for two cores. */
const JVM = ['-Xms256m', '-Xmx512m', '-XX:+UseSerialGC', '-XX:TieredStopAtLevel=1', '-Xshare:auto']

export async function startKafkaProcess({
  jars,
  dataDir,
  logFile,
  detourPort,
  secured,
}: KafkaProcessOptions): Promise<KafkaProcess> {
  const folder = join(dataDir, 'kafka')
  await mkdir(folder, { recursive: true })
  const ports = await choosePorts(folder)
  const properties = join(folder, 'server.properties')
  await writeFile(properties, serverProperties(join(folder, 'log'), ports, { detourPort, secured }))
  const classpath = ['-cp', `${join(jars, 'libs')}/*`]
  if (!existsSync(join(folder, 'log', 'meta.properties')))
    await format(classpath, properties, folder, secured)

  const child = await startChildProcess({
    name: 'Kafka',
    command: javaCommand(),
    args: [...JVM, `-Dlog4j2.configurationFile=${LOG4J}`, ...classpath, 'kafka.Kafka', properties],
    logFile,
  })
  const brokers = `127.0.0.1:${ports.broker}`
  try {
    await child.until(() => brokerAnswers(brokers), READY_TIMEOUT_MS)
  } catch (error) {
    await child.kill()
    throw error
  }
  return handle(child, {
    brokers,
    detour: detourPort === undefined ? undefined : `127.0.0.1:${ports.detour}`,
    secured: secured && `127.0.0.1:${ports.secured}`,
  })
}

function handle(
  child: ChildProcess,
  addresses: Pick<KafkaProcess, 'brokers' | 'detour' | 'secured'>,
): KafkaProcess {
  return {
    ...addresses,
    pid: child.pid,
    stop: () => child.stop(STOP_GRACE_MS),
    kill: () => child.kill(),
    signal: (signal) => child.signal(signal),
  }
}

interface Ports {
  broker: number
  controller: number
  detour: number
  secured: number
}

async function choosePorts(folder: string): Promise<Ports> {
  const file = join(folder, 'ports.json')
  const last = existsSync(file) ? (JSON.parse(await readFile(file, 'utf8')) as Partial<Ports>) : {}
  const taken: number[] = []
  const choose = async (wanted: number | undefined): Promise<number> => {
    let port = await freePort(wanted)
    while (taken.includes(port)) port = await freePort()
    taken.push(port)
    return port
  }
  const ports = {
    broker: await choose(last.broker),
    controller: await choose(last.controller),
    detour: await choose(last.detour),
    secured: await choose(last.secured),
  }
  await writeFile(file, JSON.stringify(ports))
  return ports
}

async function format(
  classpath: string[],
  properties: string,
  folder: string,
  secured: SecuredListener | undefined,
): Promise<void> {
  // Text of 22 characters, as Kafka's own are; one that begins with a hyphen would be read as an option.
  const clusterId = `T${randomBytes(16).toString('base64url').slice(1)}`
  const args = [
    '-XX:TieredStopAtLevel=1',
    '-XX:+UseSerialGC',
    ...classpath,
    'kafka.tools.StorageTool',
    'format',
  ]
  try {
    const users = secured ? scramUsers(secured) : []
    await run(javaCommand(), [...args, '-t', clusterId, '-c', properties, '--standalone', ...users], {
      timeout: READY_TIMEOUT_MS,
    })
  } catch (error) {
    await rm(folder, { recursive: true, force: true })
    throw new Error(`Kafka's data folder ${folder} could not be formatted: ${String(error)}`, {
      cause: error,
    })
  }
}

function serverProperties(
  logDir: string,
  ports: Ports,
  { detourPort, secured }: Pick<KafkaProcessOptions, 'detourPort' | 'secured'>,
): string {
  const { broker, controller, detour } = ports
  const further = detourPort === undefined ? [] : [detourPort]
  const safe = secured ? [`SECURED://127.0.0.1:${ports.secured}`] : []
  const entries: Record<string, string | number> = {
    'process.roles': 'broker,controller',
    'node.id': 1,
    'controller.quorum.bootstrap.servers': `127.0.0.1:${controller}`,
    listeners: [
      `PLAINTEXT://127.0.0.1:${broker}`,
      `CONTROLLER://127.0.0.1:${controller}`,
      ...further.map(() => `DETOUR://127.0.0.1:${detour}`),
      ...safe,
    ].join(','),
    'advertised.listeners': [
      `PLAINTEXT://127.0.0.1:${broker}`,
      ...further.map((port) => `DETOUR://127.0.0.1:${port}`),
      ...safe,
    ].join(','),
    'controller.listener.names': 'CONTROLLER',
    'inter.broker.listener.name': 'PLAINTEXT',
    'listener.security.protocol.map':
      'PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT,DETOUR:PLAINTEXT,SECURED:SASL_SSL',
    'log.dirs': logDir,
    'auto.create.topics.enable': 'false',
    // One node.
    'offsets.topic.replication.factor': 1,
    'transaction.state.log.replication.factor': 1,
    'transaction.state.log.min.isr': 1,
    // 50 and 50 partitions of internal topics by default: files and start-up time that one node has no use for.
    'offsets.topic.num.partitions': 8,
    'transaction.state.log.num.partitions': 8,
    'group.initial.rebalance.delay.ms': 0,
    // The cleaner's buffer is 128 MB by default, a quarter of the heap given here.
    'log.cleaner.dedupe.buffer.size': 16 * 1024 * 1024,
    ...(secured && securedProperties(secured)),
  }
  return `${Object.entries(entries)
    .map(([key, value]) => `${key}=${value}`)
    .join('\n')}\n`
}
