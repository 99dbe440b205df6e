/**
 * One world from its seed: a few nodes of each service, a storm of everything that may happen to them while events
 * come in, and then calm. It must come to rest, and what it has come to must be what the oracle says.
 */
import { type PartitionCounts, topics } from '@tributary/contracts'
import { EvidenceRecord } from '@tributary/contracts/generated/tributary/identity/v1/evidence'
import { EventRecord } from '@tributary/contracts/generated/tributary/event/v1/event'
import { factMessage } from '../../services/identity-stitcher/src/evidenceMessages.ts'
import { type Random, createRandom } from '../demo/random.ts'
import { checkRest, checkStore, foldChangeLogs } from './checkRest.ts'
import { Coordinator } from './coordinator.ts'
import { FakeReceiver } from './fakeReceiver.ts'
import { EventMaker } from './madeEvents.ts'
import type { EffectName, Mishap, Weather } from './processPorts.ts'
import { whatIsUnfinished, worldTasks } from './restOfWorld.ts'
import { type Feature, allFeatures, shopWorkspace } from './shopWorkspaces.ts'
import { SimulatedClock } from './simulatedClock.ts'
import { Revisions } from './simulatedFeed.ts'
import { SimulatedLog, allLogGuards } from './simulatedLog.ts'
import { SimulatedNodes } from './simulatedNodes.ts'
import { GROUP_PREFIX } from './startServices.ts'
import type { Switches } from './switches.ts'
import { LogWatch } from './watchLog.ts'

export interface WorldOutcome {
  readonly seed: number
  readonly failure: { readonly invariant: string; readonly detail: string } | undefined
  readonly events: number
  readonly batches: number
  readonly mishaps: number
  readonly kills: number
  readonly stalls: number
}

export interface WorldOptions {
  readonly seed: number
  readonly switches?: Switches
  readonly trace?: (line: string) => void
}

const START_MS = Date.UTC(2026, 0, 1, 12)
const DAY_MS = 86_400_000
/** Of virtual time: a world that has not come to rest then never does. */
const PATIENCE_MS = 180_000
const POLL_MS = 400
/** Nothing has moved for so many polls: longer than ticks, pumps and the slowest fetch. */
const QUIET_POLLS = 6

class WorldFailed extends Error {}

export async function runWorld({ seed, switches = {}, trace }: WorldOptions): Promise<WorldOutcome> {
  const world = new World(seed, switches, trace)
  await world.run()
  return world.outcome()
}

class World {
  readonly #seed: number
  readonly #random: Random
  readonly #clock = new SimulatedClock(START_MS)
  readonly #counts: PartitionCounts
  readonly #log: SimulatedLog
  readonly #watch: LogWatch
  readonly #nodes: SimulatedNodes
  readonly #coordinator: Coordinator
  readonly #receiver: FakeReceiver
  readonly #revisions = new Revisions()
  readonly #maker: EventMaker
  readonly #trace: ((line: string) => void) | undefined
  /** Probability that something goes wrong at an effect. */
  #storm: number
  #over = false
  #failure: WorldOutcome['failure']
  #giveUp = (_error: Error) => {}
  #events = 0
  #facts = 0
  #mishaps = 0
  readonly #features = new Set<Feature>()

  constructor(seed: number, switches: Switches, trace: ((line: string) => void) | undefined) {
    this.#seed = seed
    const random = (this.#random = createRandom(Math.imul(seed + 1, 0x9e3779b1)))
    this.#trace =
      trace && ((line) => trace(`${((this.#clock.now() - START_MS) / 1_000).toFixed(3).padStart(9)} ${line}`))
    this.#counts = {
      identifier: random.between(1, 3),
      profile: random.between(1, 2),
      delivery: random.between(1, 2),
    }
    this.#storm = random.pick([0, 0.004, 0.012, 0.03])
    const fail = (invariant: string, detail: string) => this.#fail(invariant, detail)
    this.#watch = new LogWatch(this.#counts, fail)
    this.#log = new SimulatedLog({
      now: () => this.#clock.now(),
      guards: { ...allLogGuards, ...switches.log },
      onCommitted: (id, records) => {
        this.#trace?.(
          `commit ${id}: ${records.map(({ topic, partition, offset }) => `${topic.name}/${partition}@${offset}`).join(' ')}`,
        )
        this.#watch.committed(id, records)
      },
    })
    this.#coordinator = new Coordinator({
      clock: this.#clock,
      random,
      counts: this.#counts,
      trace: this.#trace,
    })
    this.#receiver = new FakeReceiver(random, fail)
    this.#maker = new EventMaker(random, this.#counts.identifier)
    this.#nodes = new SimulatedNodes({
      clock: this.#clock,
      random,
      log: this.#log,
      coordinator: this.#coordinator,
      weather: this.#weather(),
      revisions: this.#revisions,
      receiver: this.#receiver,
      counts: this.#counts,
      watch: this.#watch.stored,
      switches,
      onFatal: (node, error) =>
        fail('no process has to stop', `${node}: ${error instanceof Error ? error.stack : String(error)}`),
    })
  }

  outcome(): WorldOutcome {
    const { kills, stalls } = this.#nodes
    return {
      seed: this.#seed,
      failure: this.#failure,
      events: this.#events,
      batches: this.#watch.batches,
      mishaps: this.#mishaps,
      kills,
      stalls,
    }
  }

  async run(): Promise<void> {
    const gaveUp = new Promise<never>((_, reject) => (this.#giveUp = reject))
    try {
      await Promise.race([this.#live(), gaveUp])
    } catch (error) {
      if (!(error instanceof WorldFailed))
        this.#fail('nothing is thrown', error instanceof Error ? String(error.stack) : String(error))
    } finally {
      this.#over = true
      for (const node of this.#nodes.all) node.process?.kill()
      this.#clock.stop()
    }
  }

  #fail(invariant: string, detail: string): void {
    if (this.#failure) return
    this.#failure = { invariant, detail }
    this.#trace?.(`BROKEN: ${invariant}: ${detail}`)
    this.#giveUp(new WorldFailed(invariant))
  }

  #weather(): Weather {
    return {
      random: this.#random,
      mishap: (effect) => this.#mishap(effect),
      latencyMs: () =>
        this.#random.chance(0.95) ? this.#random.between(1, 6) : this.#random.between(20, 200),
      later: (ms, run) => void this.#clock.at(ms, run),
      fetchedBelow: () => (this.#random.chance(0.5) ? 0 : this.#random.between(1, 4)),
      trace: this.#trace,
    }
  }

  #mishap(effect: EffectName): Mishap {
    // There are few of these in a world.
    const share = effect === 'produce' || effect === 'open' ? 8 : 1
    if (!this.#random.chance(this.#storm * share)) return 'none'
    this.#mishaps++
    // A disk does not lose requests: it works, or the process stops.
    if (effect === 'write' || effect === 'wipe') return this.#random.pick(['die-before', 'die-after'])
    return this.#random.pick(['die-before', 'die-after', 'lose-request', 'lose-reply', 'lose-reply', 'late'])
  }

  async #live(): Promise<void> {
    this.#revisions.append(shopWorkspace(this.#features))
    this.#nodes.startAll()
    void this.#coordinator.run(() => !this.#over)
    const steps = this.#random.between(6, 19)
    const outageAt = this.#random.chance(0.12) ? this.#random.between(4, steps - 1) : -1
    for (let step = 0; step < steps; step++) {
      await this.#clock.sleep(this.#random.between(20, 500))
      if (step === outageAt) await this.#longOutage()
      this.#log.endOverdue()
      this.#step()
      this.#nodes.bringBackLater()
    }
    await this.#calm()
    if (!this.#failure) await this.#check()
  }

  #step(): void {
    const random = this.#random
    this.#tellEvents(random.between(0, 3))
    const dice = random.between(0, 99)
    if (dice < 14) this.#changeConfiguration()
    else if (dice < 20) this.#sayFact()
    else if (dice < 38) this.#rebalance()
    else if (dice < 50) this.#compact(0.6)
    else if (this.#storm === 0) return
    else if (dice < 62) this.#nodes.kill(random.pick(this.#nodes.all))
    else if (dice < 74)
      this.#nodes.stall(
        random.pick(this.#nodes.all),
        random.chance(0.5) ? random.between(50, 900) : random.between(2_000, 6_000),
      )
    else if (dice < 80) void this.#nodes.restartGracefully(random.pick(this.#nodes.all))
  }

  #tellEvents(count: number): void {
    for (let i = 0; i < count; i++) {
      const { partition, key, value, about } = this.#maker.next(
        this.#clock.now(),
        this.#revisions.newest.value,
      )
      const offset = this.#log.append(topics.events, partition, { key, value })
      this.#trace?.(`event ${partition}@${offset} ${about}`)
      this.#events++
    }
  }

  #changeConfiguration(): void {
    const feature = this.#random.pick(allFeatures)
    if (!this.#features.delete(feature)) this.#features.add(feature)
    const { offset } = this.#revisions.append(shopWorkspace(this.#features))
    this.#trace?.(`revision at ${offset}: ${[...this.#features].join() || 'as at first'}`)
  }

  /** What an operator says of two identifiers that were seen. */
  #sayFact(): void {
    const partition = this.#random.between(0, this.#counts.identifier - 1)
    const seen = this.#log.all(topics.events, partition).flatMap(({ value }) => {
      const { record } = EventRecord.decode(value!)
      return record?.$case === 'event' ? record.value.identifiers : []
    })
    if (seen.length === 0) return
    const a = this.#random.pick(seen)
    const b = this.#random.pick(seen)
    if (a.id === b.id) return
    const kind = this.#random.pick(['join', 'separate', 'block', 'unblock', 'shared'] as const)
    const pair = kind === 'join' || kind === 'separate'
    const fact = {
      id: `f${++this.#facts}`,
      kind,
      members: (pair ? [a, b] : [a]).map(({ type, id }) => ({ type, id })),
      actor: 'operator',
      reason: 'simulated',
      timeMs: this.#clock.now(),
    }
    const value = EvidenceRecord.encode({
      record: { $case: 'fact', value: factMessage(fact) },
      stamp: undefined,
    }).finish()
    this.#log.append(topics.evidence, 0, { key: fact.id, value })
    this.#trace?.(`fact ${kind} ${a.value} ${pair ? b.value : ''}`)
  }

  #rebalance(): void {
    const { groups } = this.#coordinator
    if (groups.length > 0) this.#coordinator.rebalance(this.#random.pick(groups))
  }

  #compact(share: number): void {
    for (const { topic, partition } of this.#log.partitions()) {
      if (topic.cleanUp !== 'compact' || !this.#random.chance(share)) continue
      const end = this.#log.end(topic, partition)
      const whole = share === 1 || this.#random.chance(0.4)
      this.#log.compact(topic, partition, whole ? end : this.#random.between(0, end))
      this.#trace?.(`compacted ${topic.name}/${partition}`)
    }
  }

  /** Everything is off for days; meanwhile the cleaner goes through the log, and nulls run out. */
  async #longOutage(): Promise<void> {
    this.#maker.forget()
    const days = this.#random.pick([1, 4, 6, 8, 9])
    // Nulls run out from when the cleaner first goes past them.
    this.#compact(1)
    this.#trace?.(`everything is off for ${days} days`)
    const off = this.#nodes.all.filter(() => this.#random.chance(0.8))
    for (const node of this.#nodes.all) {
      if (off.includes(node)) this.#nodes.kill(node)
      else this.#nodes.stall(node, 1)
    }
    this.#clock.jump(days * DAY_MS)
    this.#log.endOverdue()
    this.#compact(1)
    await this.#clock.sleep(1)
  }

  async #calm(): Promise<void> {
    this.#trace?.('calm')
    this.#storm = 0
    this.#receiver.healthy = true
    this.#nodes.wakeAll()
    this.#nodes.startAll()
    const deadline = this.#clock.now() + PATIENCE_MS
    const tasks = worldTasks(this.#counts)
    let quiet = 0
    let before = -1
    while (quiet < QUIET_POLLS) {
      await this.#clock.sleep(POLL_MS)
      this.#log.endOverdue()
      this.#nodes.startAll()
      const size = this.#log.size()
      const unfinished = whatIsUnfinished({
        log: this.#log,
        nodes: this.#nodes,
        tasks,
        configuration: this.#revisions.newest,
        nowMs: this.#clock.now(),
        counts: this.#counts,
      })
      quiet = unfinished.length === 0 && size === before ? quiet + 1 : 0
      before = size
      if (this.#clock.now() > deadline) {
        this.#fail('a world comes to rest', unfinished.join('; ') || 'its log goes on growing')
        return
      }
    }
  }

  async #check(): Promise<void> {
    const fail = (invariant: string, detail: string) => this.#fail(invariant, detail)
    const view = (partition: number) => {
      const owner = this.#nodes.owner('store', 'profile', partition)!
      return owner.node.running!.tasks.get('profile')!.view(partition)!
    }
    checkRest({
      log: this.#log,
      counts: this.#counts,
      configuration: this.#revisions.newest,
      watch: this.#watch,
      receiver: this.#receiver,
      profileViews: Array.from({ length: this.#counts.profile }, (_, partition) => view(partition)),
      fail,
    })
    for (const { service, topology, changeLogs, partition } of worldTasks(this.#counts)) {
      const { node } = this.#nodes.owner(service, topology, partition)!
      const group = `${GROUP_PREFIX}.${topology}.1`
      const store = await node.disk.open({ group, partition })
      checkStore(store, foldChangeLogs(this.#log, changeLogs, partition), `${group}.${partition}`, fail)
    }
  }
}
