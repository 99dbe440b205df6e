/** The machines of a world: each runs one service, dies, stalls, comes back with its disk or with less. */
import type { PartitionCounts } from '@tributary/contracts'
import type { TaskStatus } from '@tributary/stream-runtime'
import type { Random } from '../demo/random.ts'
import { type Coordinator } from './coordinator.ts'
import type { FakeReceiver } from './fakeReceiver.ts'
import { type Weather, createProcessPorts } from './processPorts.ts'
import { type Revisions, SimulatedFeed } from './simulatedFeed.ts'
import type { SimulatedClock } from './simulatedClock.ts'
import { SimulatedDisk, type WatchStore } from './simulatedDisk.ts'
import type { SimulatedLog } from './simulatedLog.ts'
import { SimulatedProcess } from './simulatedProcess.ts'
import { type RunningService, type ServiceName, serviceNames, startServiceTasks } from './startServices.ts'
import type { Switches } from './switches.ts'

export interface NodesOptions {
  readonly clock: SimulatedClock
  readonly random: Random
  readonly log: SimulatedLog
  readonly coordinator: Coordinator
  readonly weather: Weather
  readonly revisions: Revisions
  readonly receiver: FakeReceiver
  readonly counts: PartitionCounts
  readonly watch: WatchStore
  readonly switches: Switches
  readonly onFatal: (node: string, error: unknown) => void
}

export interface SimulatedNode {
  readonly id: string
  readonly service: ServiceName
  readonly disk: SimulatedDisk
  process: SimulatedProcess | undefined
  running: RunningService | undefined
  incarnation: number
  restarting: boolean
}

/** Where a task runs. */
export interface OwnedTask {
  readonly node: SimulatedNode
  readonly status: TaskStatus
}

export class SimulatedNodes {
  readonly all: readonly SimulatedNode[]
  readonly #options: NodesOptions
  kills = 0
  stalls = 0

  constructor(options: NodesOptions) {
    this.#options = options
    const { random, watch } = options
    this.all = serviceNames.flatMap((service) =>
      Array.from({ length: random.pick([1, 2, 2, 2, 3]) }, (_, i) => ({
        id: `${service}${i + 1}`,
        service,
        disk: new SimulatedDisk(random, watch),
        process: undefined,
        running: undefined,
        incarnation: 0,
        restarting: false,
      })),
    )
  }

  startAll(): void {
    for (const node of this.all) if (!node.process || node.process.isDead) this.start(node)
  }

  start(node: SimulatedNode): void {
    const { clock, random, log, coordinator, weather, revisions, receiver, counts, switches } = this.#options
    const process = new SimulatedProcess(`${node.id}#${++node.incarnation}`, clock)
    node.process = process
    node.running = undefined
    node.restarting = false
    weather.trace?.(`${process.name} starts`)
    const ports = createProcessPorts({ process, log, coordinator, disk: node.disk, weather })
    const sender = receiver.sender(process)
    const started = startServiceTasks({
      service: node.service,
      process,
      nodeId: node.id,
      ports: switches.ports?.(ports, coordinator) ?? ports,
      log,
      feed: new SimulatedFeed(revisions, process, random),
      counts,
      random,
      sender: switches.sender?.(sender) ?? sender,
      topology: switches.topology ?? ((topology) => topology),
      onFatal: (error) => this.#options.onFatal(process.name, error),
    })
    void this.#remember(node, process, started)
  }

  async #remember(
    node: SimulatedNode,
    process: SimulatedProcess,
    started: Promise<RunningService>,
  ): Promise<void> {
    try {
      const running = await started
      if (node.process === process) node.running = running
    } catch (error) {
      this.#options.onFatal(process.name, error)
    }
  }

  kill(node: SimulatedNode): void {
    if (!node.process || node.process.isDead) return
    this.#options.weather.trace?.(`${node.process.name} is killed`)
    node.process.kill()
    this.kills++
  }

  stall(node: SimulatedNode, ms: number): void {
    const { process } = node
    if (!process || process.isDead || process.isStalled) return
    this.#options.weather.trace?.(`${process.name} stalls for ${ms} ms`)
    process.stall()
    this.stalls++
    this.#options.clock.at(ms, () => {
      if (!process.isDead) this.#options.weather.trace?.(`${process.name} wakes`)
      process.wake()
    })
  }

  /** Asks to stop, as a new version does, and starts again. */
  async restartGracefully(node: SimulatedNode): Promise<void> {
    const { process, running } = node
    if (!process || !running || process.isDead || process.isStalled) return
    this.#options.weather.trace?.(`${process.name} is asked to stop`)
    await running.stop()
    if (process.isDead || node.process !== process) return
    process.kill()
    this.start(node)
  }

  /** Brings back what has died, some time later, with its disk, with less of it, or with none. */
  bringBackLater(): void {
    const { random, clock } = this.#options
    for (const node of this.all) {
      if (!node.process?.isDead || node.restarting) continue
      node.restarting = true
      clock.at(random.between(100, 3_500), () => {
        if (!node.restarting || !node.process?.isDead) return
        this.#disturbDisk(node)
        this.start(node)
      })
    }
  }

  wakeAll(): void {
    for (const { process } of this.all) process?.wake()
  }

  /** Who runs a task now; undefined when nobody does. */
  owner(service: ServiceName, topology: string, partition: number): OwnedTask | undefined {
    for (const node of this.all) {
      if (node.service !== service || !node.process || node.process.isDead) continue
      const status = node.running?.tasks
        .get(topology)
        ?.tasks()
        .find((each) => each.partition === partition)
      if (status?.state === 'running') return { node, status }
    }
    return undefined
  }

  #disturbDisk({ disk, id }: SimulatedNode): void {
    const { random, weather } = this.#options
    if (random.chance(0.15)) {
      weather.trace?.(`${id} has lost stores`)
      disk.lose(random.pick([0.4, 1]))
    } else if (random.chance(0.3)) {
      weather.trace?.(`${id} has lost what was lazy`)
      disk.loseWhatIsLazy()
    }
  }
}
