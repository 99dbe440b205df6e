/** Kafka Connect's own standalone worker with Debezium's connector, both as Maven Central has them. */
import { execFile } from 'node:child_process'
import { cp, mkdir, readFile, rm, stat, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { type ChildProcess, startChildProcess } from '../../deploy/local/src/childProcess.ts'
import { freePort } from '../../deploy/local/src/freePort.ts'
import { javaCommand } from '../../deploy/local/src/javaCommand.ts'
import type { PostgresServer } from '../support/postgresServer.ts'

const run = promisify(execFile)

const POM = fileURLToPath(new URL('pom.xml', import.meta.url))
const HOME = fileURLToPath(new URL('../../.tools/conformance/debezium', import.meta.url))
const LOG4J = fileURLToPath(new URL('../../deploy/local/kafka/log4j2.yaml', import.meta.url))
/** Two archives and sixty jars on a slow line. */
const INSTALL_MS = 300_000
const READY_MS = 60_000
/** Seldom enough that a kill finds records that were sent and not yet noted, which then come again. */
const FLUSH_MS = 15_000
const JVM = ['-Xmx384m', '-XX:+UseSerialGC', '-XX:TieredStopAtLevel=1', '-Xshare:auto']

export interface ConnectWorker {
  start(options?: { readonly schemas: boolean }): Promise<void>
  /** kill -9. */
  kill(): Promise<void>
  /** Whether it has noted how far it has read. */
  hasOffsets(): Promise<boolean>
}

/** Fetches both when they are missing or their versions changed. */
export async function installConnect(): Promise<void> {
  const wanted = await readFile(POM, 'utf8')
  const marker = join(HOME, 'installed')
  if ((await readFile(marker, 'utf8').catch(() => '')) === wanted) return
  // Jars of another version beside these would be taken too.
  await rm(HOME, { recursive: true, force: true })
  await mkdir(HOME, { recursive: true })
  await cp(POM, join(HOME, 'pom.xml'))
  const goals = [
    ['dependency:copy-dependencies', '-DoutputDirectory=libs', '-DexcludeTypes=tar.gz'],
    ['dependency:unpack-dependencies', '-DoutputDirectory=plugins', '-DincludeTypes=tar.gz'],
  ]
  for (const goal of goals) {
    // oxlint-disable-next-line no-await-in-loop -- Maven locks its repository
    await run('mvn', ['-q', '-B', ...goal], { cwd: HOME, timeout: INSTALL_MS })
  }
  await writeFile(marker, wanted)
}

export function createConnectWorker(options: {
  readonly dataDir: string
  readonly brokers: string
  readonly postgres: PostgresServer
}): ConnectWorker {
  const { dataDir, brokers, postgres } = options
  const offsets = join(dataDir, 'offsets')
  let child: ChildProcess | undefined

  return {
    async start({ schemas } = { schemas: true }) {
      const rest = await freePort()
      await mkdir(dataDir, { recursive: true })
      const worker = join(dataDir, 'worker.properties')
      await writeFile(
        worker,
        properties({
          'bootstrap.servers': brokers,
          listeners: `http://127.0.0.1:${rest}`,
          'plugin.path': join(HOME, 'plugins'),
          'offset.storage.file.filename': offsets,
          'offset.flush.interval.ms': FLUSH_MS,
          'key.converter': 'org.apache.kafka.connect.json.JsonConverter',
          'value.converter': 'org.apache.kafka.connect.json.JsonConverter',
          'key.converter.schemas.enable': schemas,
          'value.converter.schemas.enable': schemas,
        }),
      )
      const connector = join(dataDir, 'connector.properties')
      await writeFile(
        connector,
        properties({
          name: 'shop',
          'connector.class': 'io.debezium.connector.postgresql.PostgresConnector',
          'database.hostname': '127.0.0.1',
          'database.port': postgres.port,
          'database.user': postgres.user,
          'database.password': postgres.password,
          'database.dbname': 'postgres',
          'topic.prefix': 'shop',
          'table.include.list': 'public.customers,public.orders',
          'plugin.name': 'pgoutput',
          'publication.autocreate.mode': 'filtered',
          // Text to the last digit; the default is the bytes of an integer.
          'decimal.handling.mode': 'string',
        }),
      )
      const main = 'org.apache.kafka.connect.cli.ConnectStandalone'
      child = await startChildProcess({
        name: 'Kafka Connect',
        command: javaCommand(),
        args: [
          ...JVM,
          `-Dlog4j2.configurationFile=${LOG4J}`,
          '-cp',
          `${join(HOME, 'libs')}/*`,
          main,
          worker,
          connector,
        ],
        logFile: join(dataDir, 'connect.log'),
      })
      await child.until(() => running(rest), READY_MS)
    },
    kill: async () => child?.kill(),
    hasOffsets: () =>
      stat(offsets).then(
        ({ size }) => size > 0,
        () => false,
      ),
  }
}

async function running(port: number): Promise<true | undefined> {
  const response = await fetch(`http://127.0.0.1:${port}/connectors/shop/status`).catch(() => undefined)
  if (!response?.ok) return undefined
  const { tasks } = (await response.json()) as { tasks: { state: string; trace?: string }[] }
  const failed = tasks.find(({ state }) => state === 'FAILED')
  if (failed) throw new Error(`the connector failed: ${failed.trace?.slice(0, 500)}`)
  return tasks.length > 0 && tasks.every(({ state }) => state === 'RUNNING') ? true : undefined
}

function properties(entries: Readonly<Record<string, string | number | boolean>>): string {
  return Object.entries(entries)
    .map(([key, value]) => `${key}=${value}\n`)
    .join('')
}
