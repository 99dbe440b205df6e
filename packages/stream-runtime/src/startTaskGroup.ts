/**
 * One process's share of a topology: joins the group, opens a task for each partition it is given, and closes those
 * that are taken away. A partition that stays across a rebalance keeps its producer and its store.
 */
import type { PartitionCounts } from '@tributary/contracts'
import { checkTopology } from './checkTopology.ts'
import { describeTasks } from './describeTasks.ts'
import { type BatchLimits, DEFAULT_LIMITS } from './pacing.ts'
import { type Clock, systemClock } from './ports/clock.ts'
import type { ConfigurationFeed } from './ports/configurationFeed.ts'
import type { Membership, RuntimeLog } from './ports/log.ts'
import { type RuntimeLogger, silentLogger } from './ports/logger.ts'
import type { StateStores } from './ports/store.ts'
import type { TaskTracer } from './ports/tracer.ts'
import type { Topology } from './processor.ts'
import { TaskSupervisor } from './superviseTask.ts'
import type { CommittedBatch, TaskGroup, TaskState, TaskStatus } from './taskGroup.ts'

export interface TaskGroupOptions<C = unknown, X = never> {
  readonly topology: Topology<C, X>
  readonly log: RuntimeLog
  readonly stores: StateStores
  readonly counts: PartitionCounts
  /** Prefix of group, transactional ids and store names: the installation's GROUP_PREFIX. */
  readonly groupPrefix: string
  readonly nodeId: string
  /** Where this node answers gRPC questions, for the owner map. */
  readonly address?: string
  /** Layout epoch; 1 at first. */
  readonly epoch?: number
  readonly configuration?: ConfigurationFeed<C>
  readonly logger?: RuntimeLogger
  /** Is told of every committed record that carries a trace. */
  readonly tracer?: TaskTracer | undefined
  readonly limits?: Partial<BatchLimits>
  readonly clock?: Clock
  readonly random?: () => number
  /** The process must stop: nothing in it can repair this. Called once. */
  readonly onFatal: (error: Error) => void
  /** Ready when the group has been joined and every owned task runs; the detail says what is missing. */
  readonly onReadiness?: (ready: boolean, detail: string) => void
  /** After each join: the partitions this process owns now, which may have come from or gone to others. */
  readonly onAssigned?: (partitions: readonly number[]) => void
}

/** How often the group's offsets are committed for lag tools, ms. */
const LAG_COMMIT_MS = 5_000

/** How often progress is looked at, and told in the log while there is a backlog, ms. */
const PROGRESS_MS = 1_000
const PROGRESS_LOG_MS = 5_000
/**
 * Without a word from the group for so long, ms, others may own the partitions: as long as the group waits for a
 * silent member. A process that was frozen thus answers nothing from its old state when it wakes up.
 */
const LEASE_MS = 10_000

/** "cdp.fragment.1": consumer group, folder of the stores and, with ".<partition>", transactional id. */
export function groupName(prefix: string, topology: string, epoch: number): string {
  return `${prefix}.${topology}.${epoch}`
}

export async function startTaskGroup<C = unknown, X = never>(
  options: TaskGroupOptions<C, X>,
): Promise<TaskGroup<X>> {
  checkTopology(options.topology)
  const group = new RunningGroup(options)
  await group.join()
  return group
}

interface Owned<C, X> {
  readonly supervisor: TaskSupervisor<C, X>
  readonly injected: X[]
}

class RunningGroup<C, X> implements TaskGroup<X> {
  readonly #options: TaskGroupOptions<C, X>
  readonly #name: string
  readonly #clock: Clock
  readonly #logger: RuntimeLogger
  readonly #owned = new Map<number, Owned<C, X>>()
  /** Tasks that are still closing, by partition: the next one of the same partition waits for it. */
  readonly #closing = new Map<number, Promise<void>>()
  readonly #listeners = new Set<(batch: CommittedBatch) => void>()
  readonly #stopping = new AbortController()
  #membership: Membership | undefined
  #joined = false
  #failed = false
  #readiness: string | undefined
  #stopListening = () => {}
  #background: Promise<unknown> = Promise.resolve()

  constructor(options: TaskGroupOptions<C, X>) {
    this.#options = options
    this.#name = groupName(options.groupPrefix, options.topology.name, options.epoch ?? 1)
    this.#clock = options.clock ?? systemClock
    this.#logger = options.logger ?? silentLogger
  }

  async join(): Promise<void> {
    const { topology, log, nodeId, address, configuration } = this.#options
    this.#report()
    this.#membership = await log.join({
      group: this.#name,
      topics: topology.inputs,
      nodeId,
      ...(address === undefined ? {} : { address }),
      onAssigned: (partitions) => this.#assigned(partitions),
      onFatal: (error) => this.#fail(error),
    })
    if (configuration)
      this.#stopListening = configuration.onChange(() => {
        for (const { supervisor } of this.#owned.values()) supervisor.task.wake()
      })
    this.#background = Promise.all([
      this.#commitForTools(),
      this.#options.onReadiness ? this.#watchProgress() : undefined,
    ])
  }

  async stop(): Promise<void> {
    if (this.#stopping.signal.aborted) return
    this.#stopping.abort()
    this.#stopListening()
    for (const partition of this.#owned.keys()) this.#give(partition)
    await Promise.all(this.#closing.values())
    await this.#background
    await this.#membership?.leave()
  }

  tasks(): readonly TaskStatus[] {
    return [...this.#owned]
      .sort(([a], [b]) => a - b)
      .map(([partition, { supervisor }]) => {
        const { task, openings } = supervisor
        const { progress } = task
        return {
          partition,
          state: task.state,
          positions: task.reached,
          lag: task.lag,
          openings,
          configurationOffset: task.meta.configurationOffset,
          ...(progress === undefined ? {} : { restored: progress }),
        }
      })
  }

  view(partition: number) {
    const confirmedAtMs = this.#membership?.confirmedAtMs() ?? -Infinity
    if (this.#clock.now() - confirmedAtMs > LEASE_MS) return undefined
    return this.#owned.get(partition)?.supervisor.task.view()
  }

  inject(partition: number, value: X): boolean {
    const owned = this.#owned.get(partition)
    if (!owned || this.#failed) return false
    owned.injected.push(value)
    owned.supervisor.task.wake()
    return true
  }

  onCommit(listener: (batch: CommittedBatch) => void): () => void {
    this.#listeners.add(listener)
    return () => this.#listeners.delete(listener)
  }

  #assigned(partitions: readonly number[]): void {
    if (this.#stopping.signal.aborted || this.#failed) return
    this.#joined = true
    const now = new Set(partitions)
    const taken = [...this.#owned.keys()].filter((partition) => !now.has(partition))
    const given = partitions.filter((partition) => !this.#owned.has(partition))
    for (const partition of taken) this.#give(partition)
    for (const partition of given) this.#take(partition)
    this.#logger.info(
      { group: this.#name, partitions: [...now].sort((a, b) => a - b), given, taken },
      'partitions assigned',
    )
    this.#options.onAssigned?.(partitions)
    this.#report()
  }

  #take(partition: number): void {
    const { topology, log, stores, counts, configuration, nodeId, limits, epoch = 1 } = this.#options
    const injected: X[] = []
    const supervisor = new TaskSupervisor<C, X>(
      {
        topology,
        partition,
        epoch,
        counts,
        group: this.#name,
        nodeId,
        log,
        stores,
        ...(configuration === undefined ? {} : { configuration }),
        limits: { ...DEFAULT_LIMITS, ...limits },
        clock: this.#clock,
        logger: this.#logger,
        ...(this.#options.tracer === undefined ? {} : { tracer: this.#options.tracer }),
        injected,
        random: this.#options.random ?? Math.random,
        confirmedAtMs: () => this.#membership?.confirmedAtMs() ?? -Infinity,
        onCommit: (batch) => this.#committed(batch),
        onState: (state) => this.#stateChanged(partition, state),
        onFatal: (error) => this.#fail(error),
      },
      this.#closing.get(partition),
    )
    this.#owned.set(partition, { supervisor, injected })
  }

  #give(partition: number): void {
    const owned = this.#owned.get(partition)
    if (!owned) return
    this.#owned.delete(partition)
    const closed = owned.supervisor.drain().finally(() => {
      if (this.#closing.get(partition) === closed) this.#closing.delete(partition)
    })
    this.#closing.set(partition, closed)
  }

  #committed(batch: CommittedBatch): void {
    for (const listener of this.#listeners) listener(batch)
  }

  #stateChanged(partition: number, state: TaskState): void {
    this.#logger.debug({ group: this.#name, partition, state }, 'task')
    this.#report()
  }

  #report(): void {
    const { onReadiness, topology } = this.#options
    if (!onReadiness || this.#stopping.signal.aborted) return
    const { ready, detail } = describeTasks(topology.name, this.#joined, this.tasks())
    if (detail === this.#readiness) return
    this.#readiness = detail
    onReadiness(ready, detail)
  }

  #fail(error: Error): void {
    if (this.#failed || this.#stopping.signal.aborted) return
    this.#failed = true
    this.#logger.error({ group: this.#name, reason: error.message }, 'this process must stop')
    this.#options.onReadiness?.(false, error.message)
    // The other tasks stop where they are: what they have begun is thrown away by the next owner, or committed.
    for (const partition of this.#owned.keys()) this.#give(partition)
    this.#options.onFatal(error)
  }

  async #watchProgress(): Promise<void> {
    const { signal } = this.#stopping
    let toldAtMs = -Infinity
    while (!signal.aborted && !this.#failed) {
      await this.#clock.sleep(PROGRESS_MS, signal)
      if (signal.aborted || this.#failed) return
      this.#report()
      const { behind } = describeTasks(this.#options.topology.name, this.#joined, this.tasks())
      const nowMs = this.#clock.now()
      if (behind > 0 && nowMs - toldAtMs < PROGRESS_LOG_MS) continue
      if (behind > 0) this.#logger.info({ group: this.#name, behind }, 'catching up')
      else if (toldAtMs > 0) this.#logger.info({ group: this.#name }, 'caught up')
      toldAtMs = behind > 0 ? nowMs : -Infinity
    }
  }

  async #commitForTools(): Promise<void> {
    const { signal } = this.#stopping
    while (!signal.aborted) {
      await this.#clock.sleep(LAG_COMMIT_MS, signal)
      if (signal.aborted || this.#failed) return
      const positions = [...this.#owned].flatMap(([partition, { supervisor }]) =>
        supervisor.task.state === 'running'
          ? this.#options.topology.inputs.map((topic) => ({
              topic,
              partition,
              offset: supervisor.task.positions[topic.name] ?? 0,
            }))
          : [],
      )
      if (positions.length > 0) await this.#membership?.commitForTools(positions).catch(() => {})
    }
  }
}
