import type { ClickHouse, StoredEvents } from '@tributary/clickhouse-log'
import { type TopicSpec, topicName } from '@tributary/contracts'
import type { Kafka, KafkaAdmin, PlainProducer } from '@tributary/kafka'
import type { KafkaTarget } from '../connections.ts'
import type { OtherRules } from './otherRules.ts'

/** What the steps of a rebuild touch: two layout epochs of one installation. */
export interface RebuildWorld {
  readonly kafka: Kafka
  readonly admin: KafkaAdmin
  readonly producer: PlainProducer
  readonly clickhouse: ClickHouse
  /** Events of the epoch that is left. */
  readonly stored: StoredEvents
  readonly target: KafkaTarget
  readonly from: number
  readonly to: number
  /** What the identity rules of the new epoch make of what was read under others. */
  readonly rules: OtherRules
  /** A line of progress, for people. */
  readonly say: (text: string) => void
  readonly now: () => number
  readonly interrupted: AbortSignal
}

export function nameIn(world: Pick<RebuildWorld, 'target'>, epoch: number, topic: TopicSpec): string {
  return topicName({ prefix: world.target.topicPrefix, epoch }, topic)
}

/** Ends a step when somebody pressed Ctrl-C; every step can be begun again. */
export function goOn({ interrupted }: Pick<RebuildWorld, 'interrupted'>): void {
  interrupted.throwIfAborted()
}
