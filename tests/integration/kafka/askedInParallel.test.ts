/** One connection, many questions at once: each is answered for its own topic, whatever the others come to. */
import { afterAll, beforeAll, expect, test } from '@jest/globals'
import {
  type KafkaAdmin,
  createAdmin,
  createKafka,
  createPlainProducer,
  createTopics,
} from '@tributary/kafka'
import { topics } from '@tributary/contracts'
import { testStack } from '../../support/testStack.ts'
import { uniquePrefix } from '../../support/uniquePrefix.ts'

const kafka = createKafka({ brokers: testStack().brokers.split(','), clientId: 'asked-in-parallel' })
const prefix = uniquePrefix('parallel')
const PARTITIONS = 2
const there = ['a', 'b', 'c'].map((name) => `${prefix}.${name}`)
const [first, second] = there as [string, string]
let admin: KafkaAdmin

beforeAll(async () => {
  const counts = { identifier: PARTITIONS, profile: PARTITIONS, delivery: PARTITIONS }
  await createTopics(kafka, {
    topics: ['a', 'b', 'c'].map((name) => ({ ...topics.rejected, name })),
    counts,
    prefix,
    replicationFactor: 1,
    minInSyncReplicas: 1,
  })
  const producer = await createPlainProducer(kafka)
  await producer.send(there.map((topic) => ({ topic, partition: 1, key: null, value: 'one' })))
  await producer.close()
  admin = await createAdmin(kafka)
}, 60_000)
afterAll(() => admin?.close())

const answer = (topic: string): Promise<unknown> =>
  admin.offsets(topic).then(
    (offsets) => offsets.map(({ partition, end }) => `${partition}:${end}`).join(' '),
    (error: { code?: string; message: string }) =>
      error.message.includes(topic) ? error.code : `about another topic: ${error.message}`,
  )
const isThere = (topic: string): boolean => there.includes(topic)
const expected = (topic: string): string => (isThere(topic) ? '0:0 1:1' : 'topic-missing')

test('topics that are there and topics that are not, asked for all at once, again and again', async () => {
  for (let round = 0; round < 10; round++) {
    const asked = [
      `${prefix}.missing-${round}`,
      first,
      `${prefix}.gone`,
      ...there,
      `${prefix}.missing-${round}-too`,
      second,
    ]
    const fresh = round % 2 === 0
    if (fresh) {
      // oxlint-disable no-await-in-loop -- one round after the other
      await admin.close()
      admin = await createAdmin(kafka)
    }
    expect(await Promise.all(asked.map(answer))).toEqual(asked.map(expected))
    // oxlint-enable no-await-in-loop
  }
}, 60_000)

test('a topic that is deleted is missing, and the others are not', async () => {
  expect(await answer(first)).toBe(expected(first))
  await admin.deleteTopics([first])
  for (let times = 0; times < 3; times++) {
    // oxlint-disable-next-line no-await-in-loop -- again and again
    expect(await Promise.all([second, first, there[2]!].map(answer))).toEqual([
      '0:0 1:1',
      'topic-missing',
      '0:0 1:1',
    ])
  }
}, 60_000)
