/**
 * Puts the service together from its ports: the log, the stores, the configuration. startService.ts gives it Kafka and
 * LMDB; tests give it the same in memory.
 *
 * Stops in this order: gRPC, resolver, extractors.
 */
import { randomUUID } from 'node:crypto'
import type { PartitionCounts } from '@tributary/contracts'
import { IdentityServiceClient } from '@tributary/contracts/generated/tributary/identity/v1/identity_service'
import {
  type GrpcServerOptions,
  type Health,
  type Logger,
  type Metrics,
  type OwnerLookup,
  type PeerTls,
  type Tracing,
  createPeerClients,
  createPositionWaits,
  createReachedService,
  createTaskObserver,
  createTaskTracer,
  startGrpcServer,
} from '@tributary/service-kit'
import {
  type RuntimeLog,
  type StateStores,
  type TaskGroup,
  type TaskGroupOptions,
  groupName,
  startTaskGroup,
} from '@tributary/stream-runtime'
import type { SubmittedFact } from './facts/announceFact.ts'
import { extractorTopology } from './extractor/extractorTopology.ts'
import { createIdentityService } from './questions/identityService.ts'
import type { IdentifierReading } from './questions/readRef.ts'
import { resolverTopology } from './resolver/resolverTopology.ts'
import { observeStitcher } from './stitcherMetrics.ts'

export interface IdentityStitcherOptions {
  readonly log: RuntimeLog
  readonly stores: StateStores
  /** How values in questions become identifier ids: by the newest revision. */
  readonly reading: () => IdentifierReading
  readonly counts: PartitionCounts
  readonly groupPrefix: string
  /** Layout epoch these tasks work in. */
  readonly epoch: number
  readonly nodeId: string
  /** Where the other instances reach this one, when its gRPC port is open. */
  readonly address: (grpcPort: number) => string
  /** Who owns the partitions of a group of tasks; `joined` is called after each join of this process. */
  readonly owners: (group: string) => OwnerLookup & { joined(): void }
  readonly peerTls?: PeerTls | undefined
  readonly grpc: Pick<GrpcServerOptions, 'port' | 'tokens'> & Partial<Pick<GrpcServerOptions, 'host' | 'tls'>>
  readonly logger: Logger
  readonly metrics: Metrics
  readonly health: Health
  /** Nothing is traced without it. */
  readonly tracing?: Tracing
  readonly fatal: (error: unknown) => void
  readonly onStop: (name: string, stop: () => Promise<void>) => void
  /** Time and ids of facts; the process's clock and random ones when left out. */
  readonly now?: () => number
  readonly newId?: () => string
}

export async function startIdentityStitcher(
  options: IdentityStitcherOptions,
): Promise<{ readonly grpcPort: number }> {
  const { logger, metrics, health, onStop } = options
  const observers = observeStitcher(metrics, logger, health)
  const observeTasks = createTaskObserver(metrics)

  const extractorTasks = extractorTopology(observers.extractor)
  const resolverTasks = resolverTopology(observers.resolver)
  const owners = options.owners(groupName(options.groupPrefix, resolverTasks.name, options.epoch))
  const peers = createPeerClients(IdentityServiceClient, { tls: options.peerTls })
  onStop('connections to other instances', async () => peers.close())

  // The gRPC server needs the tasks, which need its address for the owner map: questions wait for the tasks.
  let extractors: TaskGroup | undefined
  let resolver: TaskGroup<SubmittedFact> | undefined
  const service = createIdentityService({
    view: () => resolver?.view(0),
    instances: { nodeId: options.nodeId, peers },
    owners,
    reading: options.reading,
    facts: {
      submit: (fact) => resolver?.inject(0, fact) ?? false,
      now: options.now ?? Date.now,
      newId: options.newId ?? randomUUID,
      nextCommit: () => nextCommit(resolver),
    },
    logger,
  })
  const waits = createPositionWaits((task, partition, topic) => {
    const group =
      task === extractorTasks.name ? extractors : task === resolverTasks.name ? resolver : undefined
    // What is shown by the view is what may be told.
    if (!group?.view(partition)) return undefined
    return group.tasks().find((each) => each.partition === partition)?.positions[topic]
  })
  const grpc = await startGrpcServer({
    ...options.grpc,
    services: [service, createReachedService(waits, logger)],
    health,
    logger,
    metrics,
  })

  const address = options.address(grpc.port)

  async function start<X>(
    given: Pick<TaskGroupOptions<unknown, X>, 'topology' | 'onAssigned'>,
  ): Promise<TaskGroup<X>> {
    const name = `${given.topology.name} tasks`
    health.setReady(name, false, 'starting')
    const group = await startTaskGroup<unknown, X>({
      ...given,
      log: options.log,
      stores: options.stores,
      counts: options.counts,
      groupPrefix: options.groupPrefix,
      nodeId: options.nodeId,
      epoch: options.epoch,
      address,
      logger,
      tracer: createTaskTracer(options.tracing),
      onFatal: options.fatal,
      onReadiness: (ready, detail) => health.setReady(name, ready, detail),
    })
    onStop(name, () => group.stop())
    observeTasks(given.topology.name, group)
    return group
  }
  extractors = await start({ topology: extractorTasks })
  resolver = await start({ topology: resolverTasks, onAssigned: () => owners.joined() })
  onStop('gRPC server', () => grpc.stop())
  return { grpcPort: grpc.port }
}

/** 50 ms: how long a commit is waited for before the state is looked at again, whatever has happened to the task. */
const LOOK_AGAIN_MS = 50

function nextCommit(group: TaskGroup<SubmittedFact> | undefined): Promise<void> {
  return new Promise((resolve) => {
    const done = (): void => {
      clearTimeout(timer)
      stop?.()
      resolve()
    }
    const timer = setTimeout(done, LOOK_AGAIN_MS)
    const stop = group?.onCommit(done)
  })
}
