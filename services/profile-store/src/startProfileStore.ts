/**
 * Puts the service together from its ports: the log, the stores, the configuration. startService.ts gives it Kafka and
 * LMDB; tests give it the same in memory.
 *
 * Stops in this order: gRPC, jobs and their outbox, profiles, fragments.
 */
import {
  type AnchoredEvents,
  type FiledEvents,
  type FoldedEvents,
  type RecentLedger,
} from '@tributary/clickhouse-log'
import { type ProcessConfiguration } from '@tributary/configuration'
import { type PartitionCounts } from '@tributary/contracts'
import { AudiencePeerServiceClient } from '@tributary/contracts/generated/tributary/audience/v1/audience_peers'
import { ReachedServiceClient } from '@tributary/contracts/generated/tributary/ingest/v1/reached'
import { ProfilePeerServiceClient } from '@tributary/contracts/generated/tributary/profile/v1/profile_peers'
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
import { createAudiencePeerService } from './audience/audiencePeerService.ts'
import { createAudienceService } from './audience/audienceService.ts'
import { fragmentTopology } from './fragment/fragmentTopology.ts'
import { createChangeFeed } from './grpc/watch/changeFeed.ts'
import { createProfilePeerService } from './grpc/profilePeerService.ts'
import { createProfileReads } from './grpc/profileReads.ts'
import { createProfileService } from './grpc/profileService.ts'
import { reachTasks } from './grpc/reachTasks.ts'
import { Watchers } from './grpc/watch/watchers.ts'
import { startProfileDoor } from './http/profileDoor.ts'
import { createAnchorFiler } from './job/anchorFiler.ts'
import { createBackFiller } from './job/backFiller.ts'
import { type Sent } from './job/jobProcessor.ts'
import { type OutboxPorts, type OutboxSender, createOutboxSender } from './job/outboxSender.ts'
import { jobTopology } from './job/jobTopology.ts'
import { LEDGER_CHECK_MS, createLedgerCheck } from './ledgerCheck.ts'
import { observeProfileStore, observeTotals } from './profileStoreMetrics.ts'
import { profileTopology } from './profile/profileTopology.ts'
import { type WorkspaceView, partOf } from './workspaceView.ts'

export interface ProfileStoreOptions {
  readonly log: RuntimeLog
  readonly stores: StateStores
  readonly configuration: Pick<ProcessConfiguration<WorkspaceView>, 'current' | 'at' | 'onChange'>
  /** Sends control records to partitions of the events topic, outside transactions; resolves when they are durable. */
  readonly sendToEvents: OutboxPorts['send']
  /** The log of events, for what came before an adoption. */
  readonly events: FoldedEvents
  /** The same log, for anchors that are filed again. */
  readonly filedEvents: FiledEvents
  /** The same log, for those who ask for the events of a profile. */
  readonly loggedEvents: AnchoredEvents
  /** The ledger of the log since a time, ms since 1970. */
  readonly recentLedger: (sinceMs: number) => Promise<readonly RecentLedger[]>
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
  /** Of the same reads over HTTP; 0 = any free one. */
  readonly httpPort: number
  readonly logger: Logger
  readonly metrics: Metrics
  readonly health: Health
  /** Nothing is traced without it. */
  readonly tracing?: Tracing
  readonly nowMs: () => number
  readonly fatal: (error: unknown) => void
  readonly onStop: (name: string, stop: () => Promise<void>) => void
}

/** Outbox rows that could not be sent are tried again after so long, ms; the producer itself has tried for longer. */
const OUTBOX_RETRY_MS = 5_000
/** Whether the log has all that a back-fill needs is asked so often, ms: its writers close a range each second. */
const BACK_FILL_RETRY_MS = 500
/** Whether events of blocked anchors are to be filed is looked at so often, ms: one small question for each of their partitions. */
const FILING_MS = 1_000

export async function startProfileStore(
  options: ProfileStoreOptions,
): Promise<{ readonly grpcPort: number; readonly httpPort: number }> {
  const { configuration, counts, logger, metrics, health, onStop, nowMs } = options
  const watchers = new Watchers()
  const observers = observeProfileStore(metrics, nowMs)
  const observeTasks = createTaskObserver(metrics)
  const totals = observeTotals(metrics)

  const fragmentTasks = fragmentTopology(observers.fragments)
  const profileTasks = profileTopology(observers.profiles)
  const ownersOf = ({ name }: { readonly name: string }) =>
    options.owners(groupName(options.groupPrefix, name, options.epoch))
  const identifierOwners = ownersOf(fragmentTasks)
  const profileOwners = ownersOf(profileTasks)
  const peers = createPeerClients(ProfilePeerServiceClient, { tls: options.peerTls })
  onStop('connections to other instances', async () => peers.close())
  const audiencePeers = createPeerClients(AudiencePeerServiceClient, { tls: options.peerTls })
  onStop('connections to other instances, for audiences', async () => audiencePeers.close())
  const reachedPeers = createPeerClients(ReachedServiceClient, { tls: options.peerTls })
  onStop('connections to other tasks', async () => reachedPeers.close())

  // The gRPC server needs the tasks, which need its address for the owner map: questions wait for the tasks.
  let fragments: TaskGroup | undefined
  let profiles: TaskGroup | undefined
  const views = {
    counts,
    fragment: (partition: number) => fragments?.view(partition),
    profile: (partition: number) => profiles?.view(partition),
  }
  const waits = createPositionWaits((task, partition, topic) => {
    const group = task === fragmentTasks.name ? fragments : task === profileTasks.name ? profiles : undefined
    // What is shown by the view is what may be told.
    if (!group?.view(partition)) return undefined
    return group.tasks().find((each) => each.partition === partition)?.positions[topic]
  })
  const reach = {
    nodeId: options.nodeId,
    peers: reachedPeers,
    // Of the identity-stitcher: its instances are found in its groups, as its own find each other.
    owners: {
      fragment: identifierOwners,
      profile: profileOwners,
      extractor: ownersOf({ name: 'extractor' }),
      resolver: ownersOf({ name: 'resolver' }),
    },
    waits,
    log: options.log,
    nowMs,
  }
  const instances = { nodeId: options.nodeId, peers, identifierOwners, profileOwners }
  const reading = () => configuration.current()?.value.reading
  const reads = createProfileReads({
    views,
    instances,
    reading,
    epoch: options.epoch,
    nowMs,
    writes: (call, deadlineMs) => reachTasks(reach, call, deadlineMs),
    log: options.loggedEvents,
  })
  const grpc = await startGrpcServer({
    ...options.grpc,
    services: [
      createProfileService({
        views,
        instances,
        reading,
        log: options.log,
        watchers,
        feed: createChangeFeed({ log: options.log, partitions: counts.profile, watchers }),
        reads,
        logger,
      }),
      createProfilePeerService(views, logger),
      createAudienceService({ views, instances, peers: audiencePeers, reading, logger }),
      createAudiencePeerService(views, logger),
      createReachedService(waits, logger),
    ],
    health,
    logger,
    metrics,
  })
  const address = options.address(grpc.port)

  async function start<C, X>(
    given: Pick<TaskGroupOptions<C, X>, 'topology' | 'configuration' | 'onAssigned'>,
  ): Promise<TaskGroup<X>> {
    const name = `${given.topology.name} tasks`
    health.setReady(name, false, 'starting')
    const group = await startTaskGroup({
      ...given,
      log: options.log,
      stores: options.stores,
      counts,
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

  fragments = await start({
    topology: fragmentTasks,
    onAssigned: () => identifierOwners.joined(),
  })
  fragments.onCommit(({ partition }) => observers.fragments.committed(partition))

  const profileGroup = await start({
    topology: profileTasks,
    configuration: partOf(configuration, 'profiles'),
    onAssigned: () => profileOwners.joined(),
  })
  profiles = profileGroup
  profileGroup.onCommit(({ partition }) => {
    observers.profiles.committed(partition)
    totals(partition, profileGroup.view(partition))
  })

  let outbox: OutboxSender | undefined
  const jobs = await start({
    topology: jobTopology(counts),
    configuration: partOf(configuration, 'jobs'),
    onAssigned: (partitions) => outbox?.assigned(partitions),
  })
  outbox = startOutbox(options, jobs)
  startBackFiller(options, jobs)
  startAnchorFiler(options, jobs)
  startLedgerCheck(options, jobs)

  onStop('gRPC server', () => grpc.stop())
  const door = await startProfileDoor({
    host: options.grpc.host ?? '0.0.0.0',
    port: options.httpPort,
    tokens: options.grpc.tokens,
    tls: options.grpc.tls,
    reads,
    logger,
  })
  onStop('HTTP server', () => door.stop())
  return { grpcPort: grpc.port, httpPort: door.port }
}

function startOutbox(
  { sendToEvents, logger, onStop }: ProfileStoreOptions,
  jobs: Pick<TaskGroup<Sent>, 'view' | 'inject' | 'onCommit'>,
): OutboxSender {
  const outbox = createOutboxSender({
    view: () => jobs.view(0),
    send: sendToEvents,
    inject: (sent) => jobs.inject(0, sent),
    onFailure: (error) =>
      logger.error(
        { err: error },
        `control records could not be sent to the events topic; tried again in ${OUTBOX_RETRY_MS} ms`,
      ),
  })
  jobs.onCommit(() => outbox.wake())
  // Also what an earlier owner had committed and not sent, and what failed.
  const timer = setInterval(() => outbox.wake(), OUTBOX_RETRY_MS)
  onStop('outbox', async () => {
    clearInterval(timer)
    await outbox.stop()
  })
  return outbox
}

function startBackFiller(
  { events, sendToEvents, logger, onStop }: ProfileStoreOptions,
  jobs: Pick<TaskGroup<Sent>, 'view' | 'inject'>,
): void {
  const backFiller = createBackFiller({
    view: () => jobs.view(0),
    log: events,
    send: sendToEvents,
    inject: (sent) => jobs.inject(0, sent),
    onFailure: (error) =>
      logger.error(
        { err: error },
        `the back-fill of a trait or audience could not go on; tried again in ${BACK_FILL_RETRY_MS} ms`,
      ),
  })
  const timer = setInterval(() => backFiller.wake(), BACK_FILL_RETRY_MS)
  onStop('back-fill', async () => {
    clearInterval(timer)
    await backFiller.stop()
  })
}

function startAnchorFiler(
  { filedEvents, counts, sendToEvents, logger, onStop }: ProfileStoreOptions,
  jobs: Pick<TaskGroup<Sent>, 'view' | 'inject'>,
): void {
  const filer = createAnchorFiler({
    view: () => jobs.view(0),
    log: filedEvents,
    partitions: counts.identifier,
    send: sendToEvents,
    inject: (filed) => jobs.inject(0, filed),
    onFailure: (error) =>
      logger.error(
        { err: error },
        `events of blocked identifiers could not be filed again; tried again in ${FILING_MS} ms`,
      ),
  })
  const timer = setInterval(() => filer.wake(), FILING_MS)
  onStop('filing of blocked identifiers', async () => {
    clearInterval(timer)
    await filer.stop()
  })
}

function startLedgerCheck(
  { recentLedger, nowMs, logger, metrics, onStop }: ProfileStoreOptions,
  jobs: Pick<TaskGroup<Sent>, 'view'>,
): void {
  const check = createLedgerCheck({
    metrics,
    isOwner: () => jobs.view(0) !== undefined,
    measure: recentLedger,
    nowMs,
    onFailure: (error) =>
      logger.warn(
        { err: error },
        `the ledger of the last hours could not be looked at; tried again in ${LEDGER_CHECK_MS / 60_000} minutes`,
      ),
  })
  const timer = setInterval(() => void check.wake(), LEDGER_CHECK_MS)
  onStop('ledger check', async () => clearInterval(timer))
}
