/**
 * The three kinds of task of this service over an in-memory log: what they send is routed to the inputs of the others
 * and read by them in batches of any size, in any interleaving of the partitions.
 */
import { type PartitionCounts, type TopicSpec, partitionOf, topics } from '@tributary/contracts'
import { type Event, EventRecord } from '@tributary/contracts/generated/tributary/event/v1/event'
import { type AnchorSaid, JobRecord } from '@tributary/contracts/generated/tributary/job/v1/control'
import { Assignment } from '@tributary/contracts/generated/tributary/identity/v1/assignment'
import { type OutputRecord } from '@tributary/stream-runtime'
import { type ProcessorDriver, createProcessorDriver } from '@tributary/stream-runtime/testing'
import { fragmentTopology } from '../fragment/fragmentTopology.ts'
import { type FragmentCounts } from '../fragment/fragmentProcessor.ts'
import { filingRows } from '../fragment/refiling.ts'
import { type JobConfiguration } from '../job/jobConfiguration.ts'
import { type Sent, outboxPartition } from '../job/jobProcessor.ts'
import { FillFold, fillRecord, planFill } from '../job/fills.ts'
import { fileSome } from './fileSome.ts'
import { type RefiledRecord } from '../job/refiledEvents.ts'
import { jobTopology } from '../job/jobTopology.ts'
import { outboxRows, runningRows } from '../job/jobRows.ts'
import { type ProfileConfiguration } from '../profile/profileProcessor.ts'
import { profileTopology } from '../profile/profileTopology.ts'
import { type TopicRecords, readFolded } from './loggedEvents.ts'

export interface PipelineRecord {
  readonly key: string | null
  readonly value: Uint8Array | null
  readonly headers: Readonly<Record<string, string>>
}

export interface Choices {
  /** A whole number below `below`. */
  next(below: number): number
}

/** Always the first: one partition after the other, everything in one batch. */
const inOrder: Choices = { next: () => 0 }

export interface Pipeline {
  readonly counts: PartitionCounts
  event(event: Event, options?: { appendedMs?: number }): void
  assign(assignment: Assignment): void
  /** What the resolver says of a fact. */
  say(said: AnchorSaid): void
  configure(offset: number, jobs: JobConfiguration, profiles: ProfileConfiguration): void
  /** Runs until nothing is left to read. */
  settle(choices?: Choices): void
  /** Time passes, for the profile tasks. */
  tick(nowMs: number): void
  restart(): void
  /** Everything ever sent to a topic, partition by partition. */
  sent(topic: TopicSpec): PipelineRecord[][]
  readonly fragments: readonly ProcessorDriver[]
  readonly profiles: readonly ProcessorDriver<ProfileConfiguration>[]
  readonly job: ProcessorDriver<JobConfiguration, Sent>
  folded(): number
}

const usualCounts: PartitionCounts = { identifier: 3, profile: 2, delivery: 1 }
/** Of every test: 2026-01-01. */
export const START_MS = 1_767_225_600_000

/** After one lot of a filing in so many an earlier one comes again. */
const SENT_AGAIN_IN = 3

interface Queue {
  readonly topic: TopicSpec
  readonly partition: number
  readonly records: { key: string | null; value: Uint8Array | null; timestampMs: number }[]
  read: number
}

export function createPipeline(counts: PartitionCounts = usualCounts): Pipeline {
  let folded = 0
  /** What the tasks append comes after what was appended, and after the last tick. */
  let clockMs = START_MS
  const observed = ({ folded: more }: FragmentCounts) => (folded += more)
  const fragments = Array.from({ length: counts.identifier }, (_, partition) =>
    createProcessorDriver(
      fragmentTopology({ opened() {}, computed: (_partition, batch) => observed(batch) }),
      { partition, counts },
    ),
  )
  const profiles = Array.from({ length: counts.profile }, (_, partition) =>
    createProcessorDriver(profileTopology({ opened() {}, computed() {} }), { partition, counts }),
  )
  const job = createProcessorDriver(jobTopology(counts), { partition: 0, counts })
  const queues = new Map<string, Queue>()
  const told = new Map<string, PipelineRecord[][]>()

  function queue(topic: TopicSpec, partition: number): Queue {
    const name = `${topic.name}/${partition}`
    let found = queues.get(name)
    if (!found) queues.set(name, (found = { topic, partition, records: [], read: 0 }))
    return found
  }

  function append(
    topic: TopicSpec,
    partition: number,
    key: string | null,
    value: Uint8Array | null,
    timestampMs = clockMs,
  ): void {
    clockMs = Math.max(clockMs, timestampMs)
    queue(topic, partition).records.push({ key, value, timestampMs })
  }

  const inputs = new Set(
    [topics.events, topics.assignments, topics.profileParts, topics.jobs].map((t) => t.name),
  )

  function route(records: readonly OutputRecord[], from: number): void {
    for (const { topic, partition, partitionKey, key, value, headers } of records) {
      const to = partition ?? partitionOf(partitionKey ?? key ?? '', counts.profile)
      if (inputs.has(topic.name)) append(topic, to, key, value)
      let all = told.get(topic.name)
      if (!all) told.set(topic.name, (all = []))
      while (all.length <= Math.max(to, from)) all.push([])
      all[to]!.push({ key, value, headers: headers ?? {} })
    }
  }

  function driverOf({ topic, partition }: Queue): ProcessorDriver {
    if (topic.name === topics.jobs.name) return job
    if (topic.name === topics.profileParts.name) return profiles[partition] as ProcessorDriver
    return fragments[partition]!
  }

  const log: TopicRecords = {
    events: (partition) =>
      queue(topics.events, partition).records.map(({ value }, offset) => ({ offset, value })),
    skipped: (partition) => told.get(topics.skipped.name)?.[partition] ?? [],
  }

  const lots: (readonly RefiledRecord[])[] = []

  /** What the edge does about anchors that are filed again: one lot; false when there is nothing to do. */
  function sendFilings(choices: Choices): boolean {
    const lot = fileSome({ table: (spec) => job.table(spec) }, log, counts.identifier, choices)
    if (!lot) return false
    if (lot.send.length > 0) lots.push(lot.send)
    // A former owner that still lives sends what it sent before.
    const again =
      choices.next(SENT_AGAIN_IN) === SENT_AGAIN_IN - 1 ? lots[choices.next(lots.length)] : undefined
    for (const { partition, value } of [...lot.send, ...(again ?? [])])
      append(topics.events, partition, null, value)
    if (lot.say) job.inject(lot.say)
    route(job.endBatch(), 0)
    sendOutbox()
    return true
  }

  /** Time passes for the tasks that are still dropping. */
  function dropMore(): boolean {
    const dropping = fragments.filter((driver) =>
      [...driver.table(filingRows).range('', '~')].some(([, filing]) => filing.dropping),
    )
    for (const driver of dropping) route(driver.endBatch(), fragments.indexOf(driver))
    return dropping.length > 0
  }

  /** What the edge does while a job fills: counts the log, sends, and says so. */
  function sendFills(): void {
    const running = job.table(runningRows).get('running')
    if (running?.phase !== 'fill') return
    for (const [partition, fill] of Object.entries(running.fills)) {
      const plan = planFill(running, fill)
      const fold = new FillFold(plan)
      const filled = readFolded(log, { ...plan, partition: Number(partition), after: '' })
        .map((event) => fold.take(event))
        .concat(fold.end())
      for (const each of filled)
        if (each) append(topics.events, Number(partition), null, fillRecord(running.job, each))
      job.inject({ filled: { job: running.job, partition: Number(partition), after: '', done: true } })
    }
    route(job.endBatch(), 0)
  }

  /** What the edge does with the outbox: sends, and says so. */
  function sendOutbox(): void {
    const rows = [...job.table(outboxRows).range('', '~')]
    if (rows.length === 0) return
    for (const [key, value] of rows) append(topics.events, outboxPartition(key), null, value)
    job.inject({ sent: rows.map(([key]) => key) })
    route(job.endBatch(), 0)
  }

  return {
    counts,
    fragments,
    profiles,
    job,
    folded: () => folded,
    event(event, options = {}) {
      const value = EventRecord.encode({ record: { $case: 'event', value: event } }).finish()
      const partition = partitionOf(event.anchor, counts.identifier)
      append(topics.events, partition, event.anchor, value, options.appendedMs)
    },
    assign(assignment) {
      const { identifierId } = assignment
      append(
        topics.assignments,
        partitionOf(identifierId, counts.identifier),
        identifierId,
        Assignment.encode(assignment).finish(),
      )
    },
    say(said) {
      const value = JobRecord.encode({ record: { $case: 'anchorSaid', value: said } }).finish()
      append(topics.jobs, 0, null, value)
    },
    configure(offset, jobs, live) {
      job.configuration(jobs, offset)
      route(job.endBatch(), 0)
      profiles.forEach((driver, partition) => {
        driver.configuration(live, offset)
        route(driver.endBatch(), partition)
      })
      sendOutbox()
    },
    settle(choices = inOrder) {
      for (;;) {
        const waiting = [...queues.values()].filter(({ records, read }) => read < records.length)
        if (waiting.length === 0) {
          if (sendFilings(choices) || dropMore()) continue
          return
        }
        if (choices.next(3) === 1) sendFilings(choices)
        const chosen = waiting[choices.next(waiting.length)]!
        const left = chosen.records.length - chosen.read
        const batch = left - choices.next(left)
        const driver = driverOf(chosen)
        for (let i = 0; i < batch; i++) {
          const record = chosen.records[chosen.read++]!
          driver.record(chosen.topic, { ...record, offset: chosen.read - 1 })
        }
        route(driver.endBatch(), chosen.partition)
        sendFills()
        sendOutbox()
      }
    },
    tick(nowMs) {
      clockMs = Math.max(clockMs, nowMs)
      profiles.forEach((driver, partition) => {
        driver.tick(nowMs)
        route(driver.endBatch(), partition)
      })
    },
    restart() {
      for (const driver of [...fragments, ...profiles, job]) driver.restart()
    },
    sent: (topic) => told.get(topic.name) ?? [],
  }
}
