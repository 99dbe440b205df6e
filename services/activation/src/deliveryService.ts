/**
 * DeliveryService: what is not delivered yet, from the committed state of all partitions, whichever instance owns them;
 * and DeliveryPeerService, which is how an instance asks another for its partitions. What people decide about
 * deliveries is in operations/.
 */
import type { ServerUnaryCall } from '@grpc/grpc-js'
import {
  type DeliveryServiceServer,
  DeliveryServiceService,
  type ListDeliveriesRequest,
  ListDeliveriesResponse,
  type PendingDelivery,
} from '@tributary/contracts/generated/tributary/delivery/v1/delivery'
import {
  type DeliveryPeerServiceServer,
  DeliveryPeerServiceService,
  type ListPartitionsRequest,
  type ListPartitionsResponse,
} from '@tributary/contracts/generated/tributary/delivery/v1/delivery_peers'
import {
  type GrpcService,
  Refusal,
  answering,
  askOwners,
  callPeer,
  grpcService,
  grpcStatus,
  unavailable,
} from '@tributary/service-kit'
import type { DeliveryTasks } from './delivery/dispatcher.ts'
import { everythingOf, queueTable } from './delivery/queueRows.ts'
import { checkDestinationId } from './operations/destinationId.ts'
import { type OperateOptions, createOperations } from './operations/operate.ts'
import { createPartitionOperations } from './operations/partitionOperations.ts'

const DEFAULT_LIMIT = 100
/** With bodies of up to some kilobytes an answer stays under gRPC's message size. */
const MAX_LIMIT = 1_000
/** An answer stops early rather than grow past this, bytes: half of what a message may have. */
const MAX_ANSWER_BYTES = 4 * 1024 * 1024
/** What a row takes besides its body, bytes. */
const ROW_BYTES = 500
const DELIVERIES = 'the deliveries'

export interface DeliveryServicesOptions extends Pick<
  OperateOptions,
  'partitions' | 'instances' | 'owners' | 'configuration' | 'sender' | 'clock' | 'logger'
> {
  /** The tasks of this process: their committed state is what is answered from. */
  readonly tasks: Pick<DeliveryTasks, 'view' | 'inject'>
}

export function createDeliveryServices(options: DeliveryServicesOptions): GrpcService[] {
  const { logger } = options
  const view = (partition: number) => options.tasks.view(partition)
  const operations = createOperations({
    ...options,
    has: (partition) => view(partition) !== undefined,
    here: createPartitionOperations(options.tasks, options.clock),
  })
  const all = Array.from({ length: options.partitions }, (_, partition) => partition)

  function here(partitions: readonly number[], destination: string, limit: number): PendingDelivery[] {
    return partitions.flatMap((partition) => {
      const state = view(partition)
      if (!state) throw unavailable(`partition ${partition} of ${DELIVERIES}`)
      const { from, to } = everythingOf(destination)
      return [...state.table(queueTable).range(from, to, limit)].map(([, row]) => row)
    })
  }

  async function everywhere(
    call: ServerUnaryCall<ListDeliveriesRequest, ListDeliveriesResponse>,
    destinationId: string,
    limit: number,
  ): Promise<PendingDelivery[]> {
    const answers = await askOwners(options.instances, {
      call,
      partitions: all,
      of: DELIVERIES,
      owners: options.owners,
      has: (partition) => view(partition) !== undefined,
      here: (partitions) => here(partitions, destinationId, limit),
      there: async (peer, partitions) => {
        const request = { partitions: [...partitions], destinationId, limit }
        return (await callPeer(peer.listPartitions.bind(peer), request, call)).deliveries
      },
    })
    return inOrder(answers.flat()).slice(0, limit)
  }

  const service: DeliveryServiceServer = {
    ...operations.service,
    listDeliveries: answering<ListDeliveriesRequest, ListDeliveriesResponse>(
      logger,
      async (request, call) => {
        const { destinationId, limit } = checked(request)
        const deliveries = await everywhere(call, destinationId, limit)
        return ListDeliveriesResponse.create({ deliveries: fitting(deliveries, 'within'), partitions: all })
      },
    ),
  }
  const peerService: DeliveryPeerServiceServer = {
    ...operations.peerService,
    listPartitions: answering<ListPartitionsRequest, ListPartitionsResponse>(logger, (request) => {
      const { destinationId, limit } = checked(request)
      const deliveries = inOrder(here(request.partitions, destinationId, limit)).slice(0, limit)
      // One more than fits: whoever puts the answers together then ends at it, and misses nothing in between.
      return { deliveries: fitting(deliveries, 'one over') }
    }),
  }
  return [grpcService(DeliveryServiceService, service), grpcService(DeliveryPeerServiceService, peerService)]
}

function checked({ destinationId, limit }: { readonly destinationId: string; readonly limit: number }) {
  if (limit > MAX_LIMIT)
    throw new Refusal(grpcStatus.INVALID_ARGUMENT, `limit is at most ${MAX_LIMIT}; ask for less`)
  checkDestinationId(destinationId)
  return { destinationId, limit: limit === 0 ? DEFAULT_LIMIT : limit }
}

/** By destination and profile. Those of one profile come from one partition, in order, and stay so. */
function inOrder(deliveries: readonly PendingDelivery[]): PendingDelivery[] {
  return [...deliveries].sort(
    (a, b) =>
      compare(a.delivery?.destinationId, b.delivery?.destinationId) ||
      compare(a.delivery?.profileId, b.delivery?.profileId),
  )
}

function compare(a = '', b = ''): number {
  return a < b ? -1 : Number(a > b)
}

/** As many as an answer has room for, at least one. */
function fitting(deliveries: readonly PendingDelivery[], end: 'within' | 'one over'): PendingDelivery[] {
  let bytes = 0
  const over = deliveries.findIndex(({ delivery }) => {
    bytes += (delivery?.body.length ?? 0) + ROW_BYTES
    return bytes > MAX_ANSWER_BYTES
  })
  if (over < 0) return [...deliveries]
  return deliveries.slice(0, Math.max(1, end === 'within' ? over : over + 1))
}
