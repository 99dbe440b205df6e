import type { TopicSpec } from '@tributary/contracts'
import type { TopicProblem } from '@tributary/kafka'

export interface DoorRecord {
  readonly partition: number
  readonly offset: number
  readonly timestampMs: number
  readonly key: Buffer | null
  readonly value: Buffer | null
  readonly headers: Readonly<Record<string, Buffer | string | undefined>>
}

export interface NewRecord {
  readonly partition: number
  readonly key: string
  readonly value: Uint8Array
}

/** Kafka as the commands see it; topics are catalogue entries. */
export interface KafkaDoor {
  /** Layout epoch whose topics and configuration are meant. */
  readonly epoch: number
  /** First offset and next offset of each partition; undefined when the topic does not exist. */
  bounds(topic: TopicSpec): Promise<readonly { readonly start: number; readonly end: number }[] | undefined>
  /** Committed records of one partition from an offset until the end it had when asked. */
  read(topic: TopicSpec, partition: number, from: number, until: number): AsyncIterable<DoorRecord>
  append(
    topic: TopicSpec,
    partition: number,
    key: string,
    value: Uint8Array,
  ): Promise<{ readonly offset: number }>
  /** Resolves when all of them are durable. */
  appendAll(topic: TopicSpec, records: readonly NewRecord[]): Promise<void>
  /** Creates the topics that are missing; their names. */
  createTopics(): Promise<readonly string[]>
  checkTopics(): Promise<readonly TopicProblem[]>
  /** Reads a record of each partition of a topic that is not of the catalogue; false when there is no such topic. */
  canRead(topicName: string): Promise<boolean>
  /** How many brokers there are. */
  ping(): Promise<number>
  topicName(topic: TopicSpec): string
  close(): Promise<void>
}
