/**
 * One member of a consumer group: joins, assigns when it leads, sends heartbeats, joins again.
 *
 *              ┌──────────────── rebalance, unknown member, coordinator moved ───────────────┐
 *              ▼                                                                             │
 *   stopped → joining ──(all members joined)──▶ syncing ──(assignment)──▶ stable ────────────┘
 *                                                                           └──▶ left
 *
 * Invariants:
 *  G1. Heartbeats do not depend on anybody's work: a long batch never costs the membership, a stalled process does.
 *  G2. A commit carries the generation its partition was assigned in, so the broker refuses a former owner.
 *  G3. Whatever the broker answers, the member either joins again or reports one fatal error; it never just stops.
 */
import { setTimeout as sleep } from 'node:timers/promises'
import type { Broker, Cluster } from './cluster.ts'
import type { Kafka } from './connection.ts'
import { isAuthorisation, KafkaFault, protocolError } from './kafkaFault.ts'
import {
  assignPartitions,
  decodeAssignment,
  decodeMember,
  encodeAssignment,
  encodeMember,
  type MemberInfo,
} from './rendezvousAssigner.ts'

export interface GroupMemberOptions {
  readonly group: string
  readonly topics: readonly string[]
  readonly coPartitioned: boolean
  readonly member: MemberInfo
  /** Called after each join with everything this member owns now. */
  readonly onAssigned: (generation: Generation) => void
  readonly onFatal: (error: Error) => void
}

export interface Generation {
  readonly id: number
  readonly memberId: string
  readonly assignment: ReadonlyMap<string, readonly number[]>
}

export interface GroupCommit {
  readonly topic: string
  readonly partition: number
  readonly offset: number
  readonly metadata?: string
}

/** A member that is silent for so long has lost its partitions, ms; brokers allow 6 s to 30 min by default. */
const SESSION_TIMEOUT_MS = 10_000
/** How long the others wait for a member to join again, ms. */
const REBALANCE_TIMEOUT_MS = 15_000
/** A rebalance is noticed at the next heartbeat, ms. */
const HEARTBEAT_MS = 1_000
/** How long a leaving member waits for the answer to its goodbye, ms. */
const LEAVE_MS = 1_000
/** Coordinators move and load for a moment: only what lasts longer is worth a line in the log, ms. */
const QUIET_MS = 3_000
/** Pauses between attempts, ms. */
const FIRST_PAUSE_MS = 50
const LONGEST_PAUSE_MS = 1_000

const REJOIN = new Set([
  'REBALANCE_IN_PROGRESS',
  'ILLEGAL_GENERATION',
  'UNKNOWN_MEMBER_ID',
  'FENCED_INSTANCE_ID',
])
const FATAL = new Set([
  'INCONSISTENT_GROUP_PROTOCOL',
  'INVALID_SESSION_TIMEOUT',
  'GROUP_MAX_SIZE_REACHED',
  'INVALID_GROUP_ID',
  'UNSUPPORTED_VERSION',
])

export class GroupMember {
  readonly #kafka: Kafka
  readonly #cluster: Cluster
  readonly #options: GroupMemberOptions
  readonly #protocol: string
  readonly #stopping = new AbortController()
  #memberId = ''
  #generation: Generation | undefined
  #running: Promise<void> | undefined
  #failingSince: number | undefined
  #confirmedAt = -Infinity
  #left = false

  constructor(kafka: Kafka, options: GroupMemberOptions) {
    this.#kafka = kafka
    this.#cluster = kafka.cluster()
    this.#options = options
    this.#protocol = options.coPartitioned ? 'tributary-co-partitioned' : 'tributary-spread'
  }

  /** When the question was asked that the group answered last with "you are a member of this generation". */
  confirmedAtMs(): number {
    return this.#confirmedAt
  }

  start(): void {
    this.#running ??= this.#run().catch((error: unknown) => {
      if (!this.#stopping.signal.aborted) this.#options.onFatal(asError(error))
    })
  }

  /** Leaves the group, so that the others need not wait for the session to end. */
  async stop(): Promise<void> {
    this.#stopping.abort()
    const memberId = this.#memberId
    if (memberId !== '' && this.#cluster.isConnected())
      // A broker answers a connection's requests in turn: during a join the goodbye would wait for the others.
      await Promise.race([
        sleep(LEAVE_MS, undefined, { ref: false }),
        this.#coordinator()
          .then((coordinator) => coordinator.leaveGroup({ groupId: this.#options.group, memberId }))
          .catch(() => {}),
      ])
    this.#left = true
    // Breaks a join that a broker may be holding.
    await this.#cluster.disconnect().catch(() => {})
    await this.#running
    await this.#cluster.disconnect().catch(() => {})
  }

  /** Commits under a generation; the broker refuses it once that generation is over. */
  async commit(generation: Generation, commits: readonly GroupCommit[]): Promise<void> {
    const coordinator = await this.#coordinator()
    await coordinator.offsetCommit({
      groupId: this.#options.group,
      groupGenerationId: generation.id,
      memberId: generation.memberId,
      topics: byTopic(commits),
    })
  }

  /** What is committed for partitions; undefined where nothing is. */
  async committed(
    topic: string,
    partition: number,
  ): Promise<{ offset: number; metadata: string } | undefined> {
    const coordinator = await this.#coordinator()
    const { responses } = await coordinator.offsetFetch({
      groupId: this.#options.group,
      topics: [{ topic, partitions: [{ partition }] }],
    })
    const found = responses[0]?.partitions[0]
    if (!found || Number(found.offset) < 0) return undefined
    return { offset: Number(found.offset), metadata: found.metadata ?? '' }
  }

  async #coordinator(): Promise<Broker> {
    // A call that comes late must not open the connections again.
    if (this.#left) throw new KafkaFault('closed', `this member of ${this.#options.group} has left`)
    await this.#cluster.connect()
    return this.#cluster.findGroupCoordinator({ groupId: this.#options.group })
  }

  async #run(): Promise<void> {
    let pause = FIRST_PAUSE_MS
    while (!this.#stopping.signal.aborted) {
      try {
        const coordinator = await this.#join()
        pause = FIRST_PAUSE_MS
        this.#failingSince = undefined
        await this.#heartbeats(coordinator)
      } catch (error) {
        if (this.#stopping.signal.aborted) return
        if (await this.#mustPause(error)) {
          await this.#sleep(pause)
          pause = Math.min(pause * 2, LONGEST_PAUSE_MS)
        }
      }
    }
  }

  /** Throws what is fatal. */
  async #mustPause(thrown: unknown): Promise<boolean> {
    const found = protocolError(thrown)
    if (isAuthorisation(found))
      throw new KafkaFault('not-authorised', `group ${this.#options.group}: ${found.message}`, {
        cause: thrown,
      })
    if (thrown instanceof KafkaFault && !thrown.retriable) throw thrown
    if (FATAL.has(found.type ?? '')) throw thrown
    if (found.type === 'UNKNOWN_MEMBER_ID' || found.type === 'FENCED_INSTANCE_ID') this.#memberId = ''
    if (REJOIN.has(found.type ?? '')) return false
    this.#failingSince ??= Date.now()
    if (Date.now() - this.#failingSince > QUIET_MS)
      this.#kafka.logger.warn(
        { group: this.#options.group, reason: found.message, forMs: Date.now() - this.#failingSince },
        'the consumer group cannot be reached; it is tried again until it works',
      )
    await this.#cluster.refreshMetadata().catch(() => {})
    return true
  }

  async #join(): Promise<Broker> {
    const { group, topics, member, onAssigned } = this.#options
    await this.#cluster.connect()
    await this.#cluster.addMultipleTargetTopics([...topics])
    const coordinator = await this.#coordinator()
    const joined = await coordinator.joinGroup({
      groupId: group,
      sessionTimeout: SESSION_TIMEOUT_MS,
      rebalanceTimeout: REBALANCE_TIMEOUT_MS,
      memberId: this.#memberId,
      groupProtocols: [{ name: this.#protocol, metadata: encodeMember(topics, member) }],
    })
    this.#memberId = joined.memberId
    const { generationId, memberId, leaderId, members } = joined
    const groupAssignment = leaderId === memberId ? await this.#assign(members) : []
    const { memberAssignment } = await coordinator.syncGroup({
      groupId: group,
      generationId,
      memberId,
      groupAssignment,
    })
    const assignment = decodeAssignment(memberAssignment)
    this.#generation = { id: generationId, memberId, assignment }
    if (!this.#stopping.signal.aborted) onAssigned(this.#generation)
    return coordinator
  }

  async #assign(members: readonly { memberId: string; memberMetadata: Buffer }[]) {
    await this.#cluster.refreshMetadata()
    const known = members.map(({ memberId, memberMetadata }) => ({
      memberId,
      nodeId: memberId,
      topics: this.#options.topics,
      ...decodeMember(memberMetadata),
    }))
    const topics = new Set(known.flatMap((member) => member.topics))
    await this.#cluster.addMultipleTargetTopics([...topics])
    const partitions = new Map<string, number>()
    for (const topic of topics) {
      const count = this.#cluster.findTopicPartitionMetadata(topic).length
      if (count === 0)
        throw new KafkaFault(
          'topic-missing',
          `topic ${topic} does not exist: create it with “tributary topics create”`,
        )
      partitions.set(topic, count)
    }
    if (this.#options.coPartitioned && new Set(partitions.values()).size > 1)
      throw new KafkaFault(
        'wrong-topic',
        `the inputs of ${this.#options.group} differ in partitions (${[...partitions].map(([topic, count]) => `${topic}: ${count}`).join(', ')}): recreate them with one count`,
      )
    const assignments = assignPartitions({
      members: known,
      partitions,
      coPartitioned: this.#options.coPartitioned,
    })
    return [...assignments].map(([memberId, assignment]) => ({
      memberId,
      memberAssignment: encodeAssignment(assignment),
    }))
  }

  async #heartbeats(coordinator: Broker): Promise<void> {
    const generation = this.#generation!
    let answeredAt = Date.now()
    this.#confirmedAt = answeredAt
    while (!this.#stopping.signal.aborted) {
      await this.#sleep(HEARTBEAT_MS)
      if (this.#stopping.signal.aborted) return
      const askedAt = Date.now()
      try {
        await coordinator.heartbeat({
          groupId: this.#options.group,
          groupGenerationId: generation.id,
          memberId: generation.memberId,
        })
        answeredAt = Date.now()
        this.#confirmedAt = askedAt
      } catch (error) {
        const { type } = protocolError(error)
        // A broker that does not answer for a moment costs nothing; once the session is over, join anew.
        if (type !== undefined || Date.now() - answeredAt > SESSION_TIMEOUT_MS) throw error
        coordinator = await this.#coordinator().catch(() => coordinator)
      }
    }
  }

  async #sleep(ms: number): Promise<void> {
    await sleep(ms, undefined, { signal: this.#stopping.signal }).catch(() => {})
  }
}

function byTopic(commits: readonly GroupCommit[]) {
  const topics = new Map<string, { partition: number; offset: string; metadata: string | null }[]>()
  for (const { topic, partition, offset, metadata } of commits)
    topics.set(topic, [
      ...(topics.get(topic) ?? []),
      { partition, offset: String(offset), metadata: metadata ?? null },
    ])
  return [...topics].map(([topic, partitions]) => ({ topic, partitions }))
}

function asError(error: unknown): Error {
  return error instanceof Error ? error : new Error(String(error))
}
