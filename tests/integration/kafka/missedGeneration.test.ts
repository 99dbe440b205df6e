/** A member that was cut off from its coordinator while others had its partitions, on a real broker. */
import { afterAll, expect, test } from '@jest/globals'
import {
  type AssignedPartition,
  type ConsumerGroup,
  type GroupBatch,
  type Kafka,
  createConsumerGroup,
  createKafka,
  createPlainProducer,
} from '@tributary/kafka'
import { createTopics } from '../../../deploy/local/src/createTopics.ts'
import { testStack } from '../../support/testStack.ts'
import { uniquePrefix } from '../../support/uniquePrefix.ts'
import { waitUntil } from '../../support/waitUntil.ts'

/** The session is 10 s, and others share the machine. */
const WAIT = { timeoutMs: 40_000 }

const { brokers } = testStack()
const kafka = createKafka({ brokers: brokers.split(','), clientId: 'test' })
const stops: (() => Promise<void>)[] = []
afterAll(async () => {
  for (const stop of stops.toReversed()) await stop()
})

/** Everything works but the way to the coordinator, while `line.cut` is true. */
function cuttable(line: { cut: boolean }): Kafka {
  return {
    ...kafka,
    cluster() {
      const cluster = kafka.cluster()
      const find = cluster.findGroupCoordinator.bind(cluster)
      const guard = () => {
        if (line.cut) throw new Error('cut off')
      }
      cluster.findGroupCoordinator = async (group) => {
        guard()
        const coordinator = await find(group)
        return new Proxy(coordinator, {
          get(target, name) {
            const value = Reflect.get(target, name) as unknown
            if (typeof value !== 'function') return value
            return async (...args: unknown[]) => {
              guard()
              return (value as (...given: unknown[]) => unknown).apply(target, args)
            }
          },
        })
      }
      return cluster
    },
  }
}

interface Member {
  group: ConsumerGroup
  assigned: AssignedPartition[]
  batches: GroupBatch[]
}

function join(over: Kafka, group: string, topic: string, nodeId: string): Member {
  const member: Omit<Member, 'group'> = { assigned: [], batches: [] }
  const joined = createConsumerGroup(over, {
    group,
    topics: [topic],
    nodeId,
    startAt: 'earliest',
    onAssigned: (partition) => void member.assigned.push(partition),
    onRecords: (batch) => Promise.resolve(void member.batches.push(batch)),
    onFatal: (error) => {
      throw error
    },
  })
  stops.push(() => joined.stop())
  return { ...member, group: joined }
}

test('a partition that came back after a missed generation is owned anew, and the former owner commits nothing', async () => {
  const topic = uniquePrefix('missed')
  await createTopics(brokers, [topic], 2)
  const producer = await createPlainProducer(kafka)
  stops.push(() => producer.close())
  const write = (value: string) =>
    producer.send([0, 1].map((partition) => ({ topic, partition, key: null, value })))
  await write('before')

  const line = { cut: false }
  const b = join(cuttable(line), topic, topic, 'b')
  await waitUntil('b to own both partitions', () => b.assigned.length === 2, WAIT)
  const a = join(kafka, topic, topic, 'a')
  await waitUntil('a to get one of them', () => a.assigned.length === 1, WAIT)
  const kept = b.group.assigned()[0]!.partition
  const [former] = b.assigned.filter(({ partition }) => partition === kept)

  line.cut = true
  await waitUntil('a to get the other one too', () => a.group.assigned().length === 2, WAIT)
  await write('meanwhile')
  const ofA = await waitUntil(
    'a to read it',
    () => a.batches.find(({ partition, nextOffset }) => partition === kept && nextOffset === 2),
    WAIT,
  )
  await a.group.commit(topic, kept, ofA.nextOffset)
  // b reads on: it does not know yet. What it commits waits for the coordinator.
  const late = b.group.commit(topic, kept, 1).catch((error: unknown) => error)
  line.cut = false

  expect(await late).toMatchObject({ code: 'not-assigned' })
  expect(former!.signal.aborted).toBe(true)
  const again = await waitUntil(
    'b to own it anew',
    () => b.assigned.find((each) => each.partition === kept && each !== former),
    WAIT,
  )
  expect(again.committed?.offset).toBe(2)
}, 120_000)
