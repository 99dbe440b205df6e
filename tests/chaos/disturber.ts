/**
 * Does what the plan says, and keeps what was really done. A kill or a stall waits until there is somebody to do it to,
 * so a run never does less than its plan.
 */
import { setTimeout as sleep } from 'node:timers/promises'
import type { LocalStack } from '../../deploy/local/src/localStack.ts'
import type { Disturbance } from './chaosPlan.ts'
import type { Fleet } from './fleet.ts'
import type { KafkaDetour } from './kafkaDetour.ts'

export interface Done {
  /** Seconds since the load began. */
  atS: number
  what: string
  /** How long it lasted, until the instance or the server was back. */
  tookS: number
}

export interface DisturbanceCounts {
  kills: number
  stalls: number
  storesDeleted: number
  kafkaRestarts: number
  clickHouseKills: number
  lossyPeriods: number
  added: number
  removed: number
}

export interface Disturbed {
  fleet: Fleet
  stack: LocalStack
  detour: KafkaDetour
  say: (line: string) => void
}

const LOOK_AGAIN_MS = 200

export class Disturber {
  readonly counts: DisturbanceCounts = {
    kills: 0,
    stalls: 0,
    storesDeleted: 0,
    kafkaRestarts: 0,
    clickHouseKills: 0,
    lossyPeriods: 0,
    added: 0,
    removed: 0,
  }
  readonly done: Done[] = []
  readonly #world: Disturbed
  readonly #stopped = new AbortController()
  #started = 0

  constructor(world: Disturbed) {
    this.#world = world
  }

  /** Outages of Kafka, of ClickHouse and of the line between. */
  outages(): number {
    return this.counts.kafkaRestarts + this.counts.clickHouseKills + this.counts.lossyPeriods
  }

  /** Resolves when all of it is done and over. */
  async follow(plan: readonly Disturbance[]): Promise<void> {
    this.#started = performance.now()
    const underWay: Promise<void>[] = []
    for (const disturbance of plan) {
      await this.#until(disturbance.atMs)
      if (this.#stopped.signal.aborted) break
      underWay.push(this.#do(disturbance))
    }
    await Promise.all(underWay)
  }

  stop(): void {
    this.#stopped.abort()
  }

  async #do(disturbance: Disturbance): Promise<void> {
    const { fleet, stack, detour, say } = this.#world
    const { counts } = this
    switch (disturbance.kind) {
      case 'kill': {
        const { service, pick, downMs, deleteStore } = disturbance
        const name = await this.#choose(() => fleet.choose(service, pick, ['ready', 'starting']))
        if (name === undefined) return
        counts.kills++
        if (deleteStore) counts.storesDeleted++
        const what = `kill -9 ${name}${deleteStore ? ', its local store deleted' : ''}`
        return this.#record(what, () => fleet.kill(name, { downMs, deleteStore }))
      }
      case 'stall': {
        const { service, pick, forMs } = disturbance
        const name = await this.#choose(() => fleet.choose(service, pick, ['ready']))
        if (name === undefined) return
        counts.stalls++
        return this.#record(`SIGSTOP ${name}, then SIGCONT`, () => fleet.stall(name, forMs))
      }
      case 'restart Kafka':
        counts.kafkaRestarts++
        return this.#record(
          disturbance.how === 'kill' ? 'kill -9 Kafka, started again' : 'Kafka restarted',
          () => stack.restartKafka(disturbance.how),
        )
      case 'kill ClickHouse':
        counts.clickHouseKills++
        return this.#record('kill -9 ClickHouse', async () => {
          await stack.killClickHouse()
          await this.#pause(disturbance.forMs)
          await stack.startClickHouse()
        })
      case 'lose requests and replies':
        counts.lossyPeriods++
        return this.#record('requests and replies to Kafka lost', async () => {
          detour.faultRate = disturbance.rate
          await this.#pause(disturbance.forMs)
          detour.faultRate = 0
        })
      case 'add an instance': {
        const name = `${disturbance.service}-3`
        counts.added++
        return this.#record(`${name} added`, () => fleet.add(disturbance.service, name))
      }
      case 'remove an instance': {
        const name = await this.#choose(() => fleet.choose(disturbance.service, 0, ['ready']))
        if (name === undefined) return
        counts.removed++
        return this.#record(`${name} removed`, () => fleet.remove(name))
      }
      default:
        say(`unknown: ${JSON.stringify(disturbance satisfies never)}`)
    }
  }

  async #record(what: string, act: () => Promise<void>): Promise<void> {
    const began = performance.now()
    const atS = (began - this.#started) / 1000
    this.#world.say(`${atS.toFixed(0).padStart(4)} s  ${what}`)
    await act()
    this.done.push({ atS, what, tookS: (performance.now() - began) / 1000 })
  }

  async #choose(choose: () => string | undefined): Promise<string | undefined> {
    for (;;) {
      const name = choose()
      if (name !== undefined || this.#stopped.signal.aborted) return name
      await sleep(LOOK_AGAIN_MS)
    }
  }

  async #until(atMs: number): Promise<void> {
    await this.#pause(atMs - (performance.now() - this.#started))
  }

  async #pause(ms: number): Promise<void> {
    if (ms > 0) await sleep(ms, undefined, { signal: this.#stopped.signal }).catch(() => {})
  }
}
