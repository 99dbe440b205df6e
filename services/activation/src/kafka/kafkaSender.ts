/**
 * Sends deliveries to Kafka topics: one record for each, keyed by the profile.
 *
 *      send ──▶ lane of (destination, its partition of the deliveries) ──together──▶ one transaction ──▶ answers
 *
 * Invariants:
 *  K1. A record that was given up never lands behind a newer one of its profile, where compaction would keep it: each
 *      lane has a fenced producer named after it, whoever owns its partition, and after an error it is opened anew.
 *  K2. A lane that another instance has taken over sends nothing more of what it held: the error is the answer to all
 *      of it, and opening again takes a call that the dispatcher makes from a state it owns.
 *  K3. Nothing waits longer for its producer than others take to see that this process has stopped.
 */
import { KEY_SEPARATOR, cloudEventHeaders, partitionOf } from '@tributary/contracts'
import type { Delivery } from '@tributary/contracts/generated/tributary/delivery/v1/delivery'
import { type FencedProducer, type FencedRecord, KafkaFault } from '@tributary/kafka'
import { RuntimeFault } from '@tributary/stream-runtime'
import type { Answer, FailureCode } from '../delivery/classify.ts'
import type { Sender } from '../delivery/dispatcher.ts'

/** Records of one transaction: some tens of milliseconds for a broker. */
const MAX_TOGETHER = 1_000
/** K3: half the time after which a group gives the partitions of a silent member to others, ms. */
const MAX_HELD_MS = 5_000
const SOURCE = '/tributary/activation'

export interface KafkaSenderOptions {
  readonly open: (target: {
    readonly topic: string
    readonly transactionalId: string
  }) => Promise<FencedProducer>
  /** Of transactional ids. */
  readonly groupPrefix: string
  /** Topics with this prefix are the installation's own: nothing of a sync may get there. */
  readonly topicPrefix: string
  /** Partitions of the deliveries. */
  readonly partitions: number
  /** Time that never goes backwards, ms. */
  readonly elapsedMs: () => number
}

export interface KafkaSender extends Sender {
  close(): Promise<void>
}

interface Held {
  readonly record: FencedRecord
  readonly sinceMs: number
  readonly answer: (answer: Answer) => void
}

interface Lane {
  readonly topic: string
  readonly transactionalId: string
  producer: FencedProducer | undefined
  waiting: Held[]
  running: boolean
}

export function createKafkaSender(options: KafkaSenderOptions): KafkaSender {
  const lanes = new Map<string, Lane>()

  function laneOf(destination: string, topic: string, profileId: string): Lane {
    const partition = partitionOf(`${destination}${KEY_SEPARATOR}${profileId}`, options.partitions)
    const transactionalId = `${options.groupPrefix}.projection.${destination}.${partition}`
    const name = `${topic} ${transactionalId}`
    let lane = lanes.get(name)
    if (!lane) {
      lane = { topic, transactionalId, producer: undefined, waiting: [], running: false }
      lanes.set(name, lane)
    }
    return lane
  }

  async function run(lane: Lane): Promise<void> {
    lane.running = true
    try {
      while (lane.waiting.length > 0) {
        const together = lane.waiting.splice(0, MAX_TOGETHER)
        // oxlint-disable-next-line no-await-in-loop -- one transaction after the other keeps the order
        await sendTogether(lane, together)
      }
    } finally {
      lane.running = false
    }
  }

  async function sendTogether(lane: Lane, together: readonly Held[]): Promise<void> {
    try {
      lane.producer ??= await options.open(lane)
      const late = together.filter(({ sinceMs }) => options.elapsedMs() - sinceMs > MAX_HELD_MS) // K3
      for (const { answer } of late) answer(failure('BROKER_UNAVAILABLE', 'Kafka took too long to be ready'))
      const rest = together.filter((held) => !late.includes(held))
      if (rest.length > 0) await lane.producer.send(rest.map(({ record }) => record))
      for (const { answer } of rest) answer({ kind: 'accepted' })
    } catch (error) {
      await lane.producer?.close().catch(() => {})
      lane.producer = undefined
      const answer = answerOf(error, lane.topic)
      const tooLarge = answer.kind === 'failure' && answer.code === 'RECORD_TOO_LARGE'
      if (!tooLarge || together.length === 1) {
        for (const held of together) held.answer(answer)
        return
      }
      // One of them is: each for itself says which.
      for (const held of together)
        // oxlint-disable-next-line no-await-in-loop -- keeps the order
        await sendTogether(lane, [held])
    }
  }

  return {
    blocked({ kafka }) {
      if (!kafka?.topic.startsWith(`${options.topicPrefix}.`)) return undefined
      return {
        code: 'TOPIC_NOT_ALLOWED',
        message: `topics that begin with ${options.topicPrefix}. are this installation's own; name another`,
      }
    },
    async send({ id, kafka }, delivery) {
      if (!kafka) return failure('TOPIC_MISSING', 'the destination names no topic')
      const { topic } = kafka
      if (delivery.profileId === '') return tryOut(topic, `${options.groupPrefix}.projection.${id}.test`)
      const lane = laneOf(id, topic, delivery.profileId)
      return new Promise<Answer>((answer) => {
        lane.waiting.push({ record: recordOf(delivery), sinceMs: options.elapsedMs(), answer })
        if (!lane.running) void run(lane)
      })
    },
    async close() {
      await Promise.all([...lanes.values()].map(async ({ producer }) => producer?.close()))
    },
  }

  /** The topic is somebody's state, so nothing is written to it: it is there, and may be written to. */
  async function tryOut(topic: string, transactionalId: string): Promise<Answer> {
    try {
      const producer = await options.open({ topic, transactionalId })
      await producer.close()
      return { kind: 'accepted' }
    } catch (error) {
      return answerOf(error, topic)
    }
  }
}

/** The record of a delivery; its value is null when the profile, or what the sync is about, is no more. */
function recordOf(delivery: Delivery): FencedRecord {
  return {
    key: delivery.profileId,
    value: delivery.body === '' ? null : Buffer.from(delivery.body),
    headers: cloudEventHeaders({
      id: delivery.id,
      type: delivery.type,
      source: SOURCE,
      subject: delivery.profileId,
      time: new Date(delivery.createdTimeMs).toISOString(),
    }),
  }
}

function failure(code: FailureCode, message: string): Answer {
  return { kind: 'failure', code, message }
}

function answerOf(error: unknown, topic: string): Answer {
  if (error instanceof KafkaFault && error.code === 'topic-missing')
    return failure('TOPIC_MISSING', `the topic ${topic} does not exist: create it, compacted`)
  if (error instanceof RuntimeFault && error.code === 'not-authorised')
    return failure(
      'NOT_AUTHORISED',
      `this service may not write to ${topic}: grant Write, and its transactional ids`,
    )
  if (error instanceof RuntimeFault && error.code === 'record-too-large')
    return failure('RECORD_TOO_LARGE', `the record is larger than ${topic} takes`)
  if (error instanceof RuntimeFault && error.code === 'fenced')
    return failure('OWNER_MOVED', 'another instance sends to this destination now')
  return failure('BROKER_UNAVAILABLE', 'Kafka did not take the record')
}
