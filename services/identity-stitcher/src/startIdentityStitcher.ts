/**
 * Puts the service together from its ports: the log, the stores, the configuration. startService.ts gives it Kafka and
 * LMDB; tests give it the same in memory.
 *
 * Stops in this order: gRPC, resolver, extractors.
 */
import type { PartitionCounts } from '@tributary/contracts'
import {
  type GrpcServerOptions,
  type Health,
  type Logger,
  type Metrics,
  startGrpcServer,
} from '@tributary/service-kit'
import {
  type RuntimeLog,
  type StateStores,
  type TaskGroup,
  type Topology,
  startTaskGroup,
} from '@tributary/stream-runtime'
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
  readonly nodeId: string
  readonly grpc: Pick<GrpcServerOptions, 'port' | 'tokens'> & Partial<Pick<GrpcServerOptions, 'host' | 'tls'>>
  readonly logger: Logger
  readonly metrics: Metrics
  readonly health: Health
  readonly fatal: (error: unknown) => void
  readonly onStop: (name: string, stop: () => Promise<void>) => void
}

export async function startIdentityStitcher(
  options: IdentityStitcherOptions,
): Promise<{ readonly grpcPort: number }> {
  const { logger, metrics, health, onStop } = options
  const observers = observeStitcher(metrics, logger)

  // The gRPC server needs the tasks, which need its address for the owner map: questions wait for the tasks.
  let resolver: TaskGroup | undefined
  const service = createIdentityService({
    view: () => resolver?.view(0),
    reading: options.reading,
    logger,
  })
  const grpc = await startGrpcServer({ ...options.grpc, services: [service], health, logger, metrics })

  async function start(topology: Topology): Promise<TaskGroup> {
    const name = `${topology.name} tasks`
    health.setReady(name, false, 'starting')
    const group = await startTaskGroup({
      topology,
      log: options.log,
      stores: options.stores,
      counts: options.counts,
      groupPrefix: options.groupPrefix,
      nodeId: options.nodeId,
      address: `${options.nodeId}:${grpc.port}`,
      logger,
      onFatal: options.fatal,
      onReadiness: (ready, detail) => health.setReady(name, ready, detail),
    })
    onStop(name, () => group.stop())
    return group
  }
  await start(extractorTopology(observers.extractor))
  resolver = await start(resolverTopology(observers.resolver))
  onStop('gRPC server', () => grpc.stop())
  return { grpcPort: grpc.port }
}
