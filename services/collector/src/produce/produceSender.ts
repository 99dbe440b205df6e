/**
 * The sender's port over Kafka: produce requests written by hand, sent over the connections of the Kafka package.
 *
 *  S1. What a broker has acknowledged is not sent again; what it refused for a while (a new leader is being elected, too few
 *      replicas) is, until the time-out.
 *  S2. A request whose answer never came is sent again whole: its records may be there twice.
 *  S3. An error that trying again cannot cure is thrown at once.
 */
import { setTimeout as sleep } from 'node:timers/promises'
import { topicName, topics } from '@tributary/contracts'
import { type Kafka, KafkaFault } from '@tributary/kafka'
import { type OutgoingRecord, type RecordSender, type WrittenRange } from './outgoing.ts'
import { type ProducedLane, type TopicLane, decodeProduced, encodeProduce } from './produceRequest.ts'

/** Pause before what was refused is sent again, ms: the election of a leader takes hundreds. */
const RETRY_MS = 100
/** Error codes of the protocol for what passes by itself. */
const PASSING: ReadonlySet<number> = new Set([3, 5, 6, 7, 8, 9, 13, 19, 20, 56, 74, 75, 78])
const TOO_LARGE: ReadonlySet<number> = new Set([10, 18])
const NOT_AUTHORISED: ReadonlySet<number> = new Set([29, 31])

type Cluster = ReturnType<Kafka['cluster']>

/** The part of a broker's connections that takes a request as bytes; versions are agreed on when it is found. */
interface Connections {
  send(protocol: {
    request: { apiKey: number; apiVersion: number; apiName: string; encode: () => Promise<unknown> }
    response: { decode: (answer: Buffer) => Promise<unknown>; parse: (decoded: unknown) => Promise<unknown> }
  }): Promise<unknown>
}

export interface ProduceSender extends RecordSender {
  close(): Promise<void>
}

interface Lane extends TopicLane {
  readonly name: OutgoingRecord['topic']
}

export async function createProduceSender(
  kafka: Kafka,
  options: { readonly topicPrefix: string; readonly timeoutMs: number },
): Promise<ProduceSender> {
  const names = {
    events: topicName(options.topicPrefix, topics.events),
    rejected: topicName(options.topicPrefix, topics.rejected),
  }
  const cluster = kafka.cluster()
  try {
    await cluster.connect()
    await cluster.addMultipleTargetTopics(Object.values(names))
  } catch (error) {
    throw new KafkaFault('unavailable', `Kafka cannot be reached: ${String(error)}`, { cause: error })
  }

  return {
    async send(records) {
      const until = Date.now() + options.timeoutMs
      const written: WrittenRange[] = []
      let open = lanesOf(records, names)
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

function lanesOf(records: readonly OutgoingRecord[], names: Record<OutgoingRecord['topic'], string>): Lane[] {
  const lanes = new Map<string, Lane & { readonly records: OutgoingRecord[] }>()
  const events: (Lane & { readonly records: OutgoingRecord[] })[] = []
  for (const record of records) {
    // Nearly all are events: found by number.
    let lane =
      record.topic === 'events' ? events[record.partition] : lanes.get(`${record.topic}/${record.partition}`)
    if (!lane) {
      const { topic: name, partition } = record
      lane = { name, topic: names[name], partition, records: [] }
      lanes.set(`${name}/${partition}`, lane)
      if (name === 'events') events[partition] = lane
    }
    lane.records.push(record)
  }
  return [...lanes.values()]
}

/** What is to be sent again; what was written is added to `written`. */
async function sendLanes(
  cluster: Cluster,
  lanes: readonly Lane[],
  timeoutMs: number,
  written: WrittenRange[],
): Promise<Lane[]> {
  const byLeader = new Map<number, Lane[]>()
  const again: Lane[] = []
  for (const lane of lanes) {
    const leader = leaderOf(cluster, lane)
    if (leader === undefined) again.push(lane)
    else byLeader.set(leader, [...(byLeader.get(leader) ?? []), lane])
  }
  const outcomes = await Promise.allSettled(
    [...byLeader].map(([nodeId, led]) => produce(cluster, nodeId, led, timeoutMs)),
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
      const answer = answers.get(`${lane.topic}/${lane.partition}`)
      if (answer?.errorCode === 0)
        written.push({ topic: lane.name, partition: lane.partition, baseOffset: answer.baseOffset })
      else if (!answer || PASSING.has(answer.errorCode)) again.push(lane)
      else faults.push(faultOf(lane, answer.errorCode))
    }
  }
  if (faults[0]) throw faults[0]
  return again
}

function leaderOf(cluster: Cluster, { topic, partition }: Lane): number | undefined {
  const found = cluster.findTopicPartitionMetadata(topic).find((each) => each.partitionId === partition)
  return found === undefined || found.leader < 0 ? undefined : found.leader
}

async function produce(
  cluster: Cluster,
  nodeId: number,
  lanes: readonly Lane[],
  timeoutMs: number,
): Promise<ProducedLane[]> {
  const broker = (await cluster.findBroker({ nodeId })) as unknown as { connectionPool: Connections }
  const body = encodeProduce(lanes, { timeoutMs, nowMs: Date.now() })
  const answer = await broker.connectionPool.send({
    request: {
      apiKey: 0,
      apiVersion: 7,
      apiName: 'Produce',
      encode: () => Promise.resolve({ buf: body, buffer: body }),
    },
    response: {
      decode: (bytes) => Promise.resolve(decodeProduced(bytes)),
      parse: (decoded) => Promise.resolve(decoded),
    },
  })
  return answer as ProducedLane[]
}

function faultOf(lane: Lane, errorCode: number): KafkaFault {
  const where = `${lane.topic}, partition ${lane.partition}`
  if (TOO_LARGE.has(errorCode))
    return new KafkaFault('record-too-large', `a record is larger than its topic takes (${where})`)
  if (NOT_AUTHORISED.has(errorCode))
    return new KafkaFault('not-authorised', `the collector may not write to ${where}: grant it`)
  return new KafkaFault('unavailable', `Kafka refused the records with error ${errorCode} (${where})`)
}
