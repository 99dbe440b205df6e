/**
 * A shop's week, made up from a seed together with the truth about it: who is who, what they bought, what must be
 * refused. The demo plays it through real clients and compares what Tributary says with what is true here.
 *
 * Invariants of the made-up week, which the expectations rest on:
 *  W1. Every customer is connected: each identifier they use was seen, in some event, with another of theirs.
 *  W2. No strong identifier is used by two customers; a kiosk and a household e-mail are the shared weak ones.
 *  W3. Event times lie in the seven days before `now` and none in the future; arrival order is not event order.
 *  W4. A message id is used once, except for deliberate duplicates (same content) and conflicts (other content).
 */
import { createRandom, type Random } from './random.ts'

const HOUR = 3_600_000
const DAY = 24 * HOUR

/** What someone does, in the order in which it reaches Tributary. */
export type Send =
  | { via: 'web'; call: 'identify' | 'track' | 'page'; message: WebMessage }
  | { via: 'till'; key: string; receipt: string }
  | { via: 'crm' | 'email' | 'support'; event: Record<string, unknown> }

/** What @segment/analytics-node takes. */
export interface WebMessage {
  messageId: string
  timestamp: Date
  userId?: string
  anonymousId?: string
  event?: string
  name?: string
  properties?: Record<string, unknown>
  traits?: Record<string, unknown>
}

export interface Customer {
  kind: 'web' | 'omni' | 'store' | 'visitor'
  userId?: string
  email?: string
  loyaltyId?: string
  anonymousIds: string[]
  firstName: string
  /** Whole cents over all orders, both channels. */
  spentCents: number
  orders: number
  webOrders: number
  storeOrders: number
  emailsOpened: number
  /** Of the card, as the CRM knows it. */
  tier?: 'bronze' | 'silver' | 'gold'
}

export interface Expected {
  /** Events sent per source, refused and repeated ones included. */
  sent: Record<SourceId, number>
  rejected: number
  duplicates: number
  conflicts: number
  noIdentifier: number
  /** Customers, visitors who stayed unknown, and the kiosk. */
  profiles: number
  customers: number
  /** Members of each audience of examples/shop, worked out from what people did. */
  audiences: Record<AudienceId, number>
}

export type AudienceId = 'big_spenders' | 'web_and_store' | 'newsletter_without_order' | 'gold_members'

export type SourceId = 'web' | 'pos' | 'crm' | 'email' | 'support'

export interface ShopWeek {
  seed: number
  customers: Customer[]
  sends: Send[]
  expected: Expected
  /** A customer with both channels and several identifiers, to show. */
  shown: Customer
  kioskId: string
}

const FIRST_NAMES = [
  'Ada',
  'Bruno',
  'Chloé',
  'Dora',
  'Émile',
  'Farah',
  'Grégoire',
  'Hana',
  'Inès',
  'Jules',
  'Léa',
  'Noé',
]
const PRODUCTS = ['scarf', 'lamp', 'mug', 'notebook', 'chair', 'candle', 'blanket', 'teapot']

/** Local time of a till in Paris, without a zone, as tills write it. */
export function tillTime(ms: number): string {
  const parts = new Intl.DateTimeFormat('sv-SE', {
    timeZone: 'Europe/Paris',
    dateStyle: 'short',
    timeStyle: 'medium',
  }).format(new Date(ms))
  return parts.replace(' ', 'T')
}

/** `now` in ms since 1970; `people` customers and visitors together. */
export function makeShopWeek(seed: number, now: number, people: number): ShopWeek {
  return new WeekMaker(createRandom(seed), now).make(seed, people)
}

class WeekMaker {
  readonly #random: Random
  readonly #start: number
  readonly #now: number
  readonly #sends: { arrives: number; send: Send }[] = []
  readonly #expected: Expected = {
    sent: { web: 0, pos: 0, crm: 0, email: 0, support: 0 },
    rejected: 0,
    duplicates: 0,
    conflicts: 0,
    noIdentifier: 0,
    profiles: 0,
    customers: 0,
    audiences: { big_spenders: 0, web_and_store: 0, newsletter_without_order: 0, gold_members: 0 },
  }
  readonly #kioskId: string
  #messages = 0

  constructor(random: Random, now: number) {
    this.#random = random
    // Tills write whole seconds; a minute's distance keeps everything out of the future (W3).
    this.#now = Math.floor(now / 1000) * 1000 - 60_000
    this.#start = this.#now - 7 * DAY
    this.#kioskId = `kiosk-${random.hex(12)}`
  }

  make(seed: number, people: number): ShopWeek {
    const customers: Customer[] = []
    for (let n = 1; n <= people; n++) customers.push(this.#customer(n, people))
    this.#households(customers)
    this.#kiosk(customers)
    this.#cashSales(Math.ceil(people / 8))
    this.#placeholders(Math.ceil(people / 20))
    this.#repeats()
    this.#invalid()
    const shown = customers.find((c) => c.kind === 'omni' && c.webOrders > 0 && c.storeOrders > 0)
    if (!shown)
      throw new Error(`seed ${seed} made no customer who bought in both channels; take another seed`)
    this.#expected.customers = customers.length
    this.#expected.profiles = customers.length + 1
    const count = (of: (customer: Customer) => boolean): number => customers.filter(of).length
    this.#expected.audiences = {
      big_spenders: count((c) => c.spentCents >= 300_00 && c.orders >= 2),
      web_and_store: count((c) => c.webOrders > 0 && c.storeOrders > 0),
      newsletter_without_order: count((c) => c.emailsOpened > 0 && c.orders === 0),
      gold_members: count((c) => c.tier === 'gold'),
    }
    return {
      seed,
      customers,
      sends: this.#sends.sort((a, b) => a.arrives - b.arrives).map((s) => s.send),
      expected: this.#expected,
      shown,
      kioskId: this.#kioskId,
    }
  }

  #customer(n: number, people: number): Customer {
    const r = this.#random
    const share = n / people
    const kind = share <= 0.35 ? 'web' : share <= 0.7 ? 'omni' : share <= 0.88 ? 'store' : 'visitor'
    const customer: Customer = {
      kind,
      anonymousIds: [],
      firstName: r.pick(FIRST_NAMES),
      spentCents: 0,
      orders: 0,
      webOrders: 0,
      storeOrders: 0,
      emailsOpened: 0,
    }
    const number = String(n).padStart(4, '0')
    if (kind !== 'store') customer.anonymousIds = Array.from({ length: r.between(1, 2) }, () => r.hex(32))
    if (kind === 'web' || kind === 'omni') customer.userId = `u-${number}`
    if (kind !== 'visitor') customer.email = `${kind}.${number}@shop.example`
    if (kind === 'omni' || kind === 'store') customer.loyaltyId = `FR${number}${r.between(1000, 9999)}`
    if (kind === 'visitor') this.#visits(customer, customer.anonymousIds[0]!, this.#moment(), r.between(1, 6))
    if (kind === 'visitor') customer.anonymousIds.length = 1
    if (customer.userId) this.#webLife(customer)
    if (customer.loyaltyId) this.#storeLife(customer)
    if (customer.email && r.chance(0.6)) this.#mail(customer)
    if (customer.email && r.chance(0.1)) this.#support(customer)
    return customer
  }

  /** Anonymous visits, then an account; later a second device; orders on both. */
  #webLife(customer: Customer): void {
    const r = this.#random
    const signUp = this.#start + r.between(6 * HOUR, 5 * DAY)
    const [first, second] = customer.anonymousIds
    this.#visits(customer, first!, signUp - r.between(1, 5) * HOUR, r.between(2, 5))
    this.#web('identify', signUp, {
      userId: customer.userId!,
      anonymousId: first!,
      traits: { email: this.#spelled(customer.email!), first_name: customer.firstName },
    })
    if (second) {
      const login = signUp + r.between(1, 12) * HOUR
      this.#visits(customer, second, login - HOUR, r.between(1, 3))
      this.#web('identify', login, { userId: customer.userId!, anonymousId: second })
    }
    const orders = r.between(0, 4)
    for (let i = 0; i < orders; i++) {
      const cents = this.#bought(customer)
      customer.webOrders++
      const at = Math.min(this.#now, signUp + r.between(1, 40) * HOUR)
      const device = r.pick(customer.anonymousIds)
      this.#web('track', at, {
        userId: customer.userId!,
        anonymousId: device,
        event: 'Order Completed',
        properties: {
          order_id: `w-${r.hex(10)}`,
          total: cents / 100,
          currency: 'EUR',
          product: r.pick(PRODUCTS),
        },
      })
    }
  }

  /** Receipts with the card, some with the e-mail too; the CRM knows which account has which card. */
  #storeLife(customer: Customer): void {
    const r = this.#random
    const at = this.#moment()
    customer.tier = r.pick(['bronze', 'silver', 'gold'])
    this.#office('crm', at, {
      type: 'identify',
      ...(customer.userId ? { userId: customer.userId } : {}),
      traits: {
        loyalty_id: customer.loyaltyId,
        email: customer.email,
        first_name: customer.firstName,
        tier: customer.tier,
      },
    })
    const receipts = r.between(1, 4)
    for (let i = 0; i < receipts; i++) {
      const cents = this.#bought(customer)
      customer.storeOrders++
      const who = r.chance(0.3)
        ? { card: customer.loyaltyId, email: this.#spelled(customer.email!) }
        : { card: customer.loyaltyId, ...(r.chance(0.2) ? { email: 'n/a' } : {}) }
      this.#receipt(this.#moment(), who, cents)
    }
  }

  #mail(customer: Customer): void {
    const opened = this.#random.between(1, 3)
    customer.emailsOpened = opened
    for (let i = 0; i < opened; i++) {
      this.#office('email', this.#moment(), {
        type: 'track',
        event: 'Email Opened',
        context: { traits: { email: customer.email } },
        properties: { campaign: `week-${this.#random.between(1, 4)}` },
      })
    }
  }

  #support(customer: Customer): void {
    this.#office('support', this.#moment(), {
      type: 'track',
      event: 'Ticket Opened',
      ...(customer.userId ? { userId: customer.userId } : {}),
      context: { traits: { email: customer.email } },
      // More than 2^53: the stored bytes must keep it.
      properties: { ticket: 9_007_199_254_740_993n, subject: 'delivery' },
    })
  }

  /** Two accounts, one e-mail: the account that used it first keeps it. */
  #households(customers: Customer[]): void {
    const web = customers.filter((c) => c.kind === 'web')
    for (let i = 0; i + 1 < web.length && i < 10; i += 2) {
      this.#web('identify', this.#now - this.#random.between(1, 30) * 60_000, {
        userId: web[i + 1]!.userId!,
        traits: { email: web[i]!.email },
      })
    }
  }

  /** One tablet in the store, many people: it must join nobody. */
  #kiosk(customers: Customer[]): void {
    const known = customers.filter((c) => c.userId).slice(0, 12)
    for (const customer of known) {
      this.#web('identify', this.#moment(), { userId: customer.userId!, anonymousId: this.#kioskId })
    }
    for (let i = 0; i < 20; i++) {
      this.#web('page', this.#moment(), { anonymousId: this.#kioskId, name: 'Catalogue' })
    }
  }

  /** Receipts of people who showed no card: kept, but nobody's. */
  #cashSales(count: number): void {
    for (let i = 0; i < count; i++) {
      const customer = this.#random.chance(0.5) ? { card: '0', email: 'n/a' } : {}
      this.#receipt(this.#moment(), customer, this.#random.between(200, 9_000))
      this.#expected.noIdentifier++
    }
  }

  /** Sloppy code sends words for "nobody" as ids: they must join nobody. The visitor stays one profile. */
  #placeholders(count: number): void {
    const words = ['null', 'undefined', 'guest', 'anonymous', '00000000-0000-0000-0000-000000000000']
    for (let i = 0; i < count; i++) {
      const at = this.#moment()
      const word = this.#random.pick(words)
      const previous = this.#sends.filter(
        (s) => s.send.via === 'web' && s.send.message.anonymousId && !s.send.message.userId,
      )
      const device = this.#random.pick(previous).send as Extract<Send, { via: 'web' }>
      this.#web('page', at, { userId: word, anonymousId: device.message.anonymousId!, name: 'Basket' })
    }
  }

  /** Retries of clients and replays of tills; and a few clashes of message ids. */
  #repeats(): void {
    const r = this.#random
    const once = [...this.#sends]
    for (const { arrives, send } of once) {
      if (!r.chance(0.04)) continue
      if (send.via === 'till' && !isIdentified(send.receipt)) continue
      this.#push(arrives + r.between(1, 20) * HOUR, send)
      this.#expected.duplicates++
    }
    const pages = once.filter(({ send }) => send.via === 'web' && send.call === 'page')
    for (const { arrives, send } of pages.slice(0, 3)) {
      if (send.via !== 'web') continue
      this.#push(arrives + 30 * HOUR, { ...send, message: { ...send.message, name: 'Changed afterwards' } })
      this.#expected.conflicts++
    }
  }

  /** What must be refused, each for another reason. */
  #invalid(): void {
    const someone = { anonymousId: this.#random.hex(32) }
    const bad: Send[] = [
      { via: 'crm', event: { ...someone, messageId: this.#messageId(), properties: {} } },
      { via: 'crm', event: { ...someone, messageId: this.#messageId(), type: 'telepathy' } },
      { via: 'crm', event: { ...someone, messageId: this.#messageId(), type: 'track' } },
      {
        via: 'crm',
        event: {
          ...someone,
          messageId: this.#messageId(),
          type: 'track',
          event: 'Huge',
          properties: { blob: 'x'.repeat(300_000) },
        },
      },
      { via: 'till', key: 'broken', receipt: '{"receiptId": "r-broken", "soldAt":' },
      // What tills also say on that topic, and no receipt.
      { via: 'till', key: 'shift', receipt: JSON.stringify({ register: 4, shift: 'opened' }) },
    ]
    for (const send of bad) {
      this.#push(this.#moment(), send)
      this.#expected.rejected++
    }
  }

  #visits(customer: Customer, device: string, at: number, pages: number): void {
    for (let i = 0; i < pages; i++) {
      this.#web('page', Math.min(this.#now, at + i * 60_000), {
        anonymousId: device,
        name: this.#random.pick(['Home', 'Product', 'Basket']),
        properties: { path: `/${this.#random.pick(PRODUCTS)}`, visitor: customer.kind },
      })
    }
  }

  #bought(customer: Customer): number {
    const cents = this.#random.between(390, 18_990)
    customer.spentCents += cents
    customer.orders++
    return cents
  }

  #receipt(at: number, customer: Record<string, unknown>, cents: number): void {
    const receiptId = `r-${this.#random.hex(12)}`
    const sku = this.#random.pick(PRODUCTS)
    // Prices as a till writes them: two decimals, in its own field names and its own local time.
    const receipt =
      `{"receiptId":"${receiptId}","soldAt":"${tillTime(at)}","store":"${this.#random.pick(['Lyon', 'Lille'])}",` +
      `"customer":${JSON.stringify(customer)},"lines":[{"sku":"${sku}","qty":1}],"total":${(cents / 100).toFixed(2)}}`
    this.#push(this.#arrival(at), { via: 'till', key: receiptId, receipt })
  }

  #office(via: 'crm' | 'email' | 'support', at: number, event: Record<string, unknown>): void {
    const messageId = this.#messageId()
    this.#push(this.#arrival(at), {
      via,
      event: { messageId, timestamp: new Date(at).toISOString(), ...event },
    })
  }

  #web(
    call: 'identify' | 'track' | 'page',
    at: number,
    fields: Omit<WebMessage, 'messageId' | 'timestamp'>,
  ): void {
    const message = { messageId: this.#messageId(), timestamp: new Date(at), ...fields }
    this.#push(this.#arrival(at), { via: 'web', call, message })
  }

  #push(arrives: number, send: Send): void {
    this.#sends.push({ arrives, send })
    this.#expected.sent[send.via === 'till' ? 'pos' : send.via]++
  }

  /** Most arrive at once; one in five late by up to two days: phones that were off, batches at night. */
  #arrival(at: number): number {
    return (
      at + (this.#random.chance(0.2) ? this.#random.between(0, 48) * HOUR : this.#random.between(0, 5_000))
    )
  }

  #moment(): number {
    return this.#start + this.#random.between(0, (7 * DAY) / 1000) * 1000
  }

  #messageId(): string {
    return `m-${String(++this.#messages).padStart(6, '0')}-${this.#random.hex(8)}`
  }

  /** People type their address in their own way; it is the same address. */
  #spelled(email: string): string {
    return this.#random.chance(0.2) ? ` ${email.toUpperCase()} ` : email
  }
}

function isIdentified(receipt: string): boolean {
  return /"card":"FR/.test(receipt)
}
