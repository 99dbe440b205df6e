/**
 * The whole pipeline, everything included, on the machine's cores: collector, identity, profiles, audiences, a projection,
 * the event log, with Kafka, ClickHouse and the clients beside them. How many events go through, what each stage needs for
 * one, what is written for one, and how long one takes while so many arrive.
 */
import { setTimeout as sleep } from 'node:timers/promises'
import { status } from '@grpc/grpc-js'
import { callUnary } from '@tributary/service-kit'
import { waitUntil } from '../../support/waitUntil.ts'
import type { Bar } from '../bar.ts'
import { type BatchLoad } from '../batchLoad.ts'
import { EVENTS_PER_REQUEST, EVENT_BYTES, type Probe, createPipelineLoad, planOf } from '../pipelineLoad.ts'
import { type BenchPipeline, type Used, benchPipeline, topicBytes } from '../benchPipeline.ts'
import { followChanges } from '../followChanges.ts'
import { percentiles } from '../percentiles.ts'
import { printTable } from '../printTable.ts'

/** What the design asks for. */
const THROUGHPUT_GOAL = 5_000
const THROUGHPUT_AIM = 10_000
/** The goals are for so many. */
const CORES = 2
const RATE = 1_000
const P99_AT_RATE_MS = 100
const P99_AT_75_MS = 250
const SHARES_OF_CAPACITY = [0.25, 0.5, 0.75]

/** People, caches and compilers are there by then. */
const WARM_SECONDS = 15
const MEASURED_SECONDS = 30
/** Sent and not yet in profiles, at most: some batches of each task, so that every stage is always busy, and no request is refused. */
const WINDOW = 5_000
/** The log is written about once a second; it may be so far behind the profiles. */
const LOG_WINDOW = 15_000
const ASK_MS = 100

const LATENCY_WARM_SECONDS = 5
const LATENCY_SECONDS = 20
/** To work off what has piled up where the rate was more than the machine takes. */
const REST_TIMEOUT_MS = 300_000
/** Of a run that is not counted. */
const SHORT_SECONDS = 2
/** Between two questions for what was just accepted: few enough that they are no load. */
const QUESTION_EVERY_MS = 50
/** Nobody waits longer for a profile. */
const LONGEST_WAIT_MS = 10_000

interface Throughput {
  /** By the clock. */
  readonly perSecond: number
  /** What the cores would take if all of their time were the pipeline's, at the CPU an event has cost. */
  readonly perCpu: number
  readonly kafkaBytes: number
  readonly diskBytes: number
}

let throughput: Promise<Throughput> | undefined
const measureThroughput = (): Promise<Throughput> => (throughput ??= runThroughput())

async function runThroughput(): Promise<Throughput> {
  const pipeline = await benchPipeline()
  const load = createPipelineLoad(pipeline.target)
  const through = () =>
    Promise.all([pipeline.folded(), pipeline.logged()]).then(([folded, logged]) =>
      Math.min(folded, logged + LOG_WINDOW),
    )
  let done = await through()
  const first = done
  const ended = new AbortController()
  const asking = (async () => {
    while (!ended.signal.aborted) {
      await sleep(ASK_MS)
      done = await through()
    }
  })()
  // Closed by what has gone through, so that it is the slowest stage that sets the rate.
  const due = () => Promise.resolve((done - first + WINDOW) / EVENTS_PER_REQUEST)
  const sending = load.open(due, WARM_SECONDS + MEASURED_SECONDS)
  await sleep(WARM_SECONDS * 1000)
  const before = await snapshot(pipeline)
  await sleep(MEASURED_SECONDS * 1000)
  const after = await snapshot(pipeline)
  const { failed, refused } = await sending
  ended.abort()
  await asking
  await load.answered()
  load.close()
  if (failed + refused > 0) throw new Error(`${failed} batches failed, ${refused} were refused`)
  return tell(before, after)
}

interface Snapshot {
  readonly atMs: number
  readonly folded: number
  readonly logged: number
  readonly used: ReadonlyMap<string, Used>
  readonly topics: ReadonlyMap<string, number>
}

async function snapshot(pipeline: BenchPipeline): Promise<Snapshot> {
  const [folded, logged] = await Promise.all([pipeline.folded(), pipeline.logged()])
  const atMs = performance.now()
  return { atMs, folded, logged, used: await pipeline.used(), topics: await topicBytes(pipeline) }
}

function tell(before: Snapshot, after: Snapshot): Throughput {
  const seconds = (after.atMs - before.atMs) / 1000
  const events = Math.min(after.folded - before.folded, after.logged - before.logged)
  const stages = [...after.used].map(([name, { cpuSeconds, writtenBytes }]) => {
    const was = before.used.get(name)!
    const cpu = cpuSeconds - was.cpuSeconds
    return { name, cpu, written: (writtenBytes - was.writtenBytes) / events }
  })
  const all = stages.reduce((sum, { cpu }) => sum + cpu, 0)
  printTable(
    ['stage', 'CPU µs/event', 'share', 'cores', 'bytes to disk/event'],
    [
      ...stages,
      { name: 'all', cpu: all, written: stages.reduce((sum, { written }) => sum + written, 0) },
    ].map(({ name, cpu, written }) => [
      name,
      ((cpu * 1e6) / events).toFixed(0),
      `${((100 * cpu) / all).toFixed(0)} %`,
      (cpu / seconds).toFixed(2),
      written.toFixed(0),
    ]),
  )
  const topics = [...after.topics].map(([name, bytes]) => ({
    name,
    bytes: (bytes - (before.topics.get(name) ?? 0)) / events,
  }))
  printTable(
    ['topic', 'bytes to Kafka/event'],
    topics.filter(({ bytes }) => bytes >= 1).map(({ name, bytes }) => [name, bytes.toFixed(0)]),
  )
  const perSecond = events / seconds
  const perCpu = (events / all) * CORES
  process.stderr.write(
    `${perSecond.toFixed(0)} events/s through everything by the clock, on ${(all / seconds).toFixed(2)} cores; by the CPU ${CORES} cores take ` +
      `${perCpu.toFixed(0)}; the goal is ${THROUGHPUT_GOAL}, the aim ${THROUGHPUT_AIM}\n`,
  )
  return {
    perSecond,
    perCpu,
    kafkaBytes: topics.reduce((sum, { bytes }) => sum + bytes, 0),
    diskBytes: stages.reduce((sum, { written }) => sum + written, 0),
  }
}

/** p99 from the acceptance of an event until it is readable by gRPC, or on the change topic: the later of the two. */
async function latencyAt(perSecond: number, measuredSeconds = LATENCY_SECONDS): Promise<number> {
  const pipeline = await benchPipeline()
  const changes = await followChanges(pipeline, /^bench-[0-9]+-0$/)
  const accepted: Probe[] = []
  const load = createPipelineLoad(pipeline.target, (probe) => accepted.push(probe))
  const seconds = LATENCY_WARM_SECONDS + measuredSeconds
  const startMs = performance.now()
  const due = () => Promise.resolve(((performance.now() - startMs) / 1000) * (perSecond / EVENTS_PER_REQUEST))
  const asked = askEach(pipeline, accepted, startMs + LATENCY_WARM_SECONDS * 1000, startMs + seconds * 1000)
  const { failed, refused } = await load.open(due, seconds)
  await settle(load, pipeline)
  await changes.stop()
  if (failed + refused > 0) throw new Error(`${failed} batches failed, ${refused} were refused`)
  const counted = accepted.filter(({ acceptedMs }) => acceptedMs > startMs + LATENCY_WARM_SECONDS * 1000)
  const topic = percentiles(
    counted.map(({ messageId, acceptedMs }) =>
      // Before the answer has arrived at the client: at once.
      Math.max(0, (changes.arrivedMs.get(messageId) ?? Infinity) - acceptedMs),
    ),
  )
  const grpc = percentiles(await asked)
  const text = ({ p50, p99 }: typeof grpc) => `p50 ${p50.toFixed(0)} ms, p99 ${p99.toFixed(0)} ms`
  process.stderr.write(
    `${perSecond.toFixed(0)} events/s: on the change topic ${text(topic)}; readable by gRPC ${text(grpc)}\n`,
  )
  return Math.max(topic.p99, grpc.p99)
}

async function settle(load: BatchLoad, pipeline: BenchPipeline): Promise<void> {
  await load.answered()
  load.close()
  // The next bar begins with nothing under way.
  let before = -1
  await waitUntil(
    'the pipeline to come to rest',
    async () => {
      const now = await pipeline.folded()
      const rests = now === before && (await pipeline.logged()) >= now
      before = now
      return rests
    },
    { timeoutMs: REST_TIMEOUT_MS, pollMs: 1_000 },
  )
}

/** Asks for the newest probe every now and then; ms from its acceptance to the answer that has it. */
async function askEach(
  { profiles, metadata }: BenchPipeline,
  accepted: readonly Probe[],
  fromMs: number,
  untilMs: number,
): Promise<number[]> {
  const answers: Promise<number>[] = []
  let last: Probe | undefined
  while (performance.now() < untilMs) {
    await sleep(QUESTION_EVERY_MS)
    const probe = accepted.at(-1)
    if (probe === undefined || probe === last || probe.acceptedMs < fromMs) continue
    last = probe
    // Not there in time, or no answer at all.
    answers.push(
      answered(probe).catch((error: unknown) => {
        if ((error as { code?: unknown }).code === status.DEADLINE_EXCEEDED) return Infinity
        throw error
      }),
    )
  }
  return Promise.all(answers)

  async function answered({ request, userId, position, acceptedMs }: Probe): Promise<number> {
    const { profile, behind } = await callUnary(
      profiles.getProfile.bind(profiles),
      {
        ref: { ref: { $case: 'identifier', value: { type: 'user_id', value: userId } } },
        freshness: { minPosition: position, withIdentity: false, maxWaitMs: LONGEST_WAIT_MS },
      },
      { deadlineMs: LONGEST_WAIT_MS + 1_000, metadata },
    )
    const tookMs = performance.now() - acceptedMs
    if (behind.length > 0) return Infinity
    const plan = String(profile?.traits?.['plan'])
    if (plan < planOf(request))
      throw new Error(`${userId} is on ${plan}, and ${planOf(request)} was accepted`)
    return tookMs
  }
}

export const bars: Bar[] = [
  {
    name: 'pipeline-throughput',
    about: `Events per second that ${CORES} cores take through the whole pipeline, into profiles and event log, with at most ${WINDOW} under way, by the CPU that all processes used for one, as a shared machine has other work; beside the ${THROUGHPUT_GOAL} the design asks for. Prints the rate by the clock, and CPU and bytes per event of each stage.`,
    unit: 'events/s',
    better: 'higher',
    goal: 1,
    runs: 1,
    prepare: () =>
      Promise.resolve({
        ours: async () => (await measureThroughput()).perCpu,
        reference: () => THROUGHPUT_GOAL,
      }),
  },
  {
    name: 'pipeline-bytes-kafka',
    about:
      'Bytes that lie in the topics of the pipeline for each event, compressed as they are, beside the bytes of the event as it is sent.',
    unit: 'bytes/event',
    better: 'lower',
    // The event with its envelope, fragment, part, part and profile as rows of change logs: one size of an event each; a
    // third of the events tell of the profile and its change; what is left is headers, evidence, seen messages.
    goal: 8,
    runs: 1,
    prepare: () =>
      Promise.resolve({
        ours: async () => (await measureThroughput()).kafkaBytes,
        reference: () => EVENT_BYTES,
      }),
  },
  {
    name: 'pipeline-bytes-disk',
    about:
      'Bytes that all processes of the pipeline cause to be written to the disk for each event (pages of local stores, segments, parts of the event log), beside the bytes of the event as it is sent.',
    unit: 'bytes/event',
    better: 'lower',
    // Once what Kafka is given; a page of 4 KiB for each of five rows with random keys, which batches seldom share; the event
    // log, written and merged twice.
    goal: 30,
    runs: 1,
    prepare: () =>
      Promise.resolve({
        ours: async () => (await measureThroughput()).diskBytes,
        reference: () => EVENT_BYTES,
      }),
  },
  {
    name: 'pipeline-latency',
    about: `From an event's acceptance until it is readable by gRPC and on the change topic, p99 of the later, at ${RATE} events a second, open loop, everything on this machine; beside the ${P99_AT_RATE_MS} ms the design asks for.`,
    unit: 'ms',
    better: 'lower',
    goal: 1,
    runs: 1,
    prepare() {
      let seconds = SHORT_SECONDS
      return Promise.resolve({
        async ours() {
          const p99 = await latencyAt(RATE, seconds)
          seconds = LATENCY_SECONDS
          return p99
        },
        reference: () => P99_AT_RATE_MS,
      })
    },
  },
  {
    name: 'pipeline-latency-75',
    about: `The same at ${SHARES_OF_CAPACITY.map((share) => 100 * share).join(', ')} % of what the pipeline takes, all printed; beside the ${P99_AT_75_MS} ms the design asks for at 75 %.`,
    unit: 'ms',
    better: 'lower',
    goal: 1,
    runs: 1,
    prepare() {
      let warm = false
      return Promise.resolve({
        async ours() {
          const { perSecond } = await measureThroughput()
          if (!warm) {
            warm = true
            return latencyAt(SHARES_OF_CAPACITY[0]! * perSecond, SHORT_SECONDS)
          }
          let p99 = Number.NaN
          for (const share of SHARES_OF_CAPACITY) p99 = await latencyAt(share * perSecond)
          return p99
        },
        reference: () => P99_AT_75_MS,
      })
    },
  },
]
