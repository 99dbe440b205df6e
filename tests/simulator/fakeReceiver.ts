/** The other side of a destination: takes what it is sent, when it is in the mood, and keeps what it was sent. */
import type { Delivery } from '@tributary/contracts/generated/tributary/delivery/v1/delivery'
import type { Sender } from '../../services/activation/src/delivery/dispatcher.ts'
import type { Answer } from '../../services/activation/src/delivery/classify.ts'
import type { Random } from '../demo/random.ts'
import type { SimulatedProcess } from './simulatedProcess.ts'

/** A delivery is failed so often at most: the third wait would be half a minute. */
const MAX_FAULTS = 2

export class FakeReceiver {
  /** Ids that were accepted, in the order of their first acceptance, by destination and profile. */
  readonly accepted = new Map<string, string[]>()
  readonly #seen = new Set<string>()
  readonly #bodies = new Map<string, string>()
  readonly #faults = new Map<string, number>()
  readonly #refused = new Map<string, boolean>()
  readonly #random: Random
  readonly #fail: (invariant: string, detail: string) => void
  healthy = false

  constructor(random: Random, fail: (invariant: string, detail: string) => void) {
    this.#random = random
    this.#fail = fail
  }

  sender(process: SimulatedProcess): Sender {
    return {
      blocked: () => undefined,
      send: async (_destination, delivery) => {
        await process.clock.sleep(this.#random.between(1, this.#random.chance(0.1) ? 1_500 : 30))
        const answer = this.#answer(delivery)
        await process.clock.sleep(this.#random.between(1, 10))
        return answer
      },
    }
  }

  #answer(delivery: Delivery): Answer {
    const faults = this.#faults.get(delivery.id) ?? 0
    if (!this.healthy && faults < MAX_FAULTS && this.#random.chance(0.25)) {
      this.#faults.set(delivery.id, faults + 1)
      const mood = this.#random.between(0, 4)
      if (mood === 0) return { kind: 'failure', code: 'CONNECTION_FAILED', message: 'refused' }
      if (mood === 1) return { kind: 'status', status: 500 }
      if (mood === 2) return { kind: 'status', status: 503, retryAfterMs: 1_500 }
      this.#take(delivery)
      return { kind: 'failure', code: 'TIMEOUT', message: 'no answer' }
    }
    if (this.#refuses(delivery.id)) return { kind: 'status', status: 400 }
    this.#take(delivery)
    return { kind: 'status', status: 204 }
  }

  /** Some items no receiver takes: they end among the dead letters. */
  #refuses(id: string): boolean {
    let refuses = this.#refused.get(id)
    if (refuses === undefined) this.#refused.set(id, (refuses = this.#random.chance(0.05)))
    return refuses
  }

  #take(delivery: Delivery): void {
    const { id, destinationId, profileId, body } = delivery
    if (this.#refuses(id)) return
    const known = this.#bodies.get(id)
    if (known !== undefined && known !== body)
      this.#fail('a repeated delivery says the same under the same id', `${id}: ${known} and ${body}`)
    this.#bodies.set(id, body)
    if (this.#seen.has(id)) return
    this.#seen.add(id)
    const key = `${destinationId}|${profileId}`
    const list = this.accepted.get(key)
    if (list) list.push(id)
    else this.accepted.set(key, [id])
  }
}
