/**
 * Puts the service together from its ports: the log, the stores, the configuration, the sender. main.ts gives it Kafka,
 * LMDB and the network; tests give it the same in memory.
 *
 * Stops in this order: no more calls and the answers under way committed, the delivery tasks, the sync tasks, gRPC.
 */
import type { WorkspaceConfiguration } from '@tributary/configuration'
import type { PartitionCounts } from '@tributary/contracts'
import { DeliveryPeerServiceClient } from '@tributary/contracts/generated/tributary/delivery/v1/delivery_peers'
import {
  type Health,
  type Logger,
  type Metrics,
  type OwnerLookup,
  type PeerTls,
  type Tracing,
  createPeerClients,
  createTaskObserver,
  createTaskTracer,
  startGrpcServer,
} from '@tributary/service-kit'
import {
  type ConfigurationFeed,
  type RuntimeLog,
  type StateStores,
  type TaskGroup,
  groupName,
  startTaskGroup,
} from '@tributary/stream-runtime'
import { createDispatchObserver } from './delivery/dispatchObserver.ts'
import { type Dispatcher, type Sender, createDispatcher } from './delivery/dispatcher.ts'
import { type Injected, createDeliveryTopology } from './delivery/deliveryTopology.ts'
import { registerQueueMetrics } from './delivery/queueMetrics.ts'
import { createDeliveryServices } from './deliveryService.ts'
import { createSyncTopology } from './sync/syncTopology.ts'

export interface ActivationOptions {
  readonly log: RuntimeLog
  readonly stores: StateStores
  readonly configuration: ConfigurationFeed<WorkspaceConfiguration>
  readonly sender: Sender
  readonly counts: PartitionCounts
  readonly groupPrefix: string
  readonly nodeId: string
  /** Where the other instances reach this one, when its gRPC port is open. */
  readonly address: (grpcPort: number) => string
  /** Who owns the partitions of a group of tasks; `joined` is called after each join of this process. */
  readonly owners: (group: string) => OwnerLookup & { joined(): void }
  readonly peerTls?: PeerTls | undefined
  readonly grpc: { readonly host: string; readonly port: number } & Pick<
    Parameters<typeof startGrpcServer>[0],
    'tokens' | 'tls'
  >
  readonly logger: Logger
  readonly metrics: Metrics
  readonly health: Health
  /** Nothing is traced without it. */
  readonly tracing?: Tracing
  readonly fatal: (error: unknown) => void
  readonly onStop: (name: string, stop: () => Promise<void>) => void
}

/** Layout epoch of the tasks: what was sent is not forgotten by a rebuild, so it never changes. */
const EPOCH = 1
/** Retries become due while nothing else happens; a quarter of a second is a quarter of the shortest wait. */
const PUMP_MS = 250
/** Answers under way get this long; the rest of the grace is for the tasks. */
const ANSWER_GRACE_MS = 10_000

export interface Activation {
  readonly grpcPort: number
}

export async function startActivation(options: ActivationOptions): Promise<Activation> {
  const { logger, metrics, health, configuration, onStop, fatal } = options
  const common = {
    log: options.log,
    stores: options.stores,
    configuration,
    counts: options.counts,
    groupPrefix: options.groupPrefix,
    nodeId: options.nodeId,
    epoch: EPOCH,
    logger,
    tracer: createTaskTracer(options.tracing),
    onFatal: fatal,
  }

  const deliveryTasks = createDeliveryTopology()
  const owners = options.owners(groupName(options.groupPrefix, deliveryTasks.name, EPOCH))
  const peers = createPeerClients(DeliveryPeerServiceClient, { tls: options.peerTls })
  onStop('connections to other instances', async () => peers.close())

  // The gRPC server needs the tasks, which need its address for the owner map: the answers wait for the tasks.
  let delivery: TaskGroup<Injected> | undefined
  const grpc = await startGrpcServer({
    ...options.grpc,
    services: createDeliveryServices({
      partitions: options.counts.delivery,
      tasks: {
        view: (partition) => delivery?.view(partition),
        inject: (partition, value) => delivery?.inject(partition, value) ?? false,
      },
      instances: { nodeId: options.nodeId, peers },
      owners,
      configuration: () => configuration.current()?.value,
      sender: options.sender,
      clock: Date.now,
      logger,
    }),
    health,
    logger,
    metrics,
  })
  onStop('gRPC server', () => grpc.stop())
  const address = options.address(grpc.port)

  health.setReady('sync tasks', false, 'starting')
  const sync = await startTaskGroup({
    ...common,
    topology: createSyncTopology(),
    address,
    onReadiness: (ready, detail) => {
      health.setReady('sync tasks', ready, detail)
    },
  })
  onStop('sync tasks', () => sync.stop())
  const observeTasks = createTaskObserver(metrics)
  observeTasks('sync', sync)

  health.setReady('delivery tasks', false, 'starting')
  let dispatcher: Dispatcher | undefined
  const tasks = await startTaskGroup({
    ...common,
    topology: deliveryTasks,
    address,
    onAssigned: (partitions) => {
      owners.joined()
      dispatcher?.assigned(partitions)
    },
    onReadiness: (ready, detail) => {
      health.setReady('delivery tasks', ready, detail)
    },
  })
  delivery = tasks
  onStop('delivery tasks', () => tasks.stop())
  observeTasks(deliveryTasks.name, tasks)

  const sending = createDispatcher({
    tasks,
    partitionCount: options.counts.delivery,
    configuration: () => configuration.current()?.value,
    sender: options.sender,
    clock: Date.now,
    random: Math.random,
    observer: createDispatchObserver(metrics, logger),
    ...(options.tracing && { tracing: options.tracing }),
    onFatal: fatal,
  })
  dispatcher = sending
  registerQueueMetrics(metrics, tasks)
  const stopListening = [
    tasks.onCommit(() => {
      sending.pump()
    }),
    configuration.onChange(() => {
      sending.pump()
    }),
  ]
  const timer = setInterval(() => {
    sending.pump()
  }, PUMP_MS)
  onStop('dispatcher', async () => {
    clearInterval(timer)
    for (const stop of stopListening) stop()
    await sending.stop(ANSWER_GRACE_MS)
  })
  return { grpcPort: grpc.port }
}
