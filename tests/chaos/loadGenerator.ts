/**
 * Plays the made-up load through real clients: HTTP batches to whichever collector answers, and tills that write to
 * Kafka. Clients try again like SDKs do, with the same bytes, until they have an answer; the impatient ones give up
 * after their first try, as a page that is closed. Some repeat what was acknowledged long ago.
 *
 * 1. At most MAX_UNDER_WAY requests at once; what is due waits meanwhile, so memory is bounded and nothing is left out.
 * 2. Every try is in the ledger before it is made.
 */
import { Kafka, logLevel, type Producer } from 'kafkajs'
import { setTimeout as sleep } from 'node:timers/promises'
import type { Random } from '../demo/random.ts'
import type { Ledger } from './ledger.ts'
import type { LoadEvent, Source } from './madeLoad.ts'

export interface LoadDoors {
  /** Base URLs of the collectors that there are now. */
  collectors(): string[]
  brokers: string
  receiptTopic: string
  writeKeys: Record<string, string>
  /** How long a client waits for its answer, ms; what analytics-node waits without it. */
  answerTimeoutMs?: number
}

export interface LoadCounts {
  requests: number
  retries: number
  repeats: number
  underWay: number
  /** Requests over HTTP by what came back: a status, or why there was none. */
  answers: Record<string, number>
}

/** How often due events are sent, ms: batches of a few events. */
const TICK_MS = 100
const MAX_UNDER_WAY = 400
/** What analytics-node waits for an answer. */
const ANSWER_TIMEOUT_MS = 10_000
const IMPATIENT_TIMEOUT_MS = 1_500
const FIRST_PAUSE_MS = 100
const LONGEST_PAUSE_MS = 3_000
/** Share of batches whose client gives up, and of events that are sent again though acknowledged. */
const IMPATIENT = 0.06
const REPEATED = 0.03
const REPEAT_AFTER_MS = [500, 20_000] as const

export class LoadGenerator {
  readonly counts: LoadCounts = { requests: 0, retries: 0, repeats: 0, underWay: 0, answers: {} }
  readonly #doors: LoadDoors
  readonly #ledger: Ledger
  readonly #random: Random
  readonly #stopped = new AbortController()
  readonly #underWay = new Set<Promise<void>>()
  readonly #repeats: { atMs: number; event: LoadEvent }[] = []
  #producer: Promise<Producer> | undefined
  #failure: unknown

  constructor(doors: LoadDoors, ledger: Ledger, random: Random) {
    this.#doors = doors
    this.#ledger = ledger
    this.#random = random
  }

  /** Resolves when everything has been sent and answered or given up. */
  async play(load: readonly LoadEvent[]): Promise<void> {
    const started = performance.now()
    let next = 0
    while (next < load.length || this.#repeats.length > 0) {
      this.#stopped.signal.throwIfAborted()
      if (this.#failure !== undefined) throw this.#failure
      const now = performance.now() - started
      if (this.#underWay.size < MAX_UNDER_WAY) {
        const due: LoadEvent[] = []
        while (next < load.length && load[next]!.atMs <= now) due.push(load[next++]!)
        // What is left of the repeats goes with the last events.
        const until = next < load.length ? now : Infinity
        for (const repeat of this.#repeats.splice(0)) {
          if (repeat.atMs <= until) {
            this.counts.repeats++
            due.push(repeat.event)
          } else this.#repeats.push(repeat)
        }
        this.#send(due, now)
      }
      await sleep(TICK_MS)
    }
    while (this.#underWay.size > 0) await Promise.race(this.#underWay)
    if (this.#failure !== undefined) throw this.#failure
    await this.#closeProducer()
  }

  async stop(): Promise<void> {
    this.#stopped.abort(new Error('the load was stopped'))
    await Promise.allSettled(this.#underWay)
    await this.#closeProducer()
  }

  #send(due: readonly LoadEvent[], now: number): void {
    const groups = new Map<string, LoadEvent[]>()
    for (const event of due) {
      const key = `${event.source} ${event.linking}`
      groups.set(key, [...(groups.get(key) ?? []), event])
    }
    for (const events of groups.values()) {
      const { source, linking } = events[0]!
      const impatient = !linking && source !== 'till' && this.#random.chance(IMPATIENT)
      const sending = this.#deliver(source, events, impatient)
        .catch((error: unknown) => void (this.#failure ??= error))
        .finally(() => {
          this.#underWay.delete(sending)
          this.counts.underWay = this.#underWay.size
        })
      this.#underWay.add(sending)
      for (const event of events)
        if (event.valid && this.#random.chance(REPEATED))
          this.#repeats.push({ atMs: now + this.#random.between(...REPEAT_AFTER_MS), event })
    }
    this.counts.underWay = this.#underWay.size
  }

  async #deliver(source: Source, events: LoadEvent[], impatient: boolean): Promise<void> {
    let pause = FIRST_PAUSE_MS
    for (let first = true; ; first = false) {
      this.#ledger.sent(events)
      this.counts.requests++
      if (!first) this.counts.retries++
      const answered =
        source === 'till' ? await this.#produce(events) : await this.#post(source, events, impatient)
      if (answered) return
      if (impatient || this.#stopped.signal.aborted) {
        this.#ledger.gaveUp(events)
        return
      }
      await sleep(pause * (0.5 + this.#random.next() / 2))
      pause = Math.min(pause * 2, LONGEST_PAUSE_MS)
    }
  }

  /** A till whose write fails opens a new connection for the next try. */
  async #produce(events: LoadEvent[]): Promise<boolean> {
    this.#producer ??= this.#openProducer()
    const using = this.#producer
    const late = new AbortController()
    try {
      const producer = await using
      const send = producer.send({
        topic: this.#doors.receiptTopic,
        acks: -1,
        messages: events.map(({ messageId, body }) => ({ key: messageId, value: body })),
      })
      const answered = await Promise.race([
        send.then(() => true),
        sleep(ANSWER_TIMEOUT_MS, false, { signal: late.signal }),
      ])
      if (!answered) throw new Error('no answer')
    } catch {
      if (this.#producer === using) void this.#closeProducer()
      return false
    } finally {
      late.abort()
    }
    for (const event of events) this.#ledger.acknowledged(event, 'accepted')
    return true
  }

  async #openProducer(): Promise<Producer> {
    const producer = new Kafka({
      clientId: 'tills',
      brokers: [this.#doors.brokers],
      logLevel: logLevel.NOTHING,
      requestTimeout: ANSWER_TIMEOUT_MS,
      retry: { retries: 2 },
    }).producer({ allowAutoTopicCreation: false })
    await producer.connect()
    return producer
  }

  async #closeProducer(): Promise<void> {
    const closing = this.#producer
    this.#producer = undefined
    await closing?.then((producer) => producer.disconnect()).catch(() => {})
  }

  async #post(source: Source, events: LoadEvent[], impatient: boolean): Promise<boolean> {
    const key = this.#doors.writeKeys[source]!
    const collectors = this.#doors.collectors()
    if (collectors.length === 0) return false
    let answer: { status: number; text: string }
    try {
      const response = await fetch(`${this.#random.pick(collectors)}/v1/batch`, {
        method: 'POST',
        headers: { 'content-type': 'application/json', 'x-write-key': key },
        body: `{"batch":[${events.map(({ body }) => body).join(',')}]}`,
        signal: AbortSignal.timeout(
          impatient ? IMPATIENT_TIMEOUT_MS : (this.#doors.answerTimeoutMs ?? ANSWER_TIMEOUT_MS),
        ),
      })
      answer = { status: response.status, text: await response.text() }
    } catch (error) {
      this.#count(impatient && isTimeout(error) ? 'client gave up' : whyNoAnswer(error))
      return false
    }
    this.#count(String(answer.status))
    if (answer.status === 429 || answer.status >= 500) return false
    if (answer.status !== 200)
      throw new Error(`a collector answered ${answer.status} to a batch of ${source}: ${answer.text}`)
    const { rejected } = JSON.parse(answer.text) as { rejected: { index: number; code: string }[] }
    const refused = new Set(rejected.map(({ index }) => index))
    for (const [index, event] of events.entries())
      this.#ledger.acknowledged(event, refused.has(index) ? 'rejected' : 'accepted')
    return true
  }

  #count(answer: string): void {
    this.counts.answers[answer] = (this.counts.answers[answer] ?? 0) + 1
  }
}

function isTimeout(error: unknown): boolean {
  return error instanceof Error && error.name === 'TimeoutError'
}

function whyNoAnswer(error: unknown): string {
  if (isTimeout(error)) return 'no answer in time'
  const { cause, message } = error as Error & { cause?: { code?: string; message?: string } }
  return cause?.code ?? cause?.message ?? message
}
