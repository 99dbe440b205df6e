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
 *  G5. Records that are durable give their memory back; whoever submitted them does not read them again. What failed, and what
 *      was given up while a request may still be under way, does not: it may be sent again.
 *  G6. After a failure, submissions are refused at once while one of them tries whether Kafka is back. Nothing queues
 *      up behind a broker that is away, and no restart is needed when it returns.
 */
import { type TakenLane, createLaneQueues, laneKey } from './laneQueues.ts'
import { releaseRecords } from './eventRecord.ts'
import { type OutgoingRecord, type RecordSender, type WrittenRange } from './outgoing.ts'

/**
 * Of records that wait: from here on a second request side by side is worth its cost. Fewer and larger ones also make answers,
 * and the requests that follow them, come together, which costs less in the kernel; that is worth more than the request.
 */
const WORTH_A_REQUEST_BYTES = 256 * 1024

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
  readonly records: readonly OutgoingRecord[]
  /** Records not yet acknowledged. */
  left: number
  settled: boolean
  /** One per partition. */
  readonly positions: { readonly partition: number; offset: number }[]
  readonly resolve: (positions: WrittenPosition[]) => void
  readonly reject: (error: NotDurable) => void
  readonly untilMs: number
}

export function createGroupCommit(options: {
  readonly sender: RecordSender
  readonly inFlight: number
  readonly timeoutMs: number
  readonly onHealth?: (healthy: boolean, error?: unknown) => void
}): GroupCommit {
  const { sender, timeoutMs } = options
  const queues = createLaneQueues<Submission>()
  const pending = new Set<Submission>()
  let sending = 0
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
    else {
      releaseRecords(submission.records)
      submission.resolve(submission.positions)
    }
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
      while (sending < options.inFlight && !queues.empty) {
        if (sending > 0 && queues.bytes < WORTH_A_REQUEST_BYTES) return
        const lanes = queues.take(isSettled)
        if (lanes.length === 0) return
        void produce(lanes)
      }
    })
  }

  async function produce(lanes: readonly TakenLane<Submission>[]): Promise<void> {
    sending++
    try {
      acknowledge(lanes, await answerWithin(timeoutMs, sender.send(lanes)))
      setHealthy(true)
    } catch (error) {
      setHealthy(false, error)
      const outcome = new NotDurable('failed', 'Kafka did not acknowledge the events', error)
      for (const { parts } of lanes) for (const { submission } of parts) settle(submission, outcome)
    } finally {
      sending--
      if (!queues.empty) schedule()
    }
  }

  function acknowledge(lanes: readonly TakenLane<Submission>[], ranges: readonly WrittenRange[]): void {
    const offsets = new Map(ranges.map((range) => [laneKey(range), range.baseOffset]))
    for (const lane of lanes) {
      let offset = offsets.get(laneKey(lane))
      if (offset === undefined)
        throw new Error(`the answer of the broker does not mention ${lane.topic}/${lane.partition}`)
      // Older brokers do not say where; then the position names the other partitions only.
      const told = lane.topic === 'events' && offset >= 0
      for (const { submission, records } of lane.parts) {
        offset += records
        if (told) reached(submission, lane.partition, offset - 1)
        submission.left -= records
        if (submission.left === 0) settle(submission, undefined)
      }
    }
  }

  function submit(records: readonly OutgoingRecord[]): Promise<WrittenPosition[]> {
    if (stopped) return Promise.reject(new NotDurable('stopped', 'the collector is stopping'))
    if (!healthy && pending.size > 0)
      return Promise.reject(new NotDurable('unavailable', 'Kafka cannot be reached at the moment'))
    if (records.length === 0) return Promise.resolve([])
    return new Promise((resolve, reject) => {
      const submission: Submission = {
        records,
        left: records.length,
        settled: false,
        positions: [],
        resolve,
        reject,
        untilMs: performance.now() + timeoutMs,
      }
      pending.add(submission)
      timer ??= setTimeout(giveUpLate, timeoutMs).unref()
      for (const record of records) queues.add(record, submission)
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

function isSettled({ settled }: Submission): boolean {
  return settled
}

function reached({ positions }: Submission, partition: number, offset: number): void {
  for (const position of positions) {
    if (position.partition !== partition) continue
    if (offset > position.offset) position.offset = offset
    return
  }
  positions.push({ partition, offset })
}
