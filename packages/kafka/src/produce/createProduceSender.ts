/**
 * The lane outside transactions: acks=all, not idempotent, any number of sends side by side; requests written by hand,
 * sent over kafkajs's connections.
 *
 * kafkajs's idempotent producer loses acknowledged records when sends run side by side and an answer is lost; this one
 * loses nothing and repeats some. So repeats are possible here, and whoever reads takes them out.
 *
 *  S1. What a broker has acknowledged is not sent again; what it refused for a while (a new leader is being elected, too few
 *      replicas) is, until the time-out.
 *  S2. A request whose answer never came is sent again whole: its records may be there twice.
 *  S3. An error that trying again cannot cure is thrown at once.
 */
import { setTimeout as sleep } from 'node:timers/promises'
import type { Kafka } from '../connection.ts'
import { KafkaFault, protocolError } from '../kafkaFault.ts'
import { type Lane } from './encodeProduce.ts'
import { produceTo } from './produceTo.ts'

/** Pause before what was refused is sent again, ms: the election of a leader takes hundreds. */
const RETRY_MS = 100
/** Error codes of the protocol for what passes by itself. */
const PASSING: ReadonlySet<number> = new Set([3, 5, 6, 7, 8, 9, 13, 19, 20, 56, 74, 75, 78])
const TOO_LARGE: ReadonlySet<number> = new Set([10, 18])
const NOT_AUTHORISED: ReadonlySet<number> = new Set([29, 31])

type Cluster = ReturnType<Kafka['cluster']>

/** Where the first record of a lane lies; the others follow without a gap. */
export interface WrittenLane {
  readonly topic: string
  readonly partition: number
  readonly baseOffset: number
}

export interface ProduceSender {
  /** Resolves when every record is on all in-sync replicas; rejects with a KafkaFault when any may not be. */
  send(lanes: readonly Lane[]): Promise<readonly WrittenLane[]>
  close(): Promise<void>
}

export async function createProduceSender(
  kafka: Kafka,
  options: {
    /** Names in Kafka of topics that must be there; others may follow. */
    readonly topics?: readonly string[]
    /** How long what passes by itself is waited for. */
    readonly timeoutMs: number
  },
): Promise<ProduceSender> {
  const cluster = kafka.cluster()
  const known = new Set<string>()

  async function learn(topics: readonly string[]): Promise<void> {
    const fresh = [...new Set(topics)].filter((topic) => !known.has(topic))
    if (fresh.length === 0) return
    try {
      await cluster.addMultipleTargetTopics(fresh)
    } catch (error) {
      throw clusterFault(error)
    }
    for (const topic of fresh) known.add(topic)
  }

  try {
    await cluster.connect()
  } catch (error) {
    throw clusterFault(error)
  }
  await learn(options.topics ?? [])

  return {
    async send(lanes) {
      await learn(lanes.map(({ topic }) => topic))
      const until = Date.now() + options.timeoutMs
      const written: WrittenLane[] = []
      let open = lanes
      for (;;) {
        let fault: unknown
        try {
          // oxlint-disable-next-line no-await-in-loop -- one try after the other
          open = await sendLanes(cluster, open, options.timeoutMs, written)
        } catch (error) {
          if (error instanceof KafkaFault) throw error
          fault = error
        }
        if (open.length === 0) return written
        if (Date.now() + RETRY_MS > until)
          throw new KafkaFault('unavailable', 'Kafka did not take the records in time', { cause: fault })
        // oxlint-disable-next-line no-await-in-loop -- the pause between two tries
        await sleep(RETRY_MS)
        // oxlint-disable-next-line no-await-in-loop -- the next try needs to know who leads now
        await refresh(cluster)
      }
    },
    close: () => cluster.disconnect().catch(() => undefined),
  }
}

async function refresh(cluster: Cluster): Promise<void> {
  try {
    if (!cluster.isConnected()) await cluster.connect()
    await cluster.refreshMetadata()
  } catch {
    // Still away: the next try finds out, and the time-out ends it.
  }
}

/** What is to be sent again; what was written is added to `written`. */
async function sendLanes(
  cluster: Cluster,
  lanes: readonly Lane[],
  timeoutMs: number,
  written: WrittenLane[],
): Promise<Lane[]> {
  const byLeader = new Map<number, Lane[]>()
  const again: Lane[] = []
  for (const lane of lanes) {
    const leader = leaderOf(cluster, lane)
    if (leader === undefined) again.push(lane)
    else byLeader.set(leader, [...(byLeader.get(leader) ?? []), lane])
  }
  const outcomes = await Promise.allSettled(
    [...byLeader].map(async ([nodeId, led]) =>
      produceTo(await cluster.findBroker({ nodeId }), led, { timeoutMs, nowMs: Date.now() }),
    ),
  )
  const faults: KafkaFault[] = []
  for (const [index, led] of [...byLeader.values()].entries()) {
    const outcome = outcomes[index]!
    if (outcome.status === 'rejected') {
      again.push(...led)
      continue
    }
    const answers = new Map(outcome.value.map((answer) => [`${answer.topic}/${answer.partition}`, answer]))
    for (const lane of led) {
      const { topic, partition } = lane
      const answer = answers.get(`${topic}/${partition}`)
      if (answer?.errorCode === 0) written.push({ topic, partition, baseOffset: answer.baseOffset })
      else if (!answer || PASSING.has(answer.errorCode)) again.push(lane)
      else faults.push(faultOf(lane, answer.errorCode))
    }
  }
  if (faults[0]) throw faults[0]
  return again
}

function clusterFault(error: unknown): KafkaFault {
  const { message, type } = protocolError(error)
  if (type?.endsWith('AUTHORIZATION_FAILED'))
    return new KafkaFault('not-authorised', message, { cause: error })
  return new KafkaFault('unavailable', `Kafka cannot be reached: ${message}`, { cause: error })
}

function leaderOf(cluster: Cluster, { topic, partition }: Lane): number | undefined {
  const found = cluster.findTopicPartitionMetadata(topic).find((each) => each.partitionId === partition)
  return found === undefined || found.leader < 0 ? undefined : found.leader
}

function faultOf(lane: Lane, errorCode: number): KafkaFault {
  const where = `${lane.topic}, partition ${lane.partition}`
  if (TOO_LARGE.has(errorCode))
    return new KafkaFault('record-too-large', `a record is larger than its topic takes (${where})`)
  if (NOT_AUTHORISED.has(errorCode))
    return new KafkaFault('not-authorised', `this process may not write to ${where}: grant it`)
  return new KafkaFault('unavailable', `Kafka refused the records with error ${errorCode} (${where})`)
}
