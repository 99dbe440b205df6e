import { expect, test } from '@jest/globals'
import { createBrokerCluster } from '../testing/brokerCluster.ts'
import { createProduceSender } from './createProduceSender.ts'
import type { Lane } from './encodeProduce.ts'

const EVENTS = 'p.internal.events.v1'
const NAMES = [EVENTS, 'p.rejected.v1']

async function open(timeoutMs = 2_000) {
  const brokers = createBrokerCluster(NAMES, 4)
  const sender = await createProduceSender(brokers.kafka, { topics: NAMES, timeoutMs })
  return { brokers, sender }
}

const lane = (partition: number, ...values: string[]): Lane => ({
  topic: EVENTS,
  partition,
  records: values.map((value) => ({ key: 'k', value: Buffer.from(value) })),
})
const valuesOf = (brokers: ReturnType<typeof createBrokerCluster>, partition: number) =>
  brokers.logs.get(`${EVENTS}/${partition}`)?.map((record) => record.value)

test('only what a broker refused for a while is sent again', async () => {
  const { brokers, sender } = await open()
  brokers.refusals.set(`${EVENTS}/1`, { code: 19, times: 2 })
  const ranges = await sender.send([lane(0, 'a', 'c'), lane(1, 'b', 'd')])
  expect(ranges).toEqual([
    { topic: EVENTS, partition: 0, baseOffset: 0 },
    { topic: EVENTS, partition: 1, baseOffset: 0 },
  ])
  expect([valuesOf(brokers, 0), valuesOf(brokers, 1)]).toEqual([
    ['a', 'c'],
    ['b', 'd'],
  ])
  expect(brokers.requests).toHaveLength(3)
})

test('a new leader is found', async () => {
  const { brokers, sender } = await open()
  brokers.leader = 2
  await sender.send([lane(0, 'a')])
  expect(brokers.requests).toEqual([1, 2])
  brokers.leader = -1
  const sent = sender.send([lane(0, 'b')])
  setTimeout(() => {
    brokers.leader = 3
  }, 250)
  await sent
  expect(brokers.requests.at(-1)).toBe(3)
  expect(valuesOf(brokers, 0)).toEqual(['a', 'b'])
})

test('a lost answer is asked for again: the records are there, perhaps twice', async () => {
  const { brokers, sender } = await open()
  brokers.lostAnswers = 1
  expect(await sender.send([lane(2, 'a')])).toEqual([{ topic: EVENTS, partition: 2, baseOffset: 1 }])
  expect(valuesOf(brokers, 2)).toEqual(['a', 'a'])
})

test('what does not pass is given up after the time-out, what cannot pass at once', async () => {
  const { brokers, sender } = await open(300)
  brokers.refusals.set(`${EVENTS}/0`, { code: 7, times: 1000 })
  await expect(sender.send([lane(0, 'a')])).rejects.toMatchObject({ code: 'unavailable' })
  brokers.refusals.set(`${EVENTS}/0`, { code: 10, times: 1 })
  brokers.requests.length = 0
  await expect(sender.send([lane(0, 'a')])).rejects.toMatchObject({ code: 'record-too-large' })
  brokers.refusals.set(`${EVENTS}/0`, { code: 29, times: 1 })
  await expect(sender.send([lane(0, 'a')])).rejects.toMatchObject({ code: 'not-authorised' })
  expect(brokers.requests).toHaveLength(2)
})
