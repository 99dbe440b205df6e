/** What an event of a Kafka source costs the collector: CPU of its process, the broker's and the writer's apart. */
import { spawn } from 'node:child_process'
import { cp, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'
import { topicName, topics } from '@tributary/contracts'
import { type Kafka, createAdmin, createKafka, createPlainProducer } from '@tributary/kafka'
import { createTopics } from '../../../deploy/local/src/createTopics.ts'
import { uniquePrefix } from '../../support/uniquePrefix.ts'
import { waitUntil } from '../../support/waitUntil.ts'
import type { Bar } from '../bar.ts'
import { BENCH_FOLDER, benchStack } from '../benchStack.ts'
import { SHOP_DOCUMENTS, startBenchCollector } from '../benchCollector.ts'
import { exampleEvent } from '../collectorLoad.ts'
import { processCpu } from '../processCpu.ts'

/** About a second of CPU each, so that the kernel's ticks of 10 ms are a percent. */
const EVENTS_PER_RUN = 60_000
const RECORDS_PER_SEND = 1_000
const PARTITIONS = 3

export const bars: Bar[] = [
  {
    name: 'collector-source',
    about:
      'Events of 1.1 KB of a Kafka source per second of CPU: the collector, which judges each and commits what is durable, beside kafkajs that consumes and produces the same bytes.',
    unit: 'events/s of CPU',
    better: 'higher',
    // Both read and write the same; a verdict parses, and may cost as much again.
    goal: 0.5,
    runs: 5,
    async prepare() {
      const { brokers } = (await benchStack()).kafka
      const input = { ours: uniquePrefix('source'), reference: uniquePrefix('source') }
      const moved = uniquePrefix('moved')
      await createTopics(brokers, [...Object.values(input), moved], PARTITIONS)
      const collector = await startBenchCollector('source', {
        documents: await documentsWith(input.ours),
      })
      const mover = await startMover(brokers, input.reference, moved)
      const kafka = createKafka({ brokers: [brokers], clientId: 'bench' })
      const load = await createSourceLoad(kafka)
      const events = topicName(collector.prefix, topics.events)
      return {
        ours: async () => EVENTS_PER_RUN / (await load.run(input.ours, events, () => collector.cpu())),
        reference: async () =>
          EVENTS_PER_RUN / (await load.run(input.reference, moved, () => processCpu(mover.pid))),
        async close() {
          mover.stop()
          await load.close()
          await collector.close()
        },
      }
    },
  },
]

/** The shop's documents and one source more, which reads the topic. */
async function documentsWith(topic: string): Promise<string> {
  const folder = join(BENCH_FOLDER, 'documents-source')
  await cp(SHOP_DOCUMENTS, folder, { recursive: true })
  await writeFile(
    join(folder, 'benchSource.yaml'),
    `kind: Source\nid: stream\nkafka: { topic: ${topic}, format: segment, start: earliest }\n`,
  )
  return folder
}

interface SourceLoad {
  /** Writes a run's events to `from`; CPU seconds until as many have come to lie in `to`. */
  run(from: string, to: string, cpu: () => Promise<number>): Promise<number>
  close(): Promise<void>
}

async function createSourceLoad(kafka: Kafka): Promise<SourceLoad> {
  const producer = await createPlainProducer(kafka)
  const admin = await createAdmin(kafka)
  let sent = 0
  const written = async (topic: string): Promise<number> =>
    (await admin.offsets(topic)).reduce((sum, { end }) => sum + end, 0)
  return {
    async run(from, to, cpu) {
      const expected = (await written(to)) + EVENTS_PER_RUN
      const before = await cpu()
      for (let left = EVENTS_PER_RUN; left > 0; left -= RECORDS_PER_SEND)
        await producer.send(
          Array.from({ length: RECORDS_PER_SEND }, () => {
            const value = JSON.stringify(exampleEvent(sent++))
            return { topic: from, partition: sent % PARTITIONS, key: null, value }
          }),
        )
      await waitUntil(`the events to be in ${to}`, async () => (await written(to)) >= expected)
      return (await cpu()) - before
    },
    async close() {
      await producer.close()
      await admin.close()
    },
  }
}

async function startMover(
  brokers: string,
  from: string,
  to: string,
): Promise<{ pid: number; stop: () => void }> {
  const file = fileURLToPath(new URL('../consumeAndProduce.ts', import.meta.url))
  const child = spawn(process.execPath, ['--disable-warning=ExperimentalWarning', file, brokers, from, to], {
    stdio: ['pipe', 'pipe', 'inherit'],
  })
  for await (const line of createInterface({ input: child.stdout })) {
    if (line !== 'reads') continue
    return { pid: child.pid as number, stop: () => child.stdin.end() }
  }
  throw new Error('the consumer of the reference ended before it read')
}
