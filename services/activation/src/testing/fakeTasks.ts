/** Delivery tasks of one process, driven by hand: answers wait until a commit, views show what is committed. */
import type { WorkspaceConfiguration } from '@tributary/configuration'
import { partitionOf, topics } from '@tributary/contracts'
import {
  type Delivery,
  DeliveryOutcome,
  DeliveryRecord,
} from '@tributary/contracts/generated/tributary/delivery/v1/delivery'
import type { TaskStatus } from '@tributary/stream-runtime'
import { type ProcessorDriver, createProcessorDriver } from '@tributary/stream-runtime/testing'
import { type Injected, createDeliveryTopology } from '../delivery/deliveryTopology.ts'
import type { DeliveryTasks } from '../delivery/dispatcher.ts'

export interface FakeTasks extends DeliveryTasks {
  arrive(delivery: Delivery, timestampMs: number): void
  /** Commits what was injected and what arrived. */
  commit(): void
  /** The tasks die: what was not committed is lost, and they start again from what was. */
  crash(): void
  /** No view is given: the tasks are being opened again. */
  hidden: boolean
  /** The partitions are owned by another process: nothing is taken. */
  away: boolean
  readonly outcomes: DeliveryOutcome[]
  readonly deadLetters: number
}

export function createFakeTasks(partitions: number): FakeTasks {
  const drivers: ProcessorDriver<WorkspaceConfiguration, Injected>[] = Array.from(
    { length: partitions },
    (_, partition) => createProcessorDriver(createDeliveryTopology(), { partition }),
  )
  const outcomes: DeliveryOutcome[] = []
  let deadLetters = 0
  const status = (partition: number): TaskStatus => ({
    partition,
    state: 'running',
    positions: {},
    lag: 0,
    openings: 1,
    configurationOffset: null,
  })
  return {
    hidden: false,
    away: false,
    outcomes,
    get deadLetters() {
      return deadLetters
    },
    tasks: () => drivers.map((_, partition) => status(partition)),
    view(partition) {
      return this.hidden ? undefined : drivers[partition]?.view()
    },
    inject(partition, value) {
      if (this.away) return false
      drivers[partition]?.inject(value)
      return true
    },
    arrive(delivery, timestampMs) {
      const key = `${delivery.destinationId}|${delivery.profileId}`
      const value = DeliveryRecord.encode({ delivery, stamp: undefined }).finish()
      drivers[partitionOf(key, partitions)]?.record(topics.deliveries, { key, value, timestampMs })
    },
    commit() {
      for (const record of drivers.flatMap((driver) => driver.endBatch())) {
        if (record.topic.name === topics.deadLetters.name) deadLetters += 1
        else outcomes.push(DeliveryOutcome.decode(record.value ?? new Uint8Array()))
      }
    },
    crash() {
      for (const driver of drivers) driver.restart()
    },
  }
}
