/**
 * What Tributary says after the week, asked through the same doors as everybody else: gRPC, the public topics, the
 * event log.
 */
import { setTimeout as sleep } from 'node:timers/promises'
import { credentials } from '@grpc/grpc-js'
import { connectClickHouse, type ClickHouse } from '@tributary/clickhouse-log'
import {
  topicName,
  topics,
  type AudienceMembershipRecord,
  type MergedProfileRecord,
  type ProfileRecord,
  type TopicSpec,
} from '@tributary/contracts'
import { DeliveryServiceClient } from '@tributary/contracts/generated/tributary/delivery/v1/delivery'
import {
  IdentityServiceClient,
  type ExplainResponse,
} from '@tributary/contracts/generated/tributary/identity/v1/identity_service'
import { ProfileServiceClient } from '@tributary/contracts/generated/tributary/profile/v1/profile_service'
import { createKafka, readTopic, type Kafka } from '@tributary/kafka'
import { bearerCredentials, callUnary, createGrpcChannelOptions, grpcStatus } from '@tributary/service-kit'
import { readSecret } from '../../deploy/local/src/secretFiles.ts'
import type { Shop } from './shop.ts'

/** Longest wait for one answer, ms: everything is on this machine. */
const DEADLINE_MS = 10_000
/**
 * UNAVAILABLE means "ask again": a partition is restoring or moves to another instance, which takes a group's session
 * (10 s) and a restore after a kill.
 */
const UNAVAILABLE_MS = 45_000
const ASK_AGAIN_MS = 500

/** As a client of a cluster asks: again while the answer is "not now". */
async function patiently<T>(ask: () => Promise<T>): Promise<T> {
  const deadline = performance.now() + UNAVAILABLE_MS
  for (;;) {
    try {
      return await ask()
    } catch (error) {
      const again = (error as { code?: number }).code === grpcStatus.UNAVAILABLE
      if (!again || performance.now() > deadline) throw error
      await sleep(ASK_AGAIN_MS)
    }
  }
}

export interface TypedValue {
  type: string
  value: string
}

/** How far the pipeline is, in numbers that stop moving when it has caught up. */
export interface Reached {
  eventsStored: number
  rejectedStored: number
  skippedStored: number
  folded: number
  profiles: number
  changes: number
  changesStored: number
  /** Deliveries asked for, and those delivered or given up, as the log has them. */
  deliveriesStored: number
  deliveriesEnded: number
  deliveriesDelivered: number
  deliveriesWaiting: number
}

export interface SourceCounts {
  source: string
  accepted: number
  rejected: number
}

export class Questions {
  readonly #clickhouse: ClickHouse
  readonly #kafka: Kafka
  readonly #prefix: string
  readonly #partitions: number
  readonly #profiles: ProfileServiceClient
  readonly #identity: IdentityServiceClient
  readonly #deliveries: DeliveryServiceClient
  readonly #call: { deadlineMs: number; metadata: ReturnType<typeof bearerCredentials> }

  private constructor(shop: Shop, token: string) {
    const { settings } = shop.installation
    const addresses = shop.installation.addresses()
    const channel = [credentials.createInsecure(), createGrpcChannelOptions()] as const
    this.#clickhouse = connectClickHouse({
      url: settings['CLICKHOUSE_URL']!,
      database: settings['CLICKHOUSE_DATABASE']!,
    })
    this.#kafka = createKafka({ brokers: shop.doors.brokers, clientId: 'demo' })
    this.#prefix = settings['TOPIC_PREFIX'] ?? 'cdp'
    this.#partitions = Number(settings['PROFILE_PARTITIONS'])
    this.#profiles = new ProfileServiceClient(addresses.profileStore!.grpc, ...channel)
    this.#identity = new IdentityServiceClient(addresses.identityStitcher!.grpc, ...channel)
    this.#deliveries = new DeliveryServiceClient(addresses.activation!.grpc, ...channel)
    this.#call = { deadlineMs: DEADLINE_MS, metadata: bearerCredentials(token) }
  }

  static async open(shop: Shop): Promise<Questions> {
    return new Questions(shop, await readSecret(shop.installation.secrets.grpcToken))
  }

  async close(): Promise<void> {
    this.#profiles.close()
    this.#identity.close()
    this.#deliveries.close()
    await this.#clickhouse.close()
  }

  async reached(): Promise<Reached> {
    const [totals, waiting, stored] = await Promise.all([
      patiently(() => callUnary(this.#profiles.getTotals.bind(this.#profiles), {}, this.#call)),
      patiently(() =>
        callUnary(
          this.#deliveries.listDeliveries.bind(this.#deliveries),
          { destinationId: '', limit: 1 },
          this.#call,
        ),
      ),
      this.#row<Record<string, string>>(`SELECT
        (SELECT count() FROM ${this.#table('events')} WHERE record = 'event') AS events,
        (SELECT count() FROM ${this.#table('rejected')}) AS rejected,
        (SELECT count() FROM ${this.#table('skipped')}) AS skipped,
        (SELECT count() FROM ${this.#table('profile_changes')}) AS changes,
        (SELECT count() FROM ${this.#table('deliveries')}) AS deliveries,
        (SELECT count() FROM ${this.#table('delivery_outcomes')} WHERE kind != 'retry') AS ended,
        (SELECT uniqExact(delivery_id) FROM ${this.#table('delivery_outcomes')} WHERE kind = 'delivered') AS delivered`),
    ])
    const sum = (of: (p: (typeof totals.partitions)[number]) => number): number =>
      totals.partitions.reduce((total, partition) => total + of(partition), 0)
    return {
      eventsStored: Number(stored['events']),
      rejectedStored: Number(stored['rejected']),
      skippedStored: Number(stored['skipped']),
      folded: sum((p) => p.events),
      profiles: sum((p) => p.profiles),
      changes: sum((p) => p.changes),
      changesStored: Number(stored['changes']),
      deliveriesStored: Number(stored['deliveries']),
      deliveriesEnded: Number(stored['ended']),
      deliveriesDelivered: Number(stored['delivered']),
      deliveriesWaiting: waiting.deliveries.length,
    }
  }

  async perSource(): Promise<SourceCounts[]> {
    const rows = await this.#clickhouse.query<Record<string, string>>(`
      SELECT source, sum(accepted) AS accepted, sum(refused) AS rejected FROM (
        SELECT source, uniqExact(origin) AS accepted, 0 AS refused FROM ${this.#table('events')}
          WHERE record = 'event' GROUP BY source
        UNION ALL
        SELECT source, 0, uniqExact(origin) FROM ${this.#table('rejected')} GROUP BY source
      ) GROUP BY source ORDER BY source`)
    return rows.map((row) => ({
      source: row['source']!,
      accepted: Number(row['accepted']),
      rejected: Number(row['rejected']),
    }))
  }

  async rejections(): Promise<{ code: string; count: number; example: string }[]> {
    const rows = await this.#clickhouse.query<Record<string, string>>(
      `SELECT code, count() AS count, any(message) AS example FROM ${this.#table('rejected')} GROUP BY code ORDER BY code`,
    )
    return rows.map((row) => ({ code: row['code']!, count: Number(row['count']), example: row['example']! }))
  }

  async skips(): Promise<Record<string, number>> {
    const rows = await this.#clickhouse.query<Record<string, string>>(
      `SELECT reason, count() AS count FROM ${this.#table('skipped')} GROUP BY reason`,
    )
    return Object.fromEntries(rows.map((row) => [row['reason']!, Number(row['count'])]))
  }

  /** The stored bytes of one event. */
  async rawOf(messageId: string): Promise<string | undefined> {
    const rows = await this.#clickhouse.query<{ raw: string }>(
      `SELECT raw FROM ${this.#table('events')} WHERE message_id = {id: String} LIMIT 1`,
      { id: messageId },
    )
    return rows[0]?.raw
  }

  async profile(who: TypedValue): Promise<ProfileRecord> {
    const ref = { ref: { $case: 'identifier' as const, value: who } }
    const { profile } = await patiently(() =>
      callUnary(this.#profiles.getProfile.bind(this.#profiles), { ref }, this.#call),
    )
    return JSON.parse(profile!.json) as ProfileRecord
  }

  async explain(a: TypedValue, b: TypedValue): Promise<ExplainResponse> {
    const ref = (value: TypedValue) => ({ ref: { $case: 'identifier' as const, value } })
    return patiently(() =>
      callUnary(this.#identity.explain.bind(this.#identity), { a: ref(a), b: ref(b) }, this.#call),
    )
  }

  /** Live profiles as the public state topic has them: the last record of each key. */
  async publicProfiles(): Promise<Map<string, ProfileRecord | MergedProfileRecord>> {
    return this.#latest(topics.profiles)
  }

  /** Members per audience, from the public memberships topic. */
  async members(): Promise<Map<string, Set<string>>> {
    const latest = await this.#latest<AudienceMembershipRecord>(topics.audienceMemberships)
    const members = new Map<string, Set<string>>()
    for (const { audience, profileId, member } of latest.values()) {
      const of = members.get(audience) ?? new Set()
      members.set(audience, of)
      if (member) of.add(profileId)
    }
    return members
  }

  async #latest<T>(spec: TopicSpec): Promise<Map<string, T>> {
    const latest = new Map<string, T>()
    for (let partition = 0; partition < this.#partitions; partition++) {
      for await (const { records } of readTopic(this.#kafka, {
        topic: topicName(this.#prefix, spec),
        partition,
      })) {
        for (const { key, value } of records) {
          if (value === null) latest.delete(String(key))
          else latest.set(String(key), JSON.parse(value.toString()) as T)
        }
      }
    }
    return latest
  }

  #table(name: string): string {
    return this.#clickhouse.table(name)
  }

  async #row<T extends object>(sql: string): Promise<T> {
    return (await this.#clickhouse.query<T>(sql))[0]!
  }
}
