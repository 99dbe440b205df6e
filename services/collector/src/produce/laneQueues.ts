/** What waits for a produce request: per topic and partition, first in, first out. */
import { type OutgoingLane, type OutgoingRecord } from './outgoing.ts'

/** Of one partition in one produce request: encoding it blocks the process for a few milliseconds. */
export const MAX_PARTITION_RECORDS = 1000
/** One record batch, which must stay under the topic's max.message.bytes. */
export const MAX_PARTITION_BYTES = 880_000
/** Of a whole produce request, likewise. */
const MAX_REQUEST_BYTES = 7_500_000
/** What a record costs beside key and value, at most: lengths, deltas, and the headers of a reject. */
const RECORD_OVERHEAD_BYTES = 512

/** Records of one submission in one lane of a produce request. */
interface Part<S> {
  readonly submission: S
  records: number
}

/** A lane, and whose records it holds: in the order of the records. */
export interface TakenLane<S> extends OutgoingLane {
  readonly records: OutgoingRecord[]
  readonly parts: readonly Part<S>[]
}

export interface LaneQueues<S> {
  add(record: OutgoingRecord, submission: S): void
  /** The next produce request: from each lane as much as fits; what `isSettled` is left out. */
  take(isSettled: (submission: S) => boolean): TakenLane<S>[]
  readonly empty: boolean
  /** Of the values that wait, bytes; what was left out still counts until nothing waits. */
  readonly bytes: number
}

/** Records that one submission brought, next to each other. */
interface Run<S> {
  readonly submission: S
  readonly records: OutgoingRecord[]
  /** So many of them have been taken. */
  taken: number
}

interface Queue<S> {
  readonly topic: OutgoingRecord['topic']
  readonly partition: number
  runs: Run<S>[]
  /** Index of the first run that is not done: nothing is moved at each take. */
  next: number
}

/** Runs that are done are let go when there are so many of them. */
const LET_GO_RUNS = 4096

export function createLaneQueues<S>(): LaneQueues<S> {
  const queues = new Map<number, Queue<S>>()
  let bytes = 0

  return {
    add(record, submission) {
      bytes += record.value.length
      const key = laneKey(record)
      const queue = queues.get(key)
      if (!queue) {
        const run = { submission, records: [record], taken: 0 }
        queues.set(key, { topic: record.topic, partition: record.partition, runs: [run], next: 0 })
        return
      }
      const last = queue.runs.at(-1)!
      if (last.submission === submission) last.records.push(record)
      else queue.runs.push({ submission, records: [record], taken: 0 })
    },
    take(isSettled) {
      const lanes: TakenLane<S>[] = []
      let requestBytes = 0
      for (const [key, queue] of queues) {
        const { lane, size, valueBytes } = takeLane(
          queue,
          MAX_REQUEST_BYTES - requestBytes,
          lanes.length === 0,
          isSettled,
        )
        requestBytes += size
        bytes -= valueBytes
        if (lane) lanes.push(lane)
        if (queue.next === queue.runs.length) queues.delete(key)
        else if (queue.next > LET_GO_RUNS) {
          queue.runs = queue.runs.slice(queue.next)
          queue.next = 0
        }
      }
      if (queues.size === 0) bytes = 0
      return lanes
    },
    get empty() {
      return queues.size === 0
    },
    get bytes() {
      return bytes
    },
  }
}

/** `first`: a record that is alone too large for a bound is sent all the same, alone. */
function takeLane<S>(
  queue: Queue<S>,
  room: number,
  first: boolean,
  isSettled: (submission: S) => boolean,
): { lane: TakenLane<S> | undefined; size: number; valueBytes: number } {
  const records: OutgoingRecord[] = []
  const parts: Part<S>[] = []
  let size = 0
  let valueBytes = 0
  let full = false
  while (!full && queue.next < queue.runs.length) {
    const run = queue.runs[queue.next]!
    if (!isSettled(run.submission)) {
      const before = records.length
      while (run.taken < run.records.length) {
        const record = run.records[run.taken]!
        const recordSize = record.value.length + record.key.length + RECORD_OVERHEAD_BYTES
        full =
          records.length === MAX_PARTITION_RECORDS ||
          (records.length > 0 && size + recordSize > MAX_PARTITION_BYTES) ||
          ((records.length > 0 || !first) && size + recordSize > room)
        if (full) break
        records.push(record)
        run.taken++
        size += recordSize
        valueBytes += record.value.length
      }
      if (records.length > before)
        parts.push({ submission: run.submission, records: records.length - before })
    }
    if (!full) queue.next++
  }
  const { topic, partition } = queue
  return { lane: records.length > 0 ? { topic, partition, records, parts } : undefined, size, valueBytes }
}

/** Topic and partition as one number. */
export function laneKey({
  topic,
  partition,
}: {
  readonly topic: string
  readonly partition: number
}): number {
  return topic === 'events' ? partition : -1 - partition
}
