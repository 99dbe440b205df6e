/**
 * Asks for everything the auditor compares, through the doors everybody has: ClickHouse, the topics as a reader of
 * committed records sees them, and gRPC.
 */
import { credentials } from '@grpc/grpc-js'
import { connectClickHouse, type ClickHouse } from '@tributary/clickhouse-log'
import {
  allTopics,
  topicName,
  topics,
  type MergedProfileRecord,
  type ProfileChangeRecord,
  type ProfileRecord,
  type TopicSpec,
} from '@tributary/contracts'
import {
  DeliveryRecord,
  DeliveryServiceClient,
} from '@tributary/contracts/generated/tributary/delivery/v1/delivery'
import {
  ProfileServiceClient,
  type GetProfileResponse,
} from '@tributary/contracts/generated/tributary/profile/v1/profile_service'
import { createAdmin, createKafka, readTopic, type Kafka, type KafkaRecord } from '@tributary/kafka'
import { bearerCredentials, callUnary, createGrpcChannelOptions } from '@tributary/service-kit'
import type { ReceivedWebhook } from '../demo/webhookReceiver.ts'
import type { AskedDelivery, FoundProfile, Numbered, Observed, PartitionCount } from './auditRules.ts'
import { readStamp } from './readStamp.ts'

export interface ObserverOptions {
  settings: Record<string, string>
  grpcToken: string
  sourceTopics: readonly string[]
  /** gRPC addresses of the instances there are now. */
  profileStores: () => Promise<readonly string[]>
  activations: () => Promise<readonly string[]>
}

/** Numbers that stop moving when everything has caught up. */
export interface Progress {
  eventsStored: number
  /** Events of Kafka's topics that the event log does not have yet. */
  notStored: number
  folded: number
  skipped: number
  changes: number
  changesStored: number
  /** Partitions of the profiles that somebody answered for, of how many. */
  partitionsAnswered: number
  partitions: number
  deliveriesStored: number
  deliveriesEnded: number
  deliveriesWaiting: number
  /** Records between what the tasks and the sources have reached and the ends of their inputs. */
  behind: number
}

const DEADLINE_MS = 10_000
/** Profiles asked for at the same time. */
const ASK_AT_ONCE = 16

export class Observer {
  readonly #options: ObserverOptions
  readonly #clickhouse: ClickHouse
  readonly #kafka: Kafka
  readonly #prefix: string

  constructor(options: ObserverOptions) {
    const { settings } = options
    this.#options = options
    this.#clickhouse = connectClickHouse({
      url: settings['CLICKHOUSE_URL']!,
      database: settings['CLICKHOUSE_DATABASE']!,
    })
    this.#kafka = createKafka({ brokers: settings['KAFKA_BROKERS']!.split(','), clientId: 'auditor' })
    this.#prefix = settings['TOPIC_PREFIX'] ?? 'cdp'
  }

  async close(): Promise<void> {
    await this.#clickhouse.close()
  }

  async progress(): Promise<Progress> {
    const [totals, waiting, counts, behind, [stored]] = await Promise.all([
      this.#totals(),
      this.#waiting(),
      this.#partitionCounts(),
      this.#behind(),
      this.#clickhouse.query<Record<string, string>>(`SELECT
        (SELECT count() FROM ${this.#table('events')} WHERE record = 'event') AS events,
        (SELECT count() FROM ${this.#table('skipped')}) AS skipped,
        (SELECT count() FROM ${this.#table('profile_changes')}) AS changes,
        (SELECT count() FROM ${this.#table('deliveries')}) AS deliveries,
        (SELECT uniqExact(delivery_id) FROM ${this.#table('delivery_outcomes')} WHERE kind != 'retry') AS ended`),
    ])
    const sum = (of: (one: (typeof totals)[number]) => number): number =>
      totals.reduce((total, one) => total + of(one), 0)
    return {
      eventsStored: Number(stored!['events']),
      notStored: counts.reduce((total, { start, end, rows }) => total + Math.max(0, end - start - rows), 0),
      folded: sum(({ events }) => events),
      skipped: Number(stored!['skipped']),
      changes: sum(({ changes }) => changes),
      changesStored: Number(stored!['changes']),
      partitionsAnswered: totals.length,
      partitions: Number(this.#options.settings['PROFILE_PARTITIONS']),
      deliveriesStored: Number(stored!['deliveries']),
      deliveriesEnded: Number(stored!['ended']),
      deliveriesWaiting: waiting,
      behind,
    }
  }

  async observe(
    received: readonly ReceivedWebhook[],
    forged: number,
  ): Promise<Omit<Observed, 'ledgerProblem' | 'unasked'>> {
    const numbers: Numbered[] = []
    const collected = {
      changes: [] as KafkaRecord[],
      states: [] as KafkaRecord[],
      deliveries: [] as KafkaRecord[],
    }
    for (const spec of allTopics) {
      const isPublic = spec.visibility === 'public' && spec !== topics.rejected
      if (!isPublic && spec.stamped !== true) continue
      for await (const { partition, record } of this.#read(spec)) {
        const number = isPublic ? publicNumber(spec, partition, record) : stampNumber(spec, partition, record)
        if (number) numbers.push(number)
        if (spec === topics.profileChanges) {
          collected.changes.push(record)
          numbers.push(versionNumber(partition, record))
        } else if (spec === topics.profiles) collected.states.push(record)
        else if (spec === topics.deliveries) collected.deliveries.push(record)
      }
    }
    const states = latest<ProfileRecord | MergedProfileRecord>(collected.states)
    const living = [...states.values()].filter((state): state is ProfileRecord => !('mergedInto' in state))
    return {
      events: (
        await this.#rows('events', `record = 'event'`, 'source, message_id, partition, offset, raw')
      ).map((row) => ({
        source: row['source']!,
        messageId: row['message_id']!,
        partition: Number(row['partition']),
        offset: Number(row['offset']),
        raw: row['raw']!,
      })),
      skipped: (await this.#rows('skipped', 'true', 'event_partition, event_offset, reason')).map((row) => ({
        partition: Number(row['event_partition']),
        offset: Number(row['event_offset']),
        reason: row['reason']!,
      })),
      rejected: (await this.#rows('rejected', 'true', 'source, message_id, input')).map((row) => ({
        source: row['source']!,
        messageId: row['message_id']!,
        input: row['input']!,
      })),
      partitions: await this.#partitionCounts(),
      profiles: await this.#ask(living),
      numbers,
      changes: collected.changes.map((record) => json(record) as ProfileChangeRecord),
      states: [...states.values()],
      deliveries: collected.deliveries.flatMap(({ value }) => {
        const { delivery } = DeliveryRecord.decode(value!)
        return delivery && delivery.filtered === '' ? [delivery] : []
      }),
      received: received.map(({ id, data }): AskedDelivery => ({
        id,
        syncId: String(data['sync']),
        profileId: data.profileId,
        version: String(data['version']),
      })),
      forged,
    }
  }

  /** Each from whichever instance answers for it. */
  async #ask(states: readonly ProfileRecord[]): Promise<FoundProfile[]> {
    const clients = await this.#clients(profileClient, this.#options.profileStores())
    const found: FoundProfile[] = []
    const left = [...states]
    const asker = async (): Promise<void> => {
      for (let state = left.pop(); state; state = left.pop()) {
        const { profileId } = state
        let asked: FoundProfile['asked']
        for (const client of clients) {
          const answer = await callUnary(
            client.getProfile.bind(client),
            { ref: { ref: { $case: 'profileId' as const, value: profileId } } },
            this.#call(),
          ).catch((): GetProfileResponse | undefined => undefined)
          if (answer?.profile === undefined) continue
          const { json: text, events, lastSeen } = answer.profile
          asked = { record: JSON.parse(text) as ProfileRecord, events, lastSeen: lastSeen!.toISOString() }
          break
        }
        found.push({ profileId, state, asked })
      }
    }
    try {
      await Promise.all(Array.from({ length: ASK_AT_ONCE }, asker))
    } finally {
      for (const client of clients) client.close()
    }
    return found
  }

  /** One of each partition: two instances may answer for one while it moves. */
  async #totals(): Promise<{ partition: number; events: number; changes: number }[]> {
    const clients = await this.#clients(profileClient, this.#options.profileStores())
    try {
      const answers = await Promise.all(
        clients.map((client) =>
          callUnary(client.getTotals.bind(client), {}, this.#call()).catch(() => ({ partitions: [] })),
        ),
      )
      const all = answers.flatMap(({ partitions }) => partitions)
      return [...new Map(all.map((one) => [one.partition, one])).values()]
    } finally {
      for (const client of clients) client.close()
    }
  }

  async #waiting(): Promise<number> {
    const clients = await this.#clients(deliveryClient, this.#options.activations())
    try {
      const answers = await Promise.all(
        clients.map((client) =>
          callUnary(
            client.listDeliveries.bind(client),
            { destinationId: '', limit: 1_000 },
            this.#call(),
          ).catch(() => ({ deliveries: [] })),
        ),
      )
      return answers.reduce((total, { deliveries }) => total + deliveries.length, 0)
    } finally {
      for (const client of clients) client.close()
    }
  }

  async #clients<C>(make: (address: string) => C, addresses: Promise<readonly string[]>): Promise<C[]> {
    return (await addresses).map(make)
  }

  #call() {
    return { deadlineMs: DEADLINE_MS, metadata: bearerCredentials(this.#options.grpcToken) }
  }

  /** Log writers are not among them: what they store is counted in the event log itself. */
  async #behind(): Promise<number> {
    const admin = await createAdmin(this.#kafka)
    try {
      const names = [...allTopics.map((spec) => topicName(this.#prefix, spec)), ...this.#options.sourceTopics]
      const groups = (await admin.groups()).filter((group) => !group.includes('.event-log.'))
      const committed = (await Promise.all(groups.map((group) => admin.groupOffsets(group, names)))).flat()
      const ends = new Map<string, number>()
      for (const topic of new Set(committed.map((one) => one.topic)))
        for (const { partition, committedEnd } of await admin.offsets(topic))
          ends.set(`${topic}/${partition}`, committedEnd)
      return committed.reduce(
        (total, { topic, partition, offset }) =>
          total + Math.max(0, (ends.get(`${topic}/${partition}`) ?? 0) - offset),
        0,
      )
    } finally {
      await admin.close()
    }
  }

  async #partitionCounts(): Promise<PartitionCount[]> {
    const admin = await createAdmin(this.#kafka)
    try {
      const counts = await Promise.all(
        [topics.events, topics.rejected].map(async (spec) => {
          const table = spec === topics.events ? 'events' : 'rejected'
          const rows = await this.#clickhouse.query<Record<string, string>>(
            `SELECT partition, count() AS rows, uniqExact(offset) AS distinct FROM ${this.#table(table)} GROUP BY partition`,
          )
          const offsets = await admin.offsets(topicName(this.#prefix, spec))
          return offsets.map(({ partition, start, end }): PartitionCount => {
            const row = rows.find((one) => Number(one['partition']) === partition)
            return {
              topic: spec.name,
              partition,
              start,
              end,
              rows: Number(row?.['rows'] ?? 0),
              distinct: Number(row?.['distinct'] ?? 0),
            }
          })
        }),
      )
      return counts.flat()
    } finally {
      await admin.close()
    }
  }

  async *#read(spec: TopicSpec): AsyncGenerator<{ partition: number; record: KafkaRecord }> {
    const topic = topicName(this.#prefix, spec)
    const admin = await createAdmin(this.#kafka)
    const partitions = await admin.offsets(topic)
    await admin.close()
    for (const { partition } of partitions)
      for await (const { records } of readTopic(this.#kafka, { topic, partition }))
        for (const record of records) yield { partition, record }
  }

  async #rows(table: string, where: string, columns: string): Promise<Record<string, string>[]> {
    return this.#clickhouse.query(
      `SELECT ${columns} FROM ${this.#table(table)} WHERE ${where} ORDER BY partition, offset`,
    )
  }

  #table(name: string): string {
    return this.#clickhouse.table(name)
  }
}

function profileClient(address: string): ProfileServiceClient {
  return new ProfileServiceClient(address, credentials.createInsecure(), createGrpcChannelOptions())
}

function deliveryClient(address: string): DeliveryServiceClient {
  return new DeliveryServiceClient(address, credentials.createInsecure(), createGrpcChannelOptions())
}

function json({ value }: KafkaRecord): unknown {
  return JSON.parse(value!.toString())
}

function latest<T>(records: readonly KafkaRecord[]): Map<string, T> {
  const found = new Map<string, T>()
  for (const record of records) {
    if (record.value === null) found.delete(String(record.key))
    else found.set(String(record.key), json(record) as T)
  }
  return found
}

/** `ce_id` is `<epoch>-<topic>-<partition>-<number>`. */
function publicNumber(spec: TopicSpec, partition: number, { headers }: KafkaRecord): Numbered {
  const id = String(headers['ce_id'])
  const at = id.lastIndexOf('-')
  return { series: `${spec.name}-${partition} ${id.slice(0, at)}`, n: Number(id.slice(at + 1)) }
}

/** What an operator appended has none. */
function stampNumber(spec: TopicSpec, partition: number, { value }: KafkaRecord): Numbered | undefined {
  const stamp = value === null ? undefined : readStamp(value)
  if (!stamp) return undefined
  return { series: `${spec.name}-${partition} ${stamp.epoch} ${stamp.writer}`, n: stamp.seq }
}

function versionNumber(partition: number, record: KafkaRecord): Numbered {
  const [epoch, n] = (json(record) as ProfileChangeRecord).version.split('-')
  return { series: `versions of partition ${partition}, epoch ${epoch}`, n: Number(n) }
}
