/** Shoppers whose events are sent and whose profiles are asked for meanwhile: what is answered is held to what was sent. */
import { type ServiceError } from '@grpc/grpc-js'
import { setTimeout as sleep } from 'node:timers/promises'
import { type Event, EventType } from '@tributary/contracts/generated/tributary/event/v1/event'
import { grpcStatus } from '@tributary/service-kit'
import { type ServiceProcess } from '../../../deploy/local/src/serviceProcess.ts'
import { type ProfileInstallation } from '../profile/profileInstallation.ts'

export interface Answers {
  answered: number
  unavailable: number
  /** What should never have been answered, or was refused without saying what to do. */
  readonly wrong: string[]
}

/** Between two sends, ms, and events of one: a few hundred a second, so that every partition is always busy. */
const SEND_EVERY_MS = 50
const EVENTS_AT_ONCE = 15
const ASKERS = 3
/** Between two questions of one asker, ms. */
const ASK_EVERY_MS = 5

export class Shoppers {
  readonly names: readonly string[]
  /** Events begun to be sent, by person: nobody can have more. */
  readonly sent = new Map<string, number>()
  readonly answers: Answers = { answered: 0, unavailable: 0, wrong: [] }
  readonly #installation: ProfileInstallation
  /** Most events any answer has told, by person: no later question may be told fewer. */
  readonly #told = new Map<string, number>()
  #number = 0

  static #groups = 0

  constructor(installation: ProfileInstallation, prefix: string, people: number) {
    this.#installation = installation
    // A test that is tried again must not meet the people of its first try.
    prefix += Shoppers.#groups++
    this.names = Array.from({ length: people }, (_, i) => `${prefix}-${i}`)
  }

  get total(): number {
    return [...this.sent.values()].reduce((sum, count) => sum + count, 0)
  }

  async send(count: number): Promise<void> {
    const events = Array.from({ length: count }, () => {
      const name = this.names[(this.#number * 7) % this.names.length]!
      this.sent.set(name, (this.sent.get(name) ?? 0) + 1)
      return this.#event(name, `${this.names[0]}-m${this.#number++}`)
    })
    await this.#installation.send(events)
  }

  /** Sends and asks, every instance that `live` names, until `during` is over. */
  async load(live: () => readonly ServiceProcess[], during: () => Promise<void>): Promise<void> {
    const ended = new AbortController()
    const sender = (async () => {
      while (!ended.signal.aborted) {
        await this.send(EVENTS_AT_ONCE)
        await sleep(SEND_EVERY_MS)
      }
    })()
    const askers = Array.from({ length: ASKERS }, async (_, asker) => {
      for (let n = asker; !ended.signal.aborted; n++) {
        const instances = live()
        await this.ask(instances[n % instances.length]!, this.names[(n * 11) % this.names.length]!, live)
        await sleep(ASK_EVERY_MS)
      }
    })
    try {
      await during()
    } finally {
      ended.abort()
      await Promise.all([sender, ...askers])
    }
  }

  /** Undefined when it was not answered. An instance that is no longer live owes no answer. */
  async ask(
    instance: ServiceProcess,
    name: string,
    live: () => readonly ServiceProcess[] = () => [instance],
  ): Promise<number | undefined> {
    const { answers } = this
    const atLeast = this.#told.get(name) ?? 0
    try {
      const events = (await this.#installation.get(instance, 'user_id', name))?.events ?? 0
      answers.answered++
      const atMost = this.sent.get(name) ?? 0
      if (events < atLeast || events > atMost)
        answers.wrong.push(`${instance.instance}: ${name} has ${events} events, not ${atLeast} to ${atMost}`)
      this.#told.set(name, Math.max(events, this.#told.get(name) ?? 0))
      return events
    } catch (error) {
      const { code, details, metadata } = error as ServiceError
      const hinted = metadata?.get('grpc-retry-pushback-ms').length > 0
      if (code === grpcStatus.NOT_FOUND && atLeast === 0) answers.answered++
      else if (code === grpcStatus.UNAVAILABLE && hinted) answers.unavailable++
      else if (live().includes(instance)) answers.wrong.push(`${instance.instance}: ${code} ${details}`)
      return undefined
    }
  }

  #event(name: string, messageId: string): Event {
    const now = Date.now()
    const id = this.#installation.hash('user_id', 1, name)
    return {
      messageId,
      messageIdGenerated: false,
      sourceId: 'web',
      type: EventType.EVENT_TYPE_TRACK,
      name: 'Viewed',
      anchor: id,
      identifiers: [{ type: 'user_id', value: name, id }],
      timeMs: now,
      receivedTimeMs: now,
      timeFlags: [],
      raw: Buffer.from('{}'),
      origin: `test:${messageId}`,
      identityRules: 'r',
      trusted: true,
      epoch: 1,
    }
  }
}
