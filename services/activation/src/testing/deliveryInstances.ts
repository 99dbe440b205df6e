/** Instances of activation over one set of tasks, each with its gRPC server; they own the partitions in turn. */
import { credentials } from '@grpc/grpc-js'
import type { WorkspaceConfiguration } from '@tributary/configuration'
import { DeliveryServiceClient } from '@tributary/contracts/generated/tributary/delivery/v1/delivery'
import { DeliveryPeerServiceClient } from '@tributary/contracts/generated/tributary/delivery/v1/delivery_peers'
import { bearerCredentials, createHealth, createPeerClients, startGrpcServer } from '@tributary/service-kit'
import { createRecordingLogger } from '@tributary/service-kit/testing'
import type { Sender } from '../delivery/dispatcher.ts'
import { createDeliveryServices } from '../deliveryService.ts'
import type { FakeTasks } from './fakeTasks.ts'

export interface DeliveryInstances {
  readonly clients: readonly DeliveryServiceClient[]
  readonly stop: () => Promise<void>
}

/** Of a call to one of them. */
export const callOptions = { deadlineMs: 5_000, metadata: bearerCredentials('t') }

const takesAll: Sender = { blocked: () => undefined, send: async () => ({ kind: 'status', status: 200 }) }

export async function startDeliveryInstances({
  tasks,
  partitions,
  count,
  workspace,
  sender = takesAll,
}: {
  readonly tasks: FakeTasks
  readonly partitions: number
  readonly count: number
  readonly workspace?: WorkspaceConfiguration
  readonly sender?: Sender
}): Promise<DeliveryInstances> {
  const addresses: string[] = []
  const stops: (() => Promise<void>)[] = []
  const { logger } = createRecordingLogger()

  async function startOne(index: number): Promise<DeliveryServiceClient> {
    const peers = createPeerClients(DeliveryPeerServiceClient)
    const mine = (partition: number): boolean => partition % count === index
    const server = await startGrpcServer({
      host: '127.0.0.1',
      port: 0,
      services: createDeliveryServices({
        partitions,
        tasks: {
          view: (partition) => (mine(partition) ? tasks.view(partition) : undefined),
          inject: (partition, value) => mine(partition) && tasks.inject(partition, value),
        },
        instances: { nodeId: `n${index}`, peers },
        owners: {
          ownerOf: async (partition) => ({
            nodeId: `n${partition % count}`,
            address: addresses[partition % count],
          }),
          refresh: async () => {},
        },
        configuration: () => workspace,
        sender,
        clock: () => 1_000,
        logger,
      }),
      tokens: ['t'],
      health: createHealth(),
      logger,
    })
    addresses[index] = `127.0.0.1:${server.port}`
    const client = new DeliveryServiceClient(addresses[index], credentials.createInsecure())
    stops.push(async () => {
      client.close()
      peers.close()
      await server.stop(100)
    })
    return client
  }

  const clients = await Promise.all(Array.from({ length: count }, (_, index) => startOne(index)))
  return {
    clients,
    stop: async () => {
      await Promise.all(stops.map((stop) => stop()))
    },
  }
}
