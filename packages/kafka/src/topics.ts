/** Creates the topics of the catalogue, and says what is wrong with those that exist. */
import { setTimeout as sleep } from 'node:timers/promises'
import {
  type PartitionCounts,
  partitionsOf,
  topicName,
  type TopicPrefix,
  type TopicSpec,
} from '@tributary/contracts'
import kafkajs, { type Admin } from 'kafkajs'
import type { Kafka } from './connection.ts'
import { isAuthorisation, KafkaFault, protocolError } from './kafkaFault.ts'
import { listOffsets } from './listOffsets.ts'
import { settingHolds, topicSettings } from './topicSettings.ts'

export interface TopicsOptions {
  readonly topics: readonly TopicSpec[]
  readonly counts: PartitionCounts
  readonly prefix: TopicPrefix
}

export interface CreateTopicsOptions extends TopicsOptions {
  readonly replicationFactor: number
  readonly minInSyncReplicas: number
}

export interface TopicProblem {
  /** Name in Kafka. */
  readonly topic: string
  readonly kind: 'missing' | 'partitions' | 'setting'
  /** A sentence: what is wrong and what to do. */
  readonly message: string
}

const ADMIN_RETRY = { initialRetryTime: 100, maxRetryTime: 2_000, retries: 6 }
/** How long the controller may take to create topics, ms; dozens of them take seconds on a small broker. */
const CREATE_TIMEOUT_MS = 30_000
/** How long new partitions may take to have a leader, and how often one asks, ms. */
const LED_MS = 15_000
const LED_POLL_MS = 50

/**
 * Creates those that are missing and waits until they can be written; gives their names. Topics that exist are left
 * as they are: check them.
 */
export async function createTopics(kafka: Kafka, options: CreateTopicsOptions): Promise<string[]> {
  const created = await createMissing(kafka, options)
  await untilLed(kafka, created)
  return created
}

/** A leader is named in the metadata a moment before it knows that it leads, and refuses writes until then. */
async function untilLed(kafka: Kafka, topics: readonly string[]): Promise<void> {
  const cluster = kafka.cluster()
  const deadline = Date.now() + LED_MS
  try {
    for (const topic of topics)
      for (;;) {
        try {
          await listOffsets(cluster, topic)
          break
        } catch (error) {
          if (Date.now() > deadline) throw error
          await sleep(LED_POLL_MS)
        }
      }
  } finally {
    await cluster.disconnect().catch(() => {})
  }
}

/**
 * By identifier, but of no layout epoch: it outlives a rebuild that changes the count. Nothing depends on which partition a
 * record is in, so more than are used do no harm, and fewer are made more.
 */
function isGrown(spec: TopicSpec): boolean {
  return spec.partitions === 'identifier' && !spec.perEpoch
}

async function grow(
  admin: Pick<kafkajs.Admin, 'fetchTopicMetadata' | 'createPartitions'>,
  specs: readonly TopicSpec[],
  options: CreateTopicsOptions,
): Promise<void> {
  if (specs.length === 0) return
  const { topics } = await admin.fetchTopicMetadata({
    topics: specs.map((spec) => topicName(options.prefix, spec)),
  })
  const topicPartitions = specs.flatMap((spec) => {
    const topic = topicName(options.prefix, spec)
    const count = partitionsOf(spec, options.counts)
    const found = topics.find(({ name }) => name === topic)?.partitions.length ?? count
    return found < count ? [{ topic, count }] : []
  })
  if (topicPartitions.length > 0) await admin.createPartitions({ topicPartitions })
}

async function createMissing(kafka: Kafka, options: CreateTopicsOptions): Promise<string[]> {
  return withAdmin(kafka, async (admin) => {
    const existing = new Set(await admin.listTopics())
    await grow(
      admin,
      options.topics.filter((spec) => isGrown(spec) && existing.has(topicName(options.prefix, spec))),
      options,
    )
    const toCreate = options.topics.filter((spec) => !existing.has(topicName(options.prefix, spec)))
    if (toCreate.length === 0) return []
    await admin
      .createTopics({
        waitForLeaders: true,
        timeout: CREATE_TIMEOUT_MS,
        topics: toCreate.map((spec) => ({
          topic: topicName(options.prefix, spec),
          numPartitions: partitionsOf(spec, options.counts),
          replicationFactor: options.replicationFactor,
          configEntries: Object.entries(topicSettings(spec, options.minInSyncReplicas)).map(
            ([name, value]) => ({
              name,
              value,
            }),
          ),
        })),
      })
      .catch((error: unknown) => {
        // Somebody else created one of them at the same moment: the check that follows tells whether it is right.
        if (!createdMeanwhile(error)) throw error
      })
    return toCreate.map((spec) => topicName(options.prefix, spec))
  })
}

function createdMeanwhile(error: unknown): boolean {
  const errors = (error as { errors?: { type?: string }[] }).errors
  return errors !== undefined && errors.every((each) => each.type === 'TOPIC_ALREADY_EXISTS')
}

export async function checkTopics(kafka: Kafka, options: TopicsOptions): Promise<TopicProblem[]> {
  return withAdmin(kafka, async (admin) => {
    const existing = new Set(await admin.listTopics())
    const found = options.topics.filter((spec) => existing.has(topicName(options.prefix, spec)))
    const problems: TopicProblem[] = options.topics
      .filter((spec) => !found.includes(spec))
      .map((spec) => missing(topicName(options.prefix, spec)))
    if (found.length === 0) return problems
    const names = found.map((spec) => topicName(options.prefix, spec))
    const { topics } = await admin.fetchTopicMetadata({ topics: names })
    const { resources } = await admin.describeConfigs({
      includeSynonyms: false,
      resources: names.map((name) => ({ type: kafkajs.ConfigResourceTypes.TOPIC, name })),
    })
    for (const spec of found) {
      const name = topicName(options.prefix, spec)
      const count = topics.find((each) => each.name === name)?.partitions.length ?? 0
      const wanted = partitionsOf(spec, options.counts)
      const isRight = isGrown(spec) ? count >= wanted : count === wanted
      if (!isRight) problems.push(wrongCount(name, spec, count, wanted))
      const entries = resources.find((each) => each.resourceName === name)?.configEntries ?? []
      const settings = new Map(entries.map((entry) => [entry.configName, entry.configValue]))
      for (const [setting, value] of Object.entries(topicSettings(spec, 1)))
        if (!settingHolds(setting, value, settings.get(setting)))
          problems.push(wrongSetting(name, setting, settings.get(setting), value))
    }
    return problems
  })
}

/** Throws one KafkaFault with every problem, for a service that must not start. */
export async function requireTopics(kafka: Kafka, options: TopicsOptions): Promise<void> {
  const problems = await checkTopics(kafka, options)
  if (problems.length === 0) return
  const code = problems.every(({ kind }) => kind === 'missing') ? 'topic-missing' : 'wrong-topic'
  throw new KafkaFault(code, problems.map(({ message }) => message).join('\n'))
}

function missing(topic: string): TopicProblem {
  return {
    topic,
    kind: 'missing',
    message: `topic ${topic} does not exist: create it with “tributary topics create”`,
  }
}

const COUNT_SETTING = {
  identifier: 'IDENTIFIER_PARTITIONS',
  profile: 'PROFILE_PARTITIONS',
  delivery: 'DELIVERY_PARTITIONS',
} as const

function wrongCount(topic: string, spec: TopicSpec, found: number, wanted: number): TopicProblem {
  const remedy = isGrown(spec)
    ? 'let “tributary topics create” add what is missing'
    : spec.partitions === 'one'
      ? 'it must have exactly one: recreate the topic'
      : `set ${COUNT_SETTING[spec.partitions]}=${found} in every service, or recreate the topic with ${wanted}; a count never changes while data is in it`
  return {
    topic,
    kind: 'partitions',
    message: `topic ${topic} has ${found} partitions, this installation is set to ${wanted}: ${remedy}`,
  }
}

function wrongSetting(
  topic: string,
  setting: string,
  found: string | undefined,
  wanted: string,
): TopicProblem {
  return {
    topic,
    kind: 'setting',
    message: `topic ${topic} has ${setting}=${found ?? 'unset'}, it must be ${wanted}: kafka-configs.sh --alter --topic ${topic} --add-config ${setting}=${wanted}`,
  }
}

async function withAdmin<T>(kafka: Kafka, use: (admin: Admin) => Promise<T>): Promise<T> {
  const admin = kafka.client(ADMIN_RETRY).admin({ retry: ADMIN_RETRY })
  try {
    await admin.connect()
    return await use(admin)
  } catch (error) {
    if (error instanceof KafkaFault) throw error
    const found = protocolError(error)
    const code = isAuthorisation(found) ? 'not-authorised' : 'unavailable'
    throw new KafkaFault(code, `Kafka did not answer about the topics: ${describe(error)}`, { cause: error })
  } finally {
    await admin.disconnect().catch(() => {})
  }
}

function describe(error: unknown): string {
  const errors = (error as { errors?: { message: string; topic?: string }[] }).errors
  if (!errors) return protocolError(error).message
  return errors.map((each) => `${each.topic ?? ''} ${each.message}`.trim()).join('; ')
}
