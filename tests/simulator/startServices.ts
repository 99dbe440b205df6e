/** The tasks of each service in one process of a world, wired as the service's own composition root wires them. */
import { type PartitionCounts, topics } from '@tributary/contracts'
import {
  type ConfigurationFeed,
  type TaskGroup,
  type TaskGroupOptions,
  type Topology,
  startTaskGroup,
} from '@tributary/stream-runtime'
import {
  type Answered,
  createDeliveryTopology,
} from '../../services/activation/src/delivery/deliveryTopology.ts'
import {
  type Dispatcher,
  type Sender,
  createDispatcher,
} from '../../services/activation/src/delivery/dispatcher.ts'
import { createSyncTopology } from '../../services/activation/src/sync/syncTopology.ts'
import { extractorTopology } from '../../services/identity-stitcher/src/extractor/extractorTopology.ts'
import { resolverTopology } from '../../services/identity-stitcher/src/resolver/resolverTopology.ts'
import { fragmentTopology } from '../../services/profile-store/src/fragment/fragmentTopology.ts'
import { createAnchorFiler } from '../../services/profile-store/src/job/anchorFiler.ts'
import { createBackFiller } from '../../services/profile-store/src/job/backFiller.ts'
import { type OutboxSender, createOutboxSender } from '../../services/profile-store/src/job/outboxSender.ts'
import { jobTopology } from '../../services/profile-store/src/job/jobTopology.ts'
import { profileTopology } from '../../services/profile-store/src/profile/profileTopology.ts'
import { createFiledLog, createLoggedEvents } from '../../services/profile-store/src/testing/loggedEvents.ts'
import type { Random } from '../demo/random.ts'
import type { ProcessPorts } from './processPorts.ts'
import type { ShopWorkspace } from './shopWorkspaces.ts'
import { feedOf } from './simulatedFeed.ts'
import type { SimulatedLog } from './simulatedLog.ts'
import type { SimulatedProcess } from './simulatedProcess.ts'

export type ServiceName = 'stitcher' | 'store' | 'activation'
export const serviceNames: readonly ServiceName[] = ['stitcher', 'store', 'activation']

/** Task groups by name of their topology. */
export type RunningTasks = ReadonlyMap<string, TaskGroup>

export interface RunningService {
  readonly tasks: RunningTasks
  stop(): Promise<void>
}

export interface ServiceOptions {
  readonly service: ServiceName
  readonly process: SimulatedProcess
  readonly nodeId: string
  readonly ports: ProcessPorts
  readonly log: SimulatedLog
  readonly feed: ConfigurationFeed<ShopWorkspace>
  readonly counts: PartitionCounts
  readonly random: Random
  readonly sender: Sender
  /** A guard of a processor may be switched off here. */
  readonly topology: <C, X>(topology: Topology<C, X>) => Topology<C, X>
  readonly onFatal: (error: unknown) => void
}

export const GROUP_PREFIX = 'sim'
/** As often as the services look by themselves, ms. */
const PUMP_MS = 250
const OUTBOX_MS = 5_000
const BACK_FILL_MS = 500
const FILING_MS = 500

const unobserved = { opened() {}, computed() {} }

export async function startServiceTasks(options: ServiceOptions): Promise<RunningService> {
  const tasks = new Map<string, TaskGroup>()
  const stops: (() => void)[] = []

  async function start<C, X>(
    topology: Topology<C, X>,
    configuration?: ConfigurationFeed<C>,
    onAssigned: (partitions: readonly number[]) => void = () => {},
  ): Promise<TaskGroup<X>> {
    const given: TaskGroupOptions<C, X> = {
      topology: options.topology(topology),
      log: options.ports.log,
      stores: options.ports.stores,
      counts: options.counts,
      groupPrefix: GROUP_PREFIX,
      nodeId: options.nodeId,
      ...(configuration && { configuration }),
      clock: options.process.clock,
      random: () => options.random.next(),
      onFatal: options.onFatal,
      onAssigned,
    }
    const group = await startTaskGroup(given)
    tasks.set(topology.name, group)
    return group
  }

  async function startStitcher(): Promise<void> {
    await start(extractorTopology({ seen() {}, sent() {} }))
    await start(
      resolverTopology({
        resolved() {},
        passedOver(reason, offset) {
          if (reason !== 'older rules')
            options.onFatal(new Error(`evidence ${offset} passed over: ${reason}`))
        },
      }),
    )
  }

  async function startStore(): Promise<void> {
    await start(fragmentTopology(unobserved))
    await start(
      profileTopology(unobserved),
      feedOf(options.feed, ({ view }) => view.profiles),
    )
    const produceEvents = (records: readonly { partition: number; value: Uint8Array }[]) =>
      options.ports.produce(() => {
        for (const { partition, value } of records)
          options.log.append(topics.events, partition, { key: null, value })
      })
    let outbox: OutboxSender | undefined
    const jobs = await start(
      jobTopology(options.counts),
      feedOf(options.feed, ({ view }) => view.jobs),
      (partitions) => outbox?.assigned(partitions),
    )
    const sending = (outbox = createOutboxSender({
      view: () => jobs.view(0),
      send: produceEvents,
      inject: (sent) => jobs.inject(0, sent),
      onFailure: () => {},
    }))
    const logged = {
      events: (partition: number) => options.log.all(topics.events, partition),
      skipped: (partition: number) => options.log.all(topics.skipped, partition),
    }
    const filing = createAnchorFiler({
      view: () => jobs.view(0),
      log: createFiledLog(logged, options.counts.identifier),
      partitions: options.counts.identifier,
      send: produceEvents,
      inject: (filed) => jobs.inject(0, filed),
      onFailure: () => {},
    })
    const filling = createBackFiller({
      view: () => jobs.view(0),
      log: createLoggedEvents(logged),
      send: produceEvents,
      inject: (sent) => jobs.inject(0, sent),
      onFailure: () => {},
    })
    stops.push(
      jobs.onCommit(() => sending.wake()),
      every(OUTBOX_MS, () => sending.wake()),
      every(BACK_FILL_MS, () => filling.wake()),
      every(FILING_MS, () => filing.wake()),
    )
  }

  async function startActivation(): Promise<void> {
    const workspaces = feedOf(options.feed, ({ workspace }) => workspace)
    await start(createSyncTopology(), workspaces)
    let dispatcher: Dispatcher | undefined
    const delivery: TaskGroup<Answered> = await start(createDeliveryTopology(), workspaces, (partitions) =>
      dispatcher?.assigned(partitions),
    )
    const sending = (dispatcher = createDispatcher({
      tasks: delivery,
      partitionCount: options.counts.delivery,
      configuration: () => workspaces.current()?.value,
      sender: options.sender,
      clock: () => options.process.clock.now(),
      random: () => options.random.next(),
      observer: { answered() {}, dead() {}, held() {}, open() {} },
      onFatal: options.onFatal,
    }))
    const pump = () => sending.pump()
    stops.push(delivery.onCommit(pump), workspaces.onChange(pump), every(PUMP_MS, pump))
  }

  function every(ms: number, run: () => void): () => void {
    let stopped = false
    const next = () => {
      if (stopped) return
      run()
      options.process.after(ms, next)
    }
    options.process.after(ms, next)
    return () => (stopped = true)
  }

  await { stitcher: startStitcher, store: startStore, activation: startActivation }[options.service]()
  return {
    tasks,
    async stop() {
      for (const stop of stops) stop()
      for (const group of [...tasks.values()].toReversed()) await group.stop()
    },
  }
}
