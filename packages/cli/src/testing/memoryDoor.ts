import { allTopics, partitionsOf, type PartitionCounts, type TopicSpec } from '@tributary/contracts'
import type { DoorRecord, KafkaDoor, NewRecord } from '../kafkaDoor.ts'

/** A Kafka in memory for tests of commands: topics by catalogue entry, offsets with gaps as transactions leave them. */
export class MemoryDoor implements KafkaDoor {
  private readonly partitions = new Map<string, DoorRecord[]>()
  /** Runs before a record is appended: another writer that is faster. */
  beforeAppend: (() => void) | undefined
  /** Does nothing but tell that it was asked. */
  closed = 0
  epoch = 1

  constructor(topics: readonly TopicSpec[] = allTopics) {
    for (const topic of topics)
      for (let partition = 0; partition < partitionsOf(topic, counts); partition++)
        this.partitions.set(`${topic.name}/${partition}`, [])
  }

  /** Puts a record as somebody else would. */
  put(topic: TopicSpec, partition: number, value: Uint8Array, timestampMs = 0): number {
    const records = this.partitions.get(`${topic.name}/${partition}`)!
    const offset = (records.at(-1)?.offset ?? -2) + 2
    records.push({ partition, offset, timestampMs, key: null, value: Buffer.from(value), headers: {} })
    return offset
  }

  topicName(topic: TopicSpec): string {
    return `cdp.${topic.name}`
  }

  bounds(topic: TopicSpec) {
    const found: { start: number; end: number }[] = []
    for (let partition = 0; ; partition++) {
      const records = this.partitions.get(`${topic.name}/${partition}`)
      if (!records) return Promise.resolve(partition === 0 ? undefined : found)
      found.push({ start: 0, end: (records.at(-1)?.offset ?? -2) + 2 })
    }
  }

  async *read(topic: TopicSpec, partition: number, from: number, until: number): AsyncIterable<DoorRecord> {
    for (const record of this.partitions.get(`${topic.name}/${partition}`) ?? [])
      if (record.offset >= from && record.offset < until) yield record
  }

  append(topic: TopicSpec, partition: number, _key: string, value: Uint8Array) {
    const first = this.beforeAppend
    this.beforeAppend = undefined
    first?.()
    return Promise.resolve({ offset: this.put(topic, partition, value) })
  }

  appendAll(topic: TopicSpec, records: readonly NewRecord[]) {
    const first = this.beforeAppend
    this.beforeAppend = undefined
    first?.()
    for (const { partition, value } of records) this.put(topic, partition, value)
    return Promise.resolve()
  }

  createTopics() {
    const missing = allTopics.filter((topic) => !this.partitions.has(`${topic.name}/0`))
    for (const topic of missing) this.partitions.set(`${topic.name}/0`, [])
    return Promise.resolve(missing.map((topic) => this.topicName(topic)))
  }

  checkTopics() {
    return Promise.resolve(
      allTopics
        .filter((topic) => !this.partitions.has(`${topic.name}/0`))
        .map((topic) => ({
          topic: this.topicName(topic),
          kind: 'missing' as const,
          message: `topic ${this.topicName(topic)} does not exist`,
        })),
    )
  }

  /** Topics that are not of the catalogue: whether they may be read. */
  readonly others = new Map<string, boolean>()

  canRead(topicName: string) {
    const readable = this.others.get(topicName)
    if (readable === false) return Promise.reject(new Error(`not authorised to read ${topicName}`))
    return Promise.resolve(readable ?? false)
  }

  ping() {
    return Promise.resolve(1)
  }

  close() {
    this.closed++
    return Promise.resolve()
  }
}

const counts: PartitionCounts = { identifier: 2, profile: 2, delivery: 2 }
