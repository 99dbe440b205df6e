/** How long it takes until an event with new evidence is seen in the profile it joined to another. */
import { hash } from 'node:crypto'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import {
  KEY_SEPARATOR,
  encodeMessage,
  partitionOf,
  profileIdOf,
  topicName,
  topics,
} from '@tributary/contracts'
import { Event, EventRecord, EventType } from '@tributary/contracts/generated/tributary/event/v1/event'
import { createKafka, createKafkaLog, createPlainProducer, createTopics } from '@tributary/kafka'
import { createLmdbStores } from '@tributary/state-lmdb'
import { type TaskGroup, type Topology, startTaskGroup } from '@tributary/stream-runtime'
import { extractorTopology } from '../../../services/identity-stitcher/src/extractor/extractorTopology.ts'
import { resolverTopology } from '../../../services/identity-stitcher/src/resolver/resolverTopology.ts'
import { fragmentTopology } from '../../../services/profile-store/src/fragment/fragmentTopology.ts'
import { partRows } from '../../../services/profile-store/src/profile/profileRows.ts'
import { profileTopology } from '../../../services/profile-store/src/profile/profileTopology.ts'
import { uniquePrefix } from '../../support/uniquePrefix.ts'
import { waitUntil } from '../../support/waitUntil.ts'
import type { Bar } from '../bar.ts'
import { BENCH_FOLDER, benchStack } from '../benchStack.ts'
import { HOP_AIM_MS, hopLatency } from '../hopLatency.ts'
import { withLoad } from '../runtimeLoad.ts'

const PARTITIONS = 2
const COUNTS = { identifier: PARTITIONS, profile: PARTITIONS, delivery: PARTITIONS }
/** Merges of one run: ten of them are slower than what is told. */
const MERGES = 1_000
/** 50 a second: far below what the tasks take, so that it is the way that is measured and no queue. */
const EVERY_MS = 20
/** From events to evidence, to assignments, to parts, to the profile: four tasks after one another. */
const HOPS = 4

const idOf = (type: string, value: string) => ({
  type,
  value,
  id: hash('sha256', `${type} ${value}`).slice(0, 32),
})

interface Pipeline {
  /** p99 of the time from the production of the event to the commit after which the profile holds the other's part. */
  retagged(run: number): Promise<number>
  close(): Promise<void>
}

async function startPipeline(): Promise<Pipeline> {
  const { brokers } = (await benchStack()).kafka
  const prefix = uniquePrefix('retag')
  const kafka = createKafka({ brokers: [brokers], clientId: 'bench' })
  const ignored = () => undefined
  const sink = { opened: ignored, computed: ignored }
  const topologies = [
    extractorTopology({ seen: ignored, sent: ignored }),
    resolverTopology({ resolved: ignored, passedOver: ignored }),
    fragmentTopology(sink),
    profileTopology(sink),
  ] as readonly Topology[]
  await createTopics(kafka, {
    topics: Object.values(topics).filter((topic) => topic !== topics.config),
    counts: COUNTS,
    prefix,
    replicationFactor: 1,
    minInSyncReplicas: 1,
  })
  const log = createKafkaLog(kafka, { topicPrefix: prefix })
  const producer = await createPlainProducer(kafka)
  const groups: TaskGroup[] = []
  for (const topology of topologies)
    groups.push(
      // oxlint-disable-next-line no-await-in-loop -- they join one after another
      await startTaskGroup({
        topology,
        log,
        stores: createLmdbStores({ directory: join(BENCH_FOLDER, prefix, topology.name) }),
        counts: COUNTS,
        groupPrefix: prefix,
        nodeId: 'bench',
        onFatal: (error) => {
          throw error
        },
      }),
    )
  const profiles = groups.at(-1)!
  const running = () => groups.every((each) => each.tasks().length > 0 && each.tasks().every(isRunning))
  await waitUntil('the tasks run', running)

  async function produce(...identifiers: readonly ReturnType<typeof idOf>[]): Promise<void> {
    const anchor = identifiers[0]!.id
    const now = Date.now()
    const value = Event.fromPartial({
      messageId: `m-${anchor}-${now}`,
      sourceId: 'web',
      type: EventType.EVENT_TYPE_TRACK,
      anchor,
      identifiers: [...identifiers],
      timeMs: now,
      receivedTimeMs: now,
      raw: Buffer.from('{}'),
      epoch: 1,
    })
    await producer.send([
      {
        topic: topicName(prefix, topics.events),
        partition: partitionOf(anchor, PARTITIONS),
        key: anchor,
        value: Buffer.from(encodeMessage(EventRecord, { record: { $case: 'event', value } })),
      },
    ])
  }

  /** Produces one event after another, at a steady rate; gives how long each took to be seen. */
  async function timed(
    count: number,
    send: (n: number) => Promise<void>,
    partOf: (n: number) => readonly [profileId: string, identifierId: string],
  ): Promise<readonly number[]> {
    const waiting = new Map<string, { readonly partition: number; readonly sentAt: number }>()
    const taken: number[] = []
    const stop = profiles.onCommit(({ partition }) => {
      const parts = profiles.view(partition)?.table(partRows)
      for (const [key, each] of waiting) {
        if (each.partition !== partition || !parts?.get(key)) continue
        taken.push(performance.now() - each.sentAt)
        waiting.delete(key)
      }
    })
    for (let n = 0; n < count; n++) {
      const [profileId, identifierId] = partOf(n)
      const partition = partitionOf(profileId, PARTITIONS)
      waiting.set(`${profileId}${KEY_SEPARATOR}${identifierId}`, { partition, sentAt: performance.now() })
      void send(n)
      // oxlint-disable-next-line no-await-in-loop -- a steady rate
      await sleep(EVERY_MS)
    }
    await waitUntil('every profile has its part', () => waiting.size === 0)
    stop()
    return taken
  }

  return {
    async retagged(run) {
      const device = (n: number) => idOf('anonymous_id', `${run} d${n}`)
      const user = (n: number) => idOf('user_id', `${run} u${n}`)
      const profileOf = (id: string) => profileIdOf(id, 0)
      for (let n = 0; n < MERGES; n++) void produce(device(n))
      await waitUntil('every device has its profile', () =>
        Array.from({ length: MERGES }, (_, n) => device(n).id).every((id) => {
          const parts = profiles.view(partitionOf(profileOf(id), PARTITIONS))?.table(partRows)
          return parts?.get(`${profileOf(id)}${KEY_SEPARATOR}${id}`) !== undefined
        }),
      )
      const taken = await timed(
        MERGES,
        (n) => produce(user(n), device(n)),
        (n) => [profileOf(user(n).id), device(n).id],
      )
      const sorted = taken.toSorted((a, b) => a - b)
      process.stderr.write(`re-tagged p50 ${Math.round(sorted[MERGES >> 1]!)} ms\n`)
      return sorted[Math.floor(MERGES * 0.99)]!
    },
    async close() {
      await Promise.all(groups.map((group) => group.stop()))
      await log.close()
      await producer.close()
    },
  }
}

const isRunning = ({ state }: { readonly state: string }): boolean => state === 'running'

export const bars: Bar[] = [
  {
    name: 'identity-retag-p99',
    about: `From an event that shows a user with a device for the first time to the user's profile with the device's events in it, readable: p99 of ${MERGES} merges, through extractor, resolver, fragment and profile over Kafka; beside ${HOPS} bare round trips through Kafka, p99, and the ${HOP_AIM_MS} ms more that the design allows each hop.`,
    unit: 'ms',
    better: 'lower',
    goal: 1,
    runs: 1,
    async prepare() {
      const pipeline = await startPipeline()
      let run = 0
      return {
        ours: () => pipeline.retagged(++run),
        async reference() {
          const bare = await withLoad('bare', (load) => hopLatency(load, false))
          return HOPS * (bare.p99 + HOP_AIM_MS)
        },
        close: () => pipeline.close(),
      }
    },
  },
]
