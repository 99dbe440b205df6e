/**
 * What each person's profile must be, folded from the bytes that were sent. Written for the auditor alone and sharing
 * nothing with the product: a sum is in cents, last is by event time, persons are known by construction (madeLoad.ts,
 * L1 to L4).
 */
import type { LoadEvent, Source } from './madeLoad.ts'

export interface ExpectedProfile {
  person: number
  /** "type value", sorted. */
  identifiers: string[]
  traits: Record<string, string>
  orders: number
  spendCents: number
  opened: number
  firstOrder: string | undefined
  lastOrder: string | undefined
  lastProduct: string | undefined
  audiences: string[]
  events: number
  firstSeen: string
  lastSeen: string
}

/** Traits whose source counts before time. */
const PREFERRED: Record<string, readonly Source[]> = { city: ['office', 'app', 'till'] }
const BIG_SPENDER = { cents: 300_00, orders: 2 }

interface Said {
  value: string
  time: string
  source: Source
}

/** `events`: what was accepted, each once, in any order. */
export function foldPeople(events: Iterable<LoadEvent>): Map<number, ExpectedProfile> {
  const people = new Map<number, PersonFold>()
  for (const event of events) {
    const fold = people.get(event.person) ?? new PersonFold()
    people.set(event.person, fold)
    fold.add(event)
  }
  return new Map([...people].map(([person, fold]) => [person, fold.profile(person)]))
}

interface Sent {
  timestamp?: string
  soldAt?: string
  type?: string
  event?: string
  userId?: string
  anonymousId?: string
  card?: string
  total?: number
  product?: string
  traits?: Record<string, string>
  context?: { traits?: Record<string, string> }
  properties?: { total?: number; product?: string }
}

class PersonFold {
  readonly #identifiers = new Set<string>()
  /** Per trait and source the last value. */
  readonly #said = new Map<string, Said>()
  readonly #orders: { time: string; cents: number; product: string; source: Source }[] = []
  readonly #times: string[] = []
  #opened = 0

  add({ source, body }: LoadEvent): void {
    const sent = JSON.parse(body) as Sent
    const time = (sent.timestamp ?? sent.soldAt)!
    this.#times.push(time)
    const traits = { ...sent.context?.traits, ...sent.traits }
    this.#identify('user_id', sent.userId)
    this.#identify('anonymous_id', sent.anonymousId)
    this.#identify('loyalty_id', sent.card ?? traits['loyalty_id'])
    this.#identify('email', traits['email'])
    for (const [name, value] of Object.entries(traits)) {
      const key = `${name} ${source}`
      const before = this.#said.get(key)
      if (!before || before.time < time) this.#said.set(key, { value, time, source })
    }
    const bought = source === 'till' ? sent : sent.event === 'Order Completed' ? sent.properties : undefined
    if (bought)
      this.#orders.push({ time, cents: Math.round(bought.total! * 100), product: bought.product!, source })
    if (sent.event === 'Email Opened') this.#opened++
  }

  profile(person: number): ExpectedProfile {
    const traits = this.#traits()
    const orders = this.#orders.sort((a, b) => (a.time < b.time ? -1 : 1))
    const spendCents = orders.reduce((sum, { cents }) => sum + cents, 0)
    const bought = (source: Source): boolean => orders.some((order) => order.source === source)
    const times = this.#times.sort()
    const audiences = [
      ...(spendCents >= BIG_SPENDER.cents && orders.length >= BIG_SPENDER.orders ? ['big_spenders'] : []),
      ...(bought('app') && bought('till') ? ['both_channels'] : []),
      ...(traits['tier'] === 'gold' ? ['gold'] : []),
    ]
    return {
      person,
      identifiers: [...this.#identifiers].sort(),
      traits,
      orders: orders.length,
      spendCents,
      opened: this.#opened,
      firstOrder: orders[0]?.time,
      lastOrder: orders.at(-1)?.time,
      lastProduct: orders.at(-1)?.product,
      audiences,
      events: times.length,
      firstSeen: times[0]!,
      lastSeen: times.at(-1)!,
    }
  }

  #identify(type: string, value: string | undefined): void {
    if (value !== undefined) this.#identifiers.add(`${type} ${value}`)
  }

  #traits(): Record<string, string> {
    const shown = new Map<string, Said>()
    for (const [key, said] of this.#said) {
      const name = key.slice(0, key.indexOf(' '))
      const before = shown.get(name)
      if (!before || shows(name, said, before)) shown.set(name, said)
    }
    return Object.fromEntries([...shown].map(([name, { value }]) => [name, value]))
  }
}

function shows(trait: string, said: Said, before: Said): boolean {
  const preferred = PREFERRED[trait]
  if (preferred) return preferred.indexOf(said.source) < preferred.indexOf(before.source)
  return said.time > before.time
}
