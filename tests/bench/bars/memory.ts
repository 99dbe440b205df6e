/** What a service needs when nothing happens, and that a lag of any size costs no more than a small one. */
import { rm } from 'node:fs/promises'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { partitionOf, topicName, topics } from '@tributary/contracts'
import { EventRecord, EventType } from '@tributary/contracts/generated/tributary/event/v1/event'
import { createKafka, createPlainProducer } from '@tributary/kafka'
import { startServices } from '../../../deploy/local/src/launcher.ts'
import { SERVICES, type ServiceName } from '../../../deploy/local/src/serviceProcess.ts'
import { uniquePrefix } from '../../support/uniquePrefix.ts'
import type { Bar } from '../bar.ts'
import { BENCH_FOLDER, benchStack } from '../benchStack.ts'
import { compileServices } from '../compileServices.ts'
import { processMemory } from '../processMemory.ts'

/** What the design allows an idle service, MB. */
const IDLE_LIMIT_MB = 150
/** After a start: what was needed only for it has been collected by then, ms. */
const IDLE_AFTER_MS = 15_000
const LONG_LAG = 10_000_000
/** More than is worked off while it is measured. */
const SHORT_LAG = 500_000
/** Tasks work on the lag for so long, ms: buffers, batches and heap have reached their size. */
const WORKING_MS = 20_000
const SAMPLE_MS = 200
const PEOPLE = 100_000
const PRODUCED_AT_ONCE = 5_000
const PARTITIONS = 6

export const bars: Bar[] = [
  {
    name: 'memory-idle',
    about: `Resident memory of the largest of the four services, ${IDLE_AFTER_MS / 1000} s after its start with nothing to do; beside the ${IDLE_LIMIT_MB} MB the design allows.`,
    unit: 'MB',
    better: 'lower',
    goal: 1,
    runs: 1,
    prepare() {
      compileServices()
      return Promise.resolve({ ours: idleMemory, reference: () => IDLE_LIMIT_MB })
    },
  },
  {
    name: 'memory-lag',
    about: `Most memory of its own (pages of its stores' files apart) that a profile-store has needed while it works on a lag of ${LONG_LAG.toLocaleString('en')} events; beside one with a lag of ${SHORT_LAG.toLocaleString('en')}.`,
    unit: 'MB',
    better: 'lower',
    // Fetched ahead is bounded per partition: the rest is the heap's own breathing.
    goal: 1.25,
    runs: 1,
    async prepare() {
      compileServices()
      const long = await lagOf(LONG_LAG)
      const short = await lagOf(SHORT_LAG)
      return { ours: () => peakMemory(long), reference: () => peakMemory(short) }
    },
  },
]

async function idleMemory(): Promise<number> {
  const { stop, each } = await start(uniquePrefix('idle'))
  try {
    await sleep(IDLE_AFTER_MS)
    const memory = await Promise.all(each.map(async (pid) => (await processMemory(pid)).residentMb))
    process.stderr.write(`${SERVICES.map((name, i) => `${name} ${memory[i]!.toFixed(0)} MB`).join(', ')}\n`)
    return Math.max(...memory)
  } finally {
    await stop()
  }
}

/** Topics with so many events that no task has read; their prefix. */
async function lagOf(events: number): Promise<string> {
  const prefix = uniquePrefix('lag')
  const { stop } = await start(prefix, [])
  await stop()
  const { kafka: addresses } = await benchStack()
  const kafka = createKafka({ brokers: [addresses.brokers], clientId: 'bench' })
  const producer = await createPlainProducer(kafka)
  const topic = topicName(prefix, topics.events)
  for (let from = 0; from < events; from += PRODUCED_AT_ONCE)
    await producer.send(
      Array.from({ length: Math.min(PRODUCED_AT_ONCE, events - from) }, (_, i) => {
        const anchor = ((from + i) % PEOPLE).toString(16).padStart(32, '0')
        return {
          topic,
          partition: partitionOf(anchor, PARTITIONS),
          key: anchor,
          value: eventOf(anchor, from + i),
        }
      }),
    )
  await producer.close()
  return prefix
}

async function peakMemory(prefix: string): Promise<number> {
  const { stop, each } = await start(prefix, ['profile-store'], uniquePrefix('group'))
  try {
    let peakMb = 0
    for (let waitedMs = 0; waitedMs < WORKING_MS; waitedMs += SAMPLE_MS) {
      await sleep(SAMPLE_MS)
      peakMb = Math.max(peakMb, (await processMemory(each[0]!)).ownMb)
    }
    return peakMb
  } finally {
    await stop()
  }
}

async function start(
  prefix: string,
  services: readonly ServiceName[] = SERVICES,
  groupPrefix = prefix,
): Promise<{ each: number[]; stop: () => Promise<void> }> {
  const stack = await benchStack()
  const dataDir = join(BENCH_FOLDER, `memory-${groupPrefix}`)
  const installation = await startServices(
    { ...stack, clickhouse: { ...stack.clickhouse, database: prefix } },
    {
      dataDir,
      services: services.map((service) => ({ service })),
      compiled: true,
      settings: {
        TOPIC_PREFIX: prefix,
        GROUP_PREFIX: groupPrefix,
        IDENTIFIER_PARTITIONS: String(PARTITIONS),
        PROFILE_PARTITIONS: String(PARTITIONS),
      },
    },
  )
  return {
    each: services.map((service) => installation.service(service).pid()!),
    async stop() {
      await installation.stop()
      await rm(dataDir, { recursive: true, force: true })
    },
  }
}

function eventOf(anchor: string, n: number): Uint8Array {
  const timeMs = 1_790_000_000_000 + n
  return EventRecord.encode({
    record: {
      $case: 'event',
      value: {
        messageId: `m${n}`,
        messageIdGenerated: false,
        sourceId: 'web',
        type: EventType.EVENT_TYPE_TRACK,
        name: 'Viewed',
        anchor,
        identifiers: [{ type: 'user_id', value: anchor, id: anchor }],
        timeMs,
        receivedTimeMs: timeMs,
        timeFlags: [],
        raw: Buffer.from('{}'),
        origin: 'bench',
        identityRules: 'r',
        trusted: true,
        epoch: 1,
      },
    },
  }).finish()
}
