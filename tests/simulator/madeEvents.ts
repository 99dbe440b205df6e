/**
 * Events of a small world: a few people on a few devices, told by two sources, with what real senders do: repeats,
 * other content under a known id, clocks that are late, placeholders instead of names.
 */
import { createHash } from 'node:crypto'
import {
  type Circumstances,
  type ReceivedItem,
  admitEvent,
  defaultEventLimits,
  readSingle,
} from '@tributary/domain'
import { eventRecord } from '../../services/collector/src/produce/eventRecord.ts'
import type { Random } from '../demo/random.ts'
import { type ShopWorkspace, TILL_EMAIL } from './shopWorkspaces.ts'

export interface MadeRecord {
  readonly partition: number
  readonly key: string
  readonly value: Uint8Array
  readonly about: string
}

const HOUR_MS = 3_600_000

interface Sent {
  readonly sourceId: string
  readonly body: Record<string, unknown>
}

export class EventMaker {
  readonly #random: Random
  readonly #partitions: number
  readonly #people: number
  #sent: Sent[] = []
  #count = 0

  constructor(random: Random, partitions: number) {
    this.#random = random
    this.#partitions = partitions
    this.#people = random.between(1, 4)
  }

  /** What was sent so far is not sent again: it may have left the window of the deduplication. */
  forget(): void {
    this.#sent = []
  }

  next(nowMs: number, shop: ShopWorkspace): MadeRecord {
    const random = this.#random
    const known = this.#sent.length > 0 && random.chance(0.2) ? random.pick(this.#sent) : undefined
    const sent = known ? this.#again(known) : this.#fresh(nowMs)
    const bytes = Buffer.from(JSON.stringify(sent.body))
    const verdict = admitEvent(readSingle(bytes) as ReceivedItem, circumstancesOf(sent.sourceId, shop), {
      origin: `sim:${++this.#count}`,
      receivedMs: nowMs,
      newMessageId: () => `made-${this.#count}`,
    })
    if ('rejected' in verdict) throw new Error(`a made event was rejected: ${verdict.rejected.message}`)
    const { partition, key, value } = eventRecord(verdict.accepted, this.#partitions)
    return {
      partition,
      key,
      value,
      about: `${sent.sourceId} ${bytes.toString()}`,
    }
  }

  #again(sent: Sent): Sent {
    if (this.#random.chance(0.7)) return sent
    return { ...sent, body: { ...sent.body, properties: { total: 7_777 } } }
  }

  #fresh(nowMs: number): Sent {
    const random = this.#random
    const person = random.between(1, this.#people)
    const late = random.chance(0.15) ? random.between(1, 48) * HOUR_MS : random.between(0, 5_000)
    const body: Record<string, unknown> = {
      messageId: `m${this.#sent.length}-${random.hex(4)}`,
      timestamp: new Date(nowMs - late).toISOString(),
    }
    const device = random.chance(0.85) ? person : random.between(1, this.#people)
    if (random.chance(0.8)) body['anonymousId'] = `a${device}-${random.between(1, 2)}`
    if (random.chance(0.45)) body['userId'] = `u${person}`
    else if (random.chance(0.1)) body['userId'] = random.pick(['null', 'undefined', 'unknown'])
    const email = random.chance(0.1) ? TILL_EMAIL : `p${random.between(1, this.#people)}@mail.example`
    const kind = random.between(0, 9)
    if (kind < 4) {
      body['type'] = 'track'
      body['event'] = random.pick(['Order Completed', 'Order Completed', 'Viewed'])
      body['properties'] = { total: random.pick([60, 40.5, '12.25', 'none']) }
      if (random.chance(0.2)) body['context'] = { traits: { email } }
    } else if (kind < 6) {
      body['type'] = 'page'
      body['name'] = 'Home'
    } else if (kind === 6 && random.chance(0.4)) {
      body['type'] = 'alias'
      body['userId'] = `u${person}`
      body['previousId'] = `u${random.between(1, this.#people)}`
    } else {
      body['type'] = 'identify'
      body['traits'] = {
        plan: random.pick(['free', 'pro', null]),
        ...(random.chance(0.6) && { email }),
        ...(random.chance(0.3) && { city: random.pick(['Paris', 'Lyon']) }),
      }
      if (random.chance(0.2)) body['context'] = { consent: { email: random.chance(0.5) } }
    }
    const sent = { sourceId: random.pick(['web', 'web', 'crm']), body }
    this.#sent.push(sent)
    return sent
  }
}

function circumstancesOf(sourceId: string, shop: ShopWorkspace): Circumstances {
  return {
    sourceId,
    trusted: sourceId === 'crm',
    epoch: 1,
    rules: shop.rules,
    limits: defaultEventLimits,
    digest: (parts) => createHash('sha256').update(parts.join('\0')).digest('hex').slice(0, 32),
  }
}
