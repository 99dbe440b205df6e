/** Requests and answers of every transactional call are dropped at random, between real tasks and a real broker. */
import net from 'node:net'
import { partitionOf, topics } from '@tributary/contracts'
import { createKafka, createKafkaLog, readTopic } from '@tributary/kafka'
import { checkCounted, countedSoFar } from '@tributary/stream-runtime/testing'
import { afterAll, beforeAll, expect, jest, test } from '@jest/globals'
import { testStack } from '../../support/testStack.ts'
import { waitUntil } from '../../support/waitUntil.ts'
import { createRuntimeWorld, type RuntimeWorld } from './runtimeWorld.ts'

jest.setTimeout(180_000)

const PARTITIONS = 2
const EVENTS = 3_000
/** Produce, InitProducerId, AddPartitionsToTxn, EndTxn. */
const TRANSACTIONAL = new Set([0, 22, 24, 26])
const LOSS = 0.04

let world: RuntimeWorld

beforeAll(async () => {
  world = await createRuntimeWorld(PARTITIONS)
})

afterAll(() => world.end())

/** Frames of Kafka's protocol, one by one. */
function frames(on: (frame: Buffer) => void): (data: Buffer) => void {
  let rest = Buffer.alloc(0)
  return (data) => {
    rest = Buffer.concat([rest, data])
    while (rest.length >= 4 && rest.length >= 4 + rest.readInt32BE(0)) {
      const size = 4 + rest.readInt32BE(0)
      on(rest.subarray(0, size))
      rest = rest.subarray(size)
    }
  }
}

async function losingProxy(port: number, random: () => number) {
  const lost = { requests: 0, answers: 0, on: true }
  const server = net.createServer((client) => {
    const broker = net.connect(port, '127.0.0.1')
    const keys = new Map<number, number>()
    const cut = () => {
      client.destroy()
      broker.destroy()
    }
    const loses = (key: number | undefined) => lost.on && TRANSACTIONAL.has(key ?? -1) && random() < LOSS
    client.on(
      'data',
      frames((frame) => {
        const key = frame.readInt16BE(4)
        keys.set(frame.readInt32BE(8), key)
        if (loses(key)) {
          lost.requests++
          return cut()
        }
        broker.write(frame)
      }),
    )
    broker.on(
      'data',
      frames((frame) => {
        if (loses(keys.get(frame.readInt32BE(4)))) {
          lost.answers++
          return cut()
        }
        client.write(frame)
      }),
    )
    for (const socket of [client, broker]) socket.on('error', cut).on('close', cut)
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  return { lost, port: (server.address() as net.AddressInfo).port, close: () => server.close() }
}

/** A small generator (mulberry32), so that a seed names a run. */
function seededRandom(seed: number): () => number {
  let state = seed
  return () => {
    state = (state + 0x6d2b79f5) | 0
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state)
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32
  }
}

test('whatever requests and answers are lost, each record is counted once and each number is given once', async () => {
  const { brokers } = testStack()
  const proxy = await losingProxy(Number(brokers.split(':').at(-1)), seededRandom(7))
  const kafka = createKafka(
    { brokers: [brokers], clientId: 'lossy' },
    { socketFactory: ({ onConnect }) => net.connect(proxy.port, '127.0.0.1', onConnect) },
  )
  const log = createKafkaLog(kafka, { topicPrefix: world.prefix })
  const keys = Array.from({ length: EVENTS }, (_, i) => `k${(i * 31) % 53}`)
  const group = await world.startCounting('lossy', { log, limits: { maxRecords: 20, minCommitGapMs: 0 } })
  await world.produce(keys)

  async function outputs(partition: number) {
    const records = []
    for await (const chunk of readTopic(world.kafka, { topic: world.nameOf(topics.skipped), partition }))
      records.push(...chunk.records)
    return records
  }
  await waitUntil(
    'everything to be counted',
    async () => countedSoFar(await outputs(0)) + countedSoFar(await outputs(1)) === EVENTS,
    { timeoutMs: 150_000, pollMs: 1_000 },
  )
  proxy.lost.on = false
  const openings = group.tasks().reduce((sum, task) => sum + task.openings, 0)
  await group.stop()
  await log.close()
  proxy.close()
  for (let p = 0; p < PARTITIONS; p++) {
    const expected = new Map<string, number>()
    for (const key of keys)
      if (partitionOf(key, PARTITIONS) === p) expected.set(key, (expected.get(key) ?? 0) + 1)
    expect(checkCounted(await outputs(p), expected)).toEqual([])
  }
  expect([proxy.lost.requests > 5, proxy.lost.answers > 5, openings > 10]).toEqual([true, true, true])
  expect(world.fatal).toEqual([])
})
