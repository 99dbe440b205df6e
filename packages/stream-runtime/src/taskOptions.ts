import type { PartitionCounts } from '@tributary/contracts'
import type { BatchLimits } from './pacing.ts'
import type { Clock } from './ports/clock.ts'
import type { ConfigurationFeed } from './ports/configurationFeed.ts'
import type { RuntimeLog } from './ports/log.ts'
import type { RuntimeLogger } from './ports/logger.ts'
import type { StateStores } from './ports/store.ts'
import type { TaskTracer } from './ports/tracer.ts'
import type { Topology } from './processor.ts'
import type { CommittedBatch, TaskState } from './taskGroup.ts'

/** What every life of a task is given; `injected` alone changes between them. */
export interface TaskOptions<C, X> {
  readonly topology: Topology<C, X>
  readonly partition: number
  readonly epoch: number
  readonly counts: PartitionCounts
  /** Names group, store and, with the partition, the transactional id. */
  readonly group: string
  readonly nodeId: string
  readonly log: RuntimeLog
  readonly stores: StateStores
  readonly configuration?: ConfigurationFeed<C>
  readonly limits: BatchLimits
  readonly clock: Clock
  readonly logger: RuntimeLogger
  /** Where records are traced; nothing is looked at without it. */
  readonly tracer?: TaskTracer
  /** Survives lives: what a failed batch had taken is injected again, so it may be seen twice. */
  readonly injected: X[]
  readonly onCommit: (batch: CommittedBatch) => void
  readonly onState: (state: TaskState) => void
}
