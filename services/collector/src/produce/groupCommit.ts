/**
 * Concurrent requests share a produce request: while one is on the wire, what arrives waits and goes with the next.
 * So cost per request falls as load rises, and one request alone waits for nothing.
 *
 *  G1. A submission resolves only when every one of its records was acknowledged, and rejects otherwise; never both,
 *      never neither: whatever the sender does, it is settled within the time-out.
 *  G2. A produce request holds at most MAX_PARTITION_RECORDS and MAX_PARTITION_BYTES per partition, so no record batch
 *      is larger than the broker takes. A submission of any size is spread over as many as it needs; what is spread
 *      lies in any order, since several requests are under way at once.
 *  G3. A produce request that is never answered is given up after the time-out: its place is free again.
 *  G4. While a produce request is on the wire, another follows only when there is enough for it to be worth its cost;
 *      what is less waits for the answer. So many small requests become few produce requests, without a pause for any.
 *  G5. After a failure, submissions are refused at once while one of them tries whether Kafka is back. Nothing queues
 *      up behind a broker that is away, and no restart is needed when it returns.
 */
import { type OutgoingRecord, type RecordSender, type WrittenRange } from './outgoing.ts'

/** Of one partition in one produce request: encoding it blocks the process for a few milliseconds. */
export const MAX_PARTITION_RECORDS = 1000
/** One record batch, which must stay under the topic's max.message.bytes. */
export const MAX_PARTITION_BYTES = 880_000
/** Of a whole produce request, likewise. */
const MAX_REQUEST_BYTES = 7_500_000
/** Of records that wait: a produce request of its own costs as much as encoding about so much. */
const WORTH_A_REQUEST_BYTES = 64 * 1024
/** What a record costs beside key and value, at most: lengths, deltas, and the headers of a reject. */
const RECORD_OVERHEAD_BYTES = 512

/** The highest offset written to a partition of the events topic. */
export interface WrittenPosition {
  readonly partition: number
  readonly offset: number
}

/** Kafka has not acknowledged: the records may or may not be there, and may be sent again. */
export class NotDurable extends Error {
  override readonly name = 'NotDurable'
  readonly reason: 'failed' | 'timeout' | 'unavailable' | 'stopped'
  constructor(reason: NotDurable['reason'], message: string, cause?: unknown) {
    super(message, { cause })
    this.reason = reason
  }
}

export interface GroupCommit {
  /** Resolves with the positions in the events topic once all records are durable; else rejects with NotDurable. */
  submit(records: readonly OutgoingRecord[]): Promise<WrittenPosition[]>
  /** Whether the last produce request succeeded, or none has been tried. */
  isHealthy(): boolean
  /** Settles what was submitted, refuses what comes. */
  stop(): Promise<void>
}

interface Submission {
  /** Records not yet acknowledged. */
  left: number
  settled: boolean
  readonly positions: Map<number, number>
  readonly resolve: (positions: WrittenPosition[]) => void
  readonly reject: (error: NotDurable) => void
  readonly untilMs: number
}

interface Queued {
  readonly record: OutgoingRecord
  readonly submission: Submission
}

/** First in, first out, without moving what is left at each take. */
interface Lane {
  queued: Queued[]
  next: number
}

export function createGroupCommit(options: {
  readonly sender: RecordSender
  readonly inFlight: number
  readonly timeoutMs: number
  readonly onHealth?: (healthy: boolean, error?: unknown) => void
}): GroupCommit {
  const { sender, timeoutMs } = options
  /** By topic and partition, as one number. */
  const lanes = new Map<number, Lane>()
  const pending = new Set<Submission>()
  let sending = 0
  let waitingBytes = 0
  let timer: NodeJS.Timeout | undefined
  let scheduled = false
  let healthy = true
  let stopped = false
  let onIdle: (() => void) | undefined

  function setHealthy(now: boolean, error?: unknown): void {
    if (healthy === now) return
    healthy = now
    options.onHealth?.(now, error)
  }

  function settle(submission: Submission, outcome: NotDurable | undefined): void {
    if (submission.settled) return
    submission.settled = true
    pending.delete(submission)
    if (outcome) submission.reject(outcome)
    else submission.resolve([...submission.positions].map(([partition, offset]) => ({ partition, offset })))
    if (pending.size === 0) onIdle?.()
  }

  /** All wait equally long, so the first in is the first to be given up: one timer serves all. */
  function giveUpLate(): void {
    timer = undefined
    for (const submission of pending) {
      const left = submission.untilMs - performance.now()
      if (left > 0) {
        timer = setTimeout(giveUpLate, left).unref()
        return
      }
      const outcome = new NotDurable('timeout', `Kafka did not acknowledge within ${timeoutMs} ms`)
      setHealthy(false, outcome)
      settle(submission, outcome)
    }
  }

  function schedule(): void {
    if (scheduled) return
    scheduled = true
    // After the current turn of the loop: all requests that arrived in it go together.
    setImmediate(() => {
      scheduled = false
      while (sending < options.inFlight && lanes.size > 0) {
        if (sending > 0 && waitingBytes < WORTH_A_REQUEST_BYTES) return
        const group = takeGroup(lanes)
        // Given-up records leave with the lanes, uncounted.
        if (lanes.size === 0) waitingBytes = 0
        else for (const { record } of group) waitingBytes -= record.value.length
        if (group.length === 0) return
        void produce(group)
      }
    })
  }

  async function produce(group: readonly Queued[]): Promise<void> {
    sending++
    try {
      const ranges = await answerWithin(timeoutMs, sender.send(group.map((each) => each.record)))
      acknowledge(group, ranges)
      setHealthy(true)
    } catch (error) {
      setHealthy(false, error)
      const outcome = new NotDurable('failed', 'Kafka did not acknowledge the events', error)
      for (const { submission } of group) settle(submission, outcome)
    } finally {
      sending--
      if (lanes.size > 0) schedule()
    }
  }

  function acknowledge(group: readonly Queued[], ranges: readonly WrittenRange[]): void {
    const next = new Map(ranges.map((range) => [laneKey(range), range.baseOffset]))
    for (const { record, submission } of group) {
      const key = laneKey(record)
      const offset = next.get(key)
      if (offset === undefined)
        throw new Error(`the answer of the broker does not mention ${record.topic}/${record.partition}`)
      next.set(key, offset + 1)
      // Older brokers do not say where; then the position names the other partitions only.
      if (record.topic === 'events' && offset >= 0)
        submission.positions.set(
          record.partition,
          Math.max(offset, submission.positions.get(record.partition) ?? 0),
        )
      submission.left--
      if (submission.left === 0) settle(submission, undefined)
    }
  }

  function submit(records: readonly OutgoingRecord[]): Promise<WrittenPosition[]> {
    if (stopped) return Promise.reject(new NotDurable('stopped', 'the collector is stopping'))
    if (!healthy && pending.size > 0)
      return Promise.reject(new NotDurable('unavailable', 'Kafka cannot be reached at the moment'))
    if (records.length === 0) return Promise.resolve([])
    return new Promise((resolve, reject) => {
      const submission: Submission = {
        left: records.length,
        settled: false,
        positions: new Map(),
        resolve,
        reject,
        untilMs: performance.now() + timeoutMs,
      }
      pending.add(submission)
      timer ??= setTimeout(giveUpLate, timeoutMs).unref()
      for (const record of records) {
        waitingBytes += record.value.length
        const key = laneKey(record)
        const lane = lanes.get(key)
        if (lane) lane.queued.push({ record, submission })
        else lanes.set(key, { queued: [{ record, submission }], next: 0 })
      }
      schedule()
    })
  }

  async function stop(): Promise<void> {
    stopped = true
    if (pending.size > 0)
      await new Promise<void>((resolve) => {
        onIdle = resolve
      })
    clearTimeout(timer)
  }

  return { submit, isHealthy: () => healthy, stop }
}

/** Rejects when there is no answer in time (G3). What comes later is heard by nobody. */
function answerWithin<T>(timeoutMs: number, answer: Promise<T>): Promise<T> {
  return new Promise((resolve, reject) => {
    const timer = setTimeout(() => {
      reject(new Error(`no answer to a produce request within ${timeoutMs} ms`))
    }, timeoutMs)
    answer.then(resolve, reject).finally(() => {
      clearTimeout(timer)
    })
  })
}

function laneKey({ topic, partition }: { readonly topic: string; readonly partition: number }): number {
  return topic === 'events' ? partition : -1 - partition
}

/** The next produce request: from each lane as much as fits (G2); what was given up is left out. */
function takeGroup(lanes: Map<number, Lane>): Queued[] {
  const group: Queued[] = []
  let requestBytes = 0
  for (const [key, lane] of lanes) {
    let records = 0
    let bytes = 0
    while (lane.next < lane.queued.length) {
      const each = lane.queued[lane.next]!
      const size = each.record.value.length + each.record.key.length + RECORD_OVERHEAD_BYTES
      const full =
        records === MAX_PARTITION_RECORDS ||
        (records > 0 && bytes + size > MAX_PARTITION_BYTES) ||
        (group.length > 0 && requestBytes + size > MAX_REQUEST_BYTES)
      if (full) break
      lane.next++
      if (each.submission.settled) continue
      group.push(each)
      records++
      bytes += size
      requestBytes += size
    }
    if (lane.next === lane.queued.length) lanes.delete(key)
    else if (lane.next > 4096) {
      lane.queued = lane.queued.slice(lane.next)
      lane.next = 0
    }
  }
  return group
}
