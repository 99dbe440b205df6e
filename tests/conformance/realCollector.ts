/** One real Kafka with a collector process on it, and one more collector that has no Kafka, for a whole run. */
import { mkdir, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { type RejectedRecord, type TopicSpec, partitionsOf, topicName, topics } from '@tributary/contracts'
import { type Event, EventRecord } from '@tributary/contracts/generated/tributary/event/v1/event'
import { type Kafka, createKafka, readTopic } from '@tributary/kafka'
import { type ChildProcess, startChildProcess } from '../../deploy/local/src/childProcess.ts'
import { freePort } from '../../deploy/local/src/freePort.ts'
import { startServices } from '../../deploy/local/src/launcher.ts'
import { startLocalStack } from '../../deploy/local/src/localStack.ts'

export interface RealCollector {
  readonly brokers: string
  readonly url: string
  /** A collector that is up and finds no Kafka: every event is answered 503. */
  readonly starting: string
  /** All events that are in the log now. */
  events(): Promise<Event[]>
  rejected(): Promise<RejectedRecord[]>
  /** As kill -9. */
  kill(): Promise<void>
  /** On the same address. */
  start(): Promise<void>
  stop(): Promise<void>
}

const ROOT = fileURLToPath(new URL('../../', import.meta.url))
/** As the launcher gives every service. */
const COUNTS = { identifier: 4, profile: 4, delivery: 4 }
const PREFIX = 'conformance'
const READY_MS = 30_000
const STOP_MS = 5_000

/** `documents` are sources; a workspace document is put beside them. */
export async function startRealCollector(name: string, documents: readonly object[]): Promise<RealCollector> {
  const dataDir = join(ROOT, '.data', name)
  const stack = await startLocalStack({ dataDir, fresh: true, log: say })
  const closing: (() => Promise<unknown>)[] = [() => stack.stop()]
  const stop = async (): Promise<void> => {
    // oxlint-disable-next-line no-await-in-loop -- the stack last
    for (const close of closing.toReversed()) await close()
    closing.length = 0
    await rm(dataDir, { recursive: true, force: true })
  }
  try {
    const folder = join(dataDir, 'documents')
    await mkdir(folder, { recursive: true })
    const workspace = { kind: 'Workspace', id: 'shop', schema: 'tributary/v1', region: 'FR', timeZone: 'UTC' }
    const text = [workspace, ...documents].map((each) => JSON.stringify(each)).join('\n---\n')
    await writeFile(join(folder, 'documents.yaml'), text)
    const installation = await startServices(stack, {
      dataDir,
      documents: folder,
      settings: { TOPIC_PREFIX: PREFIX },
      services: [{ service: 'collector' }],
      log: say,
    })
    closing.push(() => installation.stop())
    const { child, url: starting } = await startWithoutKafka(dataDir, installation.settings)
    closing.push(() => child.stop(STOP_MS))

    const kafka = createKafka({ brokers: stack.kafka.brokers.split(','), clientId: name })
    return {
      brokers: stack.kafka.brokers,
      url: installation.addresses().collector!.http,
      starting,
      events: async () =>
        (await read(kafka, topics.events)).flatMap((value) => {
          const { record } = EventRecord.decode(value)
          return record?.$case === 'event' ? [record.value] : []
        }),
      rejected: async () =>
        (await read(kafka, topics.rejected)).map((value) => JSON.parse(value.toString()) as RejectedRecord),
      kill: () => installation.service('collector').kill(),
      start: () => installation.service('collector').start(),
      stop,
    }
  } catch (error) {
    await stop()
    throw error
  }
}

async function startWithoutKafka(
  dataDir: string,
  settings: Record<string, string>,
): Promise<{ child: ChildProcess; url: string }> {
  const port = await freePort()
  const child = await startChildProcess({
    name: 'the collector without Kafka',
    command: process.execPath,
    args: ['--conditions=tributary-source', 'services/collector/src/main.ts'],
    cwd: ROOT,
    env: {
      ...settings,
      KAFKA_BROKERS: `127.0.0.1:${await freePort()}`,
      NODE_ID: 'without-kafka',
      DATA_DIR: join(dataDir, 'state', 'without-kafka'),
      HTTP_PORT: String(port),
      ADMIN_PORT: '0',
    },
    logFile: join(dataDir, 'logs', 'without-kafka.log'),
  })
  const url = `http://127.0.0.1:${port}`
  await child.until(async () => {
    const response = await fetch(`${url}/v1/page`, { method: 'POST', body: '{}' }).catch(() => undefined)
    return response?.status === 503 ? true : undefined
  }, READY_MS)
  return { child, url }
}

async function read(kafka: Kafka, spec: TopicSpec): Promise<Buffer[]> {
  const partitions = Array.from({ length: partitionsOf(spec, COUNTS) }, async (_, partition) => {
    const found: Buffer[] = []
    for await (const { records } of readTopic(kafka, { topic: topicName(PREFIX, spec), partition }))
      for (const { value } of records) if (value) found.push(value)
    return found
  })
  return (await Promise.all(partitions)).flat()
}

function say(line: string): void {
  process.stderr.write(`${line}\n`)
}
