/**
 * What people do during a run, made up from a seed, each event with the person it belongs to: the truth that the
 * auditor compares with. Pure.
 *
 * Invariants that the auditor's fold rests on:
 *  L1. Every person's identifiers are connected by linking events, and clients never give those up.
 *  L2. No identifier is used by two people.
 *  L3. No two events have the same event time; arrival order is not event order, and no time lies in the future.
 *  L4. A message id is made once; it is sent again with the same bytes only.
 */
import { createRandom, type Random } from '../demo/random.ts'

export type Source = 'app' | 'office' | 'till'

export interface LoadEvent {
  /** When it happens, ms since the load began. */
  atMs: number
  source: Source
  messageId: string
  /** Number of the person, from 0. */
  person: number
  /** The bytes that are sent. */
  body: string
  /** Whether identifiers are connected by it. */
  linking: boolean
  /** False for what the collector must refuse. */
  valid: boolean
}

export interface LoadOptions {
  seed: number
  durationMs: number
  perSecond: number
  /** Start of the load, ms since 1970. */
  nowMs: number
  /** Number of its first person, so that loads after each other share nobody; 0 without it. */
  firstPerson?: number
}

const DAY = 86_400_000
/** Event times lie in so many days before the run: deduplication by append time never sees them as old. */
const DAYS = 6
/** Events of one person: enough for several merges and orders. */
const EVENTS_EACH = 40
/** Longest time that a person is active, ms: so that merges happen all through a run. */
const LONGEST_LIFE_MS = 30_000
/** One in so many events is one that must be refused. */
const REFUSED_ONE_IN = 100

const PRODUCTS = ['scarf', 'lamp', 'mug', 'notebook', 'chair', 'candle', 'blanket', 'teapot']
const CITIES = ['Paris', 'Lyon', 'Lille', 'Nantes']
const PLANS = ['free', 'plus', 'pro']
const TIERS = ['bronze', 'silver', 'gold']

export function makeLoad(options: LoadOptions): LoadEvent[] {
  return new LoadMaker(options).make()
}

interface Person {
  number: number
  userId: string
  email: string
  card: string
  devices: [string, string]
}

class LoadMaker {
  readonly #random: Random
  readonly #options: LoadOptions
  readonly #events: LoadEvent[] = []
  readonly #times = new Set<number>()

  constructor(options: LoadOptions) {
    this.#options = options
    this.#random = createRandom(options.seed)
  }

  make(): LoadEvent[] {
    const { durationMs, perSecond, firstPerson = 0 } = this.#options
    const people = Math.max(4, Math.round((perSecond * durationMs) / 1000 / EVENTS_EACH))
    for (let number = 0; number < people; number++)
      this.#person(firstPerson + number, (number / people) * 0.9 * durationMs)
    return this.#events.sort((a, b) => a.atMs - b.atMs)
  }

  #person(number: number, arrivesMs: number): void {
    const r = this.#random
    const name = String(number).padStart(5, '0')
    const person: Person = {
      number,
      userId: `u-${name}`,
      email: `p${name}@chaos.example`,
      card: `C${name}${r.between(100, 999)}`,
      devices: [r.hex(32), r.hex(32)],
    }
    const life = Math.min(LONGEST_LIFE_MS, this.#options.durationMs - arrivesMs)
    const at = (from: number, to: number): number => arrivesMs + (from + r.next() * (to - from)) * life
    const [first, second] = person.devices

    for (let i = r.between(2, 4); i > 0; i--) this.#page(at(0, 0.3), person, first)
    for (let i = r.between(1, 2); i > 0; i--) this.#page(at(0, 0.6), person, second)
    for (let i = r.between(0, 2); i > 0; i--) this.#receipt(at(0, 0.3), person)
    this.#link(at(0.2, 0.4), 'app', person, {
      userId: person.userId,
      anonymousId: first,
      traits: { email: person.email, plan: r.pick(PLANS), city: r.pick(CITIES) },
    })
    this.#link(at(0.3, 0.9), 'office', person, {
      userId: person.userId,
      traits: {
        email: person.email,
        loyalty_id: person.card,
        tier: r.pick(TIERS),
        city: r.pick(CITIES),
      },
    })
    this.#link(at(0.5, 0.9), 'app', person, { userId: person.userId, anonymousId: second })
    for (let i = 0; i < EVENTS_EACH - 12; i++) this.#something(at(0, 1), person)
  }

  #something(atMs: number, person: Person): void {
    const r = this.#random
    const kind = r.next()
    if (r.between(1, REFUSED_ONE_IN) === 1) {
      // A track without a name.
      this.#push(atMs, 'office', person, { type: 'track', userId: person.userId }, { valid: false })
    } else if (kind < 0.25) {
      this.#push(atMs, 'app', person, {
        type: 'track',
        event: 'Order Completed',
        userId: person.userId,
        properties: { total: r.between(390, 18_990) / 100, product: r.pick(PRODUCTS) },
      })
    } else if (kind < 0.5) this.#receipt(atMs, person)
    else if (kind < 0.65) {
      this.#push(atMs, 'office', person, {
        type: 'track',
        event: 'Email Opened',
        context: { traits: { email: person.email } },
      })
    } else if (kind < 0.75) {
      this.#push(atMs, 'app', person, {
        type: 'identify',
        userId: person.userId,
        traits: { plan: r.pick(PLANS) },
      })
    } else if (kind < 0.85) {
      this.#push(atMs, 'office', person, {
        type: 'identify',
        userId: person.userId,
        traits: { tier: r.pick(TIERS), city: r.pick(CITIES) },
      })
    } else this.#page(atMs, person, r.pick(person.devices))
  }

  #page(atMs: number, person: Person, device: string): void {
    this.#push(atMs, 'app', person, {
      type: 'page',
      anonymousId: device,
      name: this.#random.pick(['Home', 'Product', 'Basket']),
    })
  }

  #link(atMs: number, source: Source, person: Person, fields: Record<string, unknown>): void {
    this.#push(atMs, source, person, { type: 'identify', ...fields }, { linking: true })
  }

  /** As a till writes it: two decimals, its own field names. */
  #receipt(atMs: number, person: Person): void {
    const receiptId = this.#messageId()
    const total = (this.#random.between(200, 9_000) / 100).toFixed(2)
    const body =
      `{"receiptId":"${receiptId}","soldAt":"${this.#time()}","card":"${person.card}",` +
      `"product":"${this.#random.pick(PRODUCTS)}","total":${total}}`
    this.#events.push({
      atMs,
      source: 'till',
      messageId: receiptId,
      person: person.number,
      body,
      linking: false,
      valid: true,
    })
  }

  #push(
    atMs: number,
    source: Source,
    person: Person,
    fields: Record<string, unknown>,
    { linking = false, valid = true }: { linking?: boolean; valid?: boolean } = {},
  ): void {
    const messageId = this.#messageId()
    const body = JSON.stringify({ messageId, timestamp: this.#time(), ...fields })
    this.#events.push({ atMs, source, messageId, person: person.number, body, linking, valid })
  }

  #messageId(): string {
    return `m-${this.#random.hex(16)}`
  }

  #time(): string {
    const { nowMs } = this.#options
    for (;;) {
      const time = nowMs - this.#random.between(60_000, DAYS * DAY)
      if (this.#times.has(time)) continue
      this.#times.add(time)
      return new Date(time).toISOString()
    }
  }
}
