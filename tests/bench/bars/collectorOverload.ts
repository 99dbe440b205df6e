/**
 * Twice what the collector can take, for a minute: what it still takes, what it needs for it, and whether all that it
 * acknowledged is in the topic. Prints what was offered, refused and found beside the bar.
 */
import { setTimeout as sleep } from 'node:timers/promises'
import { topicName, topics } from '@tributary/contracts'
import { EventRecord } from '@tributary/contracts/generated/tributary/event/v1/event'
import { type Kafka, createAdmin, createKafka, readTopic } from '@tributary/kafka'
import type { Bar } from '../bar.ts'
import { median } from '../bar.ts'
import { type BatchLoad, EVENTS_PER_BATCH, createBatchLoad, placeOf } from '../batchLoad.ts'
import { type BenchCollector, startBenchCollector } from '../benchCollector.ts'
import { processMemory } from '../processMemory.ts'

const OVERLOAD_SECONDS = 60
/** Before it is counted, caches and compilers are warmed up. */
const WARM_SECONDS = 5
/** Before and after: the machine's other work changes from minute to minute. */
const CAPACITY_SECONDS = 15
/** Enough for the collector to be the one that is waited for. */
const CAPACITY_CONNECTIONS = 16
const TIMES_CAPACITY = 2
/** More than can be done before the kernel has counted the first tick of CPU. */
const FIRST_BATCHES = 100
const SAMPLE_MS = 200
/** Between two tries after the end, ms. */
const BETWEEN_TRIES_MS = 10

/** Of events acknowledged: by the clock, for the eye, and by the collector's CPU, which sets the load and is compared. */
interface Rate {
  readonly perSecond: number
  readonly perCpuSecond: number
}

export const bars: Bar[] = [
  {
    name: 'collector-overload',
    about: `Events acknowledged per second of the collector's CPU while ${TIMES_CAPACITY} times the capacity arrives for ${OVERLOAD_SECONDS} s; beside the same at its capacity, before and after. Fails when an acknowledged event is not in the topic.`,
    unit: 'events/s of CPU',
    better: 'higher',
    // By the clock it would be the clients that are measured, which have the same cores; so both the arrivals and the goodput
    // go by the collector's CPU: for each second of it comes what would take two.
    // Refusing costs a look at the head of a request, and its body still has to be read off the wire.
    goal: 0.9,
    runs: 1,
    async prepare() {
      const collector = await startBenchCollector('overload', { compiled: true })
      const kafka = createKafka({ brokers: [collector.brokers], clientId: 'bench' })
      const load = createBatchLoad(collector.target)
      let seconds = WARM_SECONDS
      let before: Rate
      return {
        async ours() {
          before = await capacityOf(collector, load, CAPACITY_SECONDS)
          const { perCpuSecond } = await overload(collector, kafka, load, before, seconds)
          seconds = OVERLOAD_SECONDS
          return perCpuSecond
        },
        reference: async () =>
          (before.perCpuSecond + (await capacityOf(collector, load, CAPACITY_SECONDS)).perCpuSecond) / 2,
        async close() {
          load.close()
          await collector.close()
        },
      }
    },
  },
]

async function capacityOf(collector: BenchCollector, load: BatchLoad, seconds: number): Promise<Rate> {
  const before = await collector.cpu()
  const { acknowledged } = await load.closed(CAPACITY_CONNECTIONS, seconds)
  const events = acknowledged.length * EVENTS_PER_BATCH
  return { perSecond: events / seconds, perCpuSecond: events / ((await collector.cpu()) - before) }
}

/** Of what was acknowledged before the end. */
async function overload(
  collector: BenchCollector,
  kafka: Kafka,
  load: BatchLoad,
  capacity: Rate,
  seconds: number,
): Promise<Rate> {
  const topic = topicName(collector.prefix, topics.events)
  const starts = await endsOf(kafka, topic)
  const memory = watchMemory(collector.pid)
  const cpuBefore = await collector.cpu()
  const batchesPerCpuSecond = (TIMES_CAPACITY * capacity.perCpuSecond) / EVENTS_PER_BATCH
  const { acknowledged, refused, failed, tookMs } = await load.open(
    async () => FIRST_BATCHES + batchesPerCpuSecond * ((await collector.cpu()) - cpuBefore),
    seconds,
  )
  const cpuSeconds = (await collector.cpu()) - cpuBefore
  const recoveredMs = await untilTaken(load)
  const peakMb = await memory.stop()
  await load.answered()

  const { lost, repeated } = await compare(kafka, topic, starts, acknowledged)
  const events = acknowledged.length * EVENTS_PER_BATCH
  const goodput = { perSecond: events / seconds, perCpuSecond: events / cpuSeconds }
  const refusedPerSecond = (refused * EVENTS_PER_BATCH) / seconds
  process.stderr.write(
    `overload for ${seconds} s: capacity ${number(capacity.perSecond)} events/s; ${number(goodput.perSecond)} acknowledged ` +
      `(p50 ${number(median(tookMs))} ms), ${number(refusedPerSecond)} refused, ${failed} batches failed; ` +
      `the collector used ${(cpuSeconds / seconds).toFixed(2)} cores, ${number(peakMb)} MB at the peak; ` +
      `taken again ${number(recoveredMs)} ms after the end; ` +
      `of ${number(events)} acknowledged events ${number(lost)} lost, ${number(repeated)} there twice\n`,
  )
  if (lost > 0) throw new Error(`${lost} events were acknowledged and are not in ${topic}`)
  return goodput
}

/** From the end of the load to the first batch that is taken, ms. */
async function untilTaken(load: BatchLoad): Promise<number> {
  const from = performance.now()
  while ((await load.one()) !== 200) await sleep(BETWEEN_TRIES_MS)
  return performance.now() - from
}

function watchMemory(pid: number): { stop: () => Promise<number> } {
  const ended = new AbortController()
  const watching = (async () => {
    let peakMb = 0
    while (!ended.signal.aborted) {
      peakMb = Math.max(peakMb, (await processMemory(pid)).residentMb)
      await sleep(SAMPLE_MS)
    }
    return peakMb
  })()
  return {
    stop() {
      ended.abort()
      return watching
    },
  }
}

async function endsOf(kafka: Kafka, topic: string): Promise<ReadonlyMap<number, number>> {
  const admin = await createAdmin(kafka)
  const offsets = await admin.offsets(topic)
  await admin.close()
  return new Map(offsets.map(({ partition, end }) => [partition, end]))
}

/** What of the acknowledged requests is in the topic since then. */
async function compare(
  kafka: Kafka,
  topic: string,
  starts: ReadonlyMap<number, number>,
  acknowledged: readonly number[],
): Promise<{ lost: number; repeated: number }> {
  const seen = new Map(acknowledged.map((request) => [request, new Uint8Array(EVENTS_PER_BATCH)]))
  let repeated = 0
  for (const [partition, from] of starts)
    for await (const { records } of readTopic(kafka, { topic, partition, from }))
      for (const { value } of records) {
        const { record } = EventRecord.decode(value as Buffer)
        const place = record?.$case === 'event' ? placeOf(record.value.messageId) : undefined
        const places = place && seen.get(place.request)
        if (places && (places[place.index] as number)++ > 0) repeated++
      }
  let lost = 0
  for (const places of seen.values()) for (const times of places) if (times === 0) lost++
  return { lost, repeated }
}

function number(value: number): string {
  return Math.round(value).toLocaleString('en-US')
}
