/** The parts of kafkajs's Cluster and Broker that are used here, as version 2.2.4 has them. */
export interface Cluster {
  connect(): Promise<void>
  disconnect(): Promise<void>
  isConnected(): boolean
  addMultipleTargetTopics(topics: string[]): Promise<void>
  refreshMetadata(): Promise<void>
  refreshMetadataIfNecessary(): Promise<void>
  findTopicPartitionMetadata(topic: string): readonly { partitionId: number; leader: number }[]
  findBroker(node: { nodeId: number }): Promise<Broker>
  /** Type 0, when left out, is the coordinator of a group, 1 that of a transactional id. */
  findGroupCoordinator(group: { groupId: string; coordinatorType?: number }): Promise<Broker>
}

export interface Broker {
  readonly nodeId: number
  fetch(request: {
    isolationLevel: number
    maxWaitTime: number
    minBytes: number
    maxBytes: number
    topics: readonly {
      topic: string
      partitions: readonly { partition: number; fetchOffset: string; maxBytes: number }[]
    }[]
  }): Promise<{ responses: readonly FetchedTopic[] }>
  listOffsets(request: {
    isolationLevel: number
    topics: readonly {
      topic: string
      partitions: readonly { partition: number; timestamp: number | string }[]
    }[]
  }): Promise<{
    responses: readonly {
      topic: string
      partitions: readonly { partition: number; offset: string }[]
    }[]
  }>
  joinGroup(request: {
    groupId: string
    sessionTimeout: number
    rebalanceTimeout: number
    memberId: string
    groupProtocols: readonly { name: string; metadata: Buffer }[]
  }): Promise<{
    generationId: number
    leaderId: string
    memberId: string
    groupProtocol: string
    members: readonly { memberId: string; memberMetadata: Buffer }[]
  }>
  syncGroup(request: {
    groupId: string
    generationId: number
    memberId: string
    groupAssignment: readonly { memberId: string; memberAssignment: Buffer }[]
  }): Promise<{ memberAssignment: Buffer }>
  heartbeat(request: { groupId: string; groupGenerationId: number; memberId: string }): Promise<unknown>
  leaveGroup(request: { groupId: string; memberId: string }): Promise<unknown>
  offsetCommit(request: {
    groupId: string
    groupGenerationId: number
    memberId: string
    topics: readonly {
      topic: string
      partitions: readonly { partition: number; offset: string; metadata?: string | null }[]
    }[]
  }): Promise<unknown>
  offsetFetch(request: {
    groupId: string
    topics: readonly { topic: string; partitions: readonly { partition: number }[] }[]
  }): Promise<{
    responses: readonly {
      topic: string
      partitions: readonly { partition: number; offset: string; metadata: string | null }[]
    }[]
  }>
}

export interface TransactionalBroker extends Broker {
  initProducerId(request: { transactionalId: string; transactionTimeout: number }): Promise<ProducerIdentity>
  addPartitionsToTxn(
    request: ProducerIdentity & {
      transactionalId: string
      topics: readonly { topic: string; partitions: readonly number[] }[]
    },
  ): Promise<unknown>
  endTxn(
    request: ProducerIdentity & { transactionalId: string; transactionResult: boolean },
  ): Promise<unknown>
}

/** What InitProducerId gives: every later request carries it, and a newer epoch refuses it. */
export interface ProducerIdentity {
  readonly producerId: string
  readonly producerEpoch: number
}

export interface FetchedTopic {
  readonly topicName: string
  readonly partitions: readonly {
    readonly partition: number
    readonly highWatermark: string
    readonly lastStableOffset?: string
    readonly abortedTransactions?: readonly { producerId: string; firstOffset: string }[]
    readonly messages: readonly FetchedMessage[]
  }[]
}

export interface FetchedMessage {
  readonly offset: string
  readonly timestamp: string
  readonly key: Buffer | null
  readonly value: Buffer | null
  readonly headers: Readonly<Record<string, Buffer | string | (Buffer | string)[] | undefined>>
  readonly isControlRecord: boolean
  readonly batchContext?: { readonly producerId: string; readonly inTransaction: boolean }
}

/** Isolation levels of the protocol. */
export const READ_UNCOMMITTED = 0
export const READ_COMMITTED = 1
