/**
 * The load generator's own books, apart from everything the product keeps: what was sent, what was acknowledged, what
 * its clients gave up. A file of one JSON object a line, so that a run can be looked at afterwards.
 */
import { createWriteStream, type WriteStream } from 'node:fs'
import { mkdir } from 'node:fs/promises'
import { dirname } from 'node:path'
import type { LoadEvent } from './madeLoad.ts'

/** Source and message id: what makes an event one. */
export type EventKey = string

export function eventKey({ source, messageId }: { source: string; messageId: string }): EventKey {
  return `${source} ${messageId}`
}

export type Answer = 'accepted' | 'rejected'

export interface LedgerEntry {
  event: LoadEvent
  /** Requests it was in, the first included. */
  attempts: number
  /** What the first acknowledgement said; undefined while there is none. */
  answer?: Answer
  acknowledgements: number
  /** Clients stopped trying without an answer: it may be there or not. */
  gaveUp: boolean
}

export class Ledger {
  readonly #file: WriteStream
  readonly #entries = new Map<EventKey, LedgerEntry>()
  #answered = 0

  private constructor(file: WriteStream) {
    this.#file = file
  }

  static async open(path: string): Promise<Ledger> {
    await mkdir(dirname(path), { recursive: true })
    return new Ledger(createWriteStream(path))
  }

  sent(events: readonly LoadEvent[]): void {
    for (const event of events) {
      const key = eventKey(event)
      const entry = this.#entries.get(key)
      if (entry) entry.attempts++
      else {
        this.#entries.set(key, { event, attempts: 1, acknowledgements: 0, gaveUp: false })
        this.#write({ sent: key, person: event.person, body: event.body })
      }
    }
  }

  acknowledged(event: LoadEvent, answer: Answer): void {
    const entry = this.#entries.get(eventKey(event))!
    entry.acknowledgements++
    if (entry.answer === undefined) {
      entry.answer = answer
      this.#answered++
      this.#write({ acknowledged: eventKey(event), answer })
    } else if (entry.answer !== answer) {
      throw new Error(`${eventKey(event)} was ${entry.answer} at first and is ${answer} now`)
    }
  }

  gaveUp(events: readonly LoadEvent[]): void {
    for (const event of events) {
      const entry = this.#entries.get(eventKey(event))!
      if (entry.answer !== undefined) continue
      entry.gaveUp = true
      this.#write({ gaveUp: eventKey(event) })
    }
  }

  /** Events with an acknowledgement, refused ones included. */
  answered(): number {
    return this.#answered
  }

  entries(): ReadonlyMap<EventKey, LedgerEntry> {
    return this.#entries
  }

  async close(): Promise<void> {
    await new Promise<void>((resolve) => this.#file.end(() => resolve()))
  }

  #write(line: object): void {
    this.#file.write(`${JSON.stringify(line)}\n`)
  }
}
