/**
 * A world with truth: persons with devices, accounts and addresses, the events they send in thirty days, and for every
 * event who did it. The same options give the same world.
 *
 *  W1. Events are Segment-shaped, so they go through a collector as well as straight into the rules.
 *  W2. Truth never looks at identifiers: who did an event is decided before what it carries.
 */
import { type Random, createRandom } from '../../demo/random.ts'
import { type Device, type Home, type Person, createPersons } from './persons.ts'
import { type WorldOptions } from './worldPresets.ts'

export interface SegmentEvent {
  readonly type: 'track' | 'identify' | 'alias'
  readonly event?: string
  readonly messageId: string
  readonly userId?: string
  readonly anonymousId?: string
  readonly previousId?: string
  readonly traits?: Readonly<Record<string, string>>
  readonly timestamp: string
}

export interface WorldEvent {
  readonly body: SegmentEvent
  /** Who did it. */
  readonly person: number
  /** With a secret key. */
  readonly trusted: boolean
  readonly timeMs: number
  readonly arrivesMs: number
}

/** What an operator says in this world. */
export interface WorldFact {
  readonly id: string
  readonly kind: 'join'
  readonly users: readonly [string, string]
  readonly timeMs: number
}

export interface World {
  readonly options: WorldOptions
  /** In the order of their arrival; some are there twice. */
  readonly events: readonly WorldEvent[]
  readonly facts: readonly WorldFact[]
}

const START_MS = Date.UTC(2026, 0, 1)
const DAY_MS = 86_400_000
const DAYS = 30

/** Written by pages that have no user, in the words of their programs. */
const KNOWN_PLACEHOLDERS = ['null', 'undefined', 'anonymous', '00000000-0000-0000-0000-000000000000']

export function createWorld(options: WorldOptions): World {
  const random = createRandom(options.seed)
  const persons = createPersons(options, random)
  const events: WorldEvent[] = []
  const facts: WorldFact[] = []
  const said = (event: Omit<WorldEvent, 'arrivesMs'>): void => {
    const late = random.chance(options.offline) ? random.between(3_600_000, 5 * DAY_MS) : 0
    const arrivesMs = event.timeMs + late + random.between(0, 2_000)
    events.push({ ...event, arrivesMs })
    if (random.chance(options.duplicates))
      events.push({ ...event, arrivesMs: arrivesMs + random.between(1_000, DAY_MS) })
  }
  for (const person of persons) {
    live(person, options, random, said)
    const [first, second] = person.accounts
    if (first && second && random.chance(options.joined)) {
      const timeMs = START_MS + random.between(0, DAYS) * DAY_MS
      if (random.chance(0.5))
        facts.push({ id: `join-${person.index}`, kind: 'join', users: [first, second], timeMs })
      else {
        const body = alias(second, first, timeMs, `merge-${person.index}`)
        said({ body, person: person.index, trusted: true, timeMs })
      }
    }
    if (first && random.chance(options.falseAliases)) {
      const other = persons[random.between(0, persons.length - 1)]!.accounts[0]
      const timeMs = START_MS + random.between(0, DAYS) * DAY_MS
      if (other !== undefined && other !== first) {
        const body = alias(first, other, timeMs, `false-${person.index}`)
        said({ body, person: person.index, trusted: false, timeMs })
      }
    }
  }
  events.sort((a, b) => a.arrivesMs - b.arrivesMs || (a.body.messageId < b.body.messageId ? -1 : 1))
  return { options, events, facts }
}

function alias(userId: string, previousId: string, timeMs: number, messageId: string): SegmentEvent {
  return { type: 'alias', userId, previousId, messageId, timestamp: new Date(timeMs).toISOString() }
}

/** A person's sessions: some events without an account, then perhaps a login and events with it. */
function live(
  person: Person,
  options: WorldOptions,
  random: Random,
  said: (event: Omit<WorldEvent, 'arrivesMs'>) => void,
): void {
  const sessions = Math.max(person.devices.length, random.between(1, 2 * options.sessions - 1))
  const loggedIn = new Set<string>()
  for (let session = 0; session < sessions; session++) {
    // Every device is used, and logged in from, at least once: otherwise nothing could ever link it.
    const own = person.devices[session] ?? random.pick(person.devices)
    const away = session >= person.devices.length ? visiting(person.home, random) : undefined
    const device = away ?? own
    const realMs = START_MS + random.between(0, DAYS * DAY_MS)
    let timeMs = realMs + device.skewMs
    const account =
      person.accounts.length === 0 || (!device.logsIn && !away)
        ? undefined
        : session < person.devices.length || away || random.chance(0.7)
          ? person.accounts[Math.min(session % 3, person.accounts.length - 1)]
          : undefined
    const say = (type: 'track' | 'identify', known: string | undefined): void => {
      timeMs += random.between(1_000, 60_000)
      const placeholder = known === undefined && random.chance(options.knownPlaceholders)
      const userId = placeholder ? random.pick(KNOWN_PLACEHOLDERS) : known
      said({
        body: {
          type,
          ...(type === 'track' && { event: 'Page Viewed' }),
          messageId: random.hex(16),
          ...(userId !== undefined && { userId }),
          anonymousId: device.id,
          ...(type === 'identify' && { traits: traitsOf(person, timeMs) }),
          timestamp: new Date(timeMs).toISOString(),
        },
        person: person.index,
        trusted: false,
        timeMs,
      })
    }
    for (let n = random.between(0, 4); n > 0; n--) say('track', undefined)
    if (account !== undefined) {
      const first = !loggedIn.has(`${account} ${device.id}`)
      if (first || random.chance(0.3)) say('identify', account)
      loggedIn.add(`${account} ${device.id}`)
      for (let n = random.between(1, 4); n > 0; n--) say('track', account)
    }
  }
  if (person.card !== undefined && person.accounts[0] !== undefined) buy(person, random, said)
}

function visiting(home: Home, random: Random): Device | undefined {
  if (home.kiosk && random.chance(0.3)) return home.kiosk
  return home.shared && random.chance(0.3) ? home.shared : undefined
}

/** At a till: a card and perhaps the address; and once in the shop's own records with the account. */
function buy(person: Person, random: Random, said: (event: Omit<WorldEvent, 'arrivesMs'>) => void): void {
  const card = person.card!
  const times = Array.from(
    { length: random.between(1, 3) },
    () => START_MS + random.between(0, DAYS * DAY_MS),
  )
  for (const [index, timeMs] of times.entries()) {
    const email = random.chance(0.5) ? addressAt(person, timeMs) : undefined
    said({
      body: {
        type: index === 0 ? 'identify' : 'track',
        ...(index > 0 && { event: 'Order Completed' }),
        messageId: random.hex(16),
        ...(index === 0 && { userId: person.accounts[0]! }),
        traits: { loyalty_id: card, ...(email !== undefined && { email }) },
        timestamp: new Date(timeMs).toISOString(),
      },
      person: person.index,
      trusted: true,
      timeMs,
    })
  }
}

function addressAt(person: Person, timeMs: number): string | undefined {
  const half = timeMs >= START_MS + (DAYS / 2) * DAY_MS ? 1 : 0
  return person.emails[Math.min(half, person.emails.length - 1)]
}

function traitsOf(person: Person, timeMs: number): Readonly<Record<string, string>> {
  const email = addressAt(person, timeMs)
  return email === undefined ? {} : { email }
}
