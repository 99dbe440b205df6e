/**
 * Puts the service together from its ports: the log, the stores, the configuration, the sender. main.ts gives it Kafka,
 * LMDB and the network; tests give it the same in memory.
 *
 * Stops in this order: no more calls and the answers under way committed, the delivery tasks, the sync tasks, gRPC.
 */
import type { WorkspaceConfiguration } from '@tributary/configuration'
import type { PartitionCounts } from '@tributary/contracts'
import { DeliveryServiceService } from '@tributary/contracts/generated/tributary/delivery/v1/delivery'
import { type Health, type Logger, type Metrics, grpcService, startGrpcServer } from '@tributary/service-kit'
import {
  type ConfigurationFeed,
  type RuntimeLog,
  type StateStores,
  type TaskGroup,
  startTaskGroup,
} from '@tributary/stream-runtime'
import { createDispatchObserver } from './delivery/dispatchObserver.ts'
import { type Sender, createDispatcher } from './delivery/dispatcher.ts'
import { type Answered, createDeliveryTopology } from './delivery/deliveryTopology.ts'
import { registerPendingMetric } from './delivery/pendingMetric.ts'
import { createDeliveryService } from './deliveryService.ts'
import { createSyncTopology } from './sync/syncTopology.ts'

export interface ActivationOptions {
  readonly log: RuntimeLog
  readonly stores: StateStores
  readonly configuration: ConfigurationFeed<WorkspaceConfiguration>
  readonly sender: Sender
  readonly counts: PartitionCounts
  readonly groupPrefix: string
  readonly nodeId: string
  readonly grpc: { readonly host: string; readonly port: number } & Pick<
    Parameters<typeof startGrpcServer>[0],
    'tokens' | 'tls'
  >
  readonly logger: Logger
  readonly metrics: Metrics
  readonly health: Health
  readonly fatal: (error: unknown) => void
  readonly onStop: (name: string, stop: () => Promise<void>) => void
}

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
    logger,
    onFatal: fatal,
  }

  // The gRPC server needs the tasks, which need its address for the owner map: the answers wait for the tasks.
  let delivery: TaskGroup<Answered> | undefined
  const grpc = await startGrpcServer({
    ...options.grpc,
    services: [
      grpcService(
        DeliveryServiceService,
        createDeliveryService({
          tasks: () => delivery?.tasks() ?? [],
          view: (partition) => delivery?.view(partition),
        }),
      ),
    ],
    health,
    logger,
    metrics,
  })
  onStop('gRPC server', () => grpc.stop())
  const address = `${options.nodeId}:${grpc.port}`

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

  health.setReady('delivery tasks', false, 'starting')
  const tasks = await startTaskGroup({
    ...common,
    topology: createDeliveryTopology(),
    address,
    onReadiness: (ready, detail) => {
      health.setReady('delivery tasks', ready, detail)
    },
  })
  delivery = tasks
  onStop('delivery tasks', () => tasks.stop())

  const dispatcher = createDispatcher({
    tasks,
    partitionCount: options.counts.delivery,
    configuration: () => configuration.current()?.value,
    sender: options.sender,
    clock: Date.now,
    random: Math.random,
    observer: createDispatchObserver(metrics, logger),
    onFatal: fatal,
  })
  registerPendingMetric(metrics, tasks)
  const stopListening = [
    tasks.onCommit(() => {
      dispatcher.pump()
    }),
    configuration.onChange(() => {
      dispatcher.pump()
    }),
  ]
  const timer = setInterval(() => {
    dispatcher.pump()
  }, PUMP_MS)
  onStop('dispatcher', async () => {
    clearInterval(timer)
    for (const stop of stopListening) stop()
    await dispatcher.stop(ANSWER_GRACE_MS)
  })
  return { grpcPort: grpc.port }
}
