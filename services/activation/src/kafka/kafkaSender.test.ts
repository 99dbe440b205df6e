import { expect, test } from '@jest/globals'
import { topics } from '@tributary/contracts'
import { type FencedProducer, KafkaFault } from '@tributary/kafka'
import { RuntimeFault } from '@tributary/stream-runtime'
import { createMemoryLog } from '@tributary/stream-runtime/testing'
import { classify } from '../delivery/classify.ts'
import { delivery } from '../testing/deliveries.ts'
import { senderContract } from '../testing/senderContract.ts'
import { destination } from '../testing/workspace.ts'
import { createKafkaSender } from './kafkaSender.ts'

const topic = 'crm.people'
const spec = { ...topics.profiles, name: topic }
const crm = destination({ webhook: undefined, kafka: { topic } } as never)

/** Kafka in memory: fenced producers over transactional sessions. */
function world(given: { readonly maxBytes?: number } = {}) {
  const log = createMemoryLog({ partitions: 1 })
  let fault: Error | undefined
  let elapsed = 0
  let opened = 0
  async function open({ transactionalId }: { transactionalId: string }): Promise<FencedProducer> {
    if (fault) throw fault
    opened++
    const session = await log.openSession(transactionalId)
    return {
      async send(records) {
        if (fault) throw fault
        if (records.some(({ value }) => (value?.length ?? 0) > (given.maxBytes ?? Infinity)))
          throw new RuntimeFault('record-too-large', 'too large')
        await session.send(records.map((record) => ({ ...record, topic: spec, partition: 0 })))
        await session.commit()
      },
      close: () => session.discard(),
    }
  }
  const sender = () =>
    createKafkaSender({
      open,
      groupPrefix: 'cdp',
      topicPrefix: 'cdp',
      partitions: 2,
      elapsedMs: () => elapsed,
    })
  return {
    sender,
    send: async (to: ReturnType<typeof sender>, id: string, over: Parameters<typeof delivery>[1] = {}) =>
      classify(
        await to.send(crm, delivery(id, { body: `{"n":"${id}"}`, ...over }), new AbortController().signal),
      ),
    records: () =>
      log.committed(spec, 0).map(({ key, value, headers }) => ({
        key: key?.toString(),
        value: value?.toString() ?? null,
        headers,
      })),
    break: (error: Error | undefined) => (fault = error),
    pass: (ms: number) => (elapsed += ms),
    opened: () => opened,
  }
}

const contract = world()
const contracted = contract.sender()
senderContract('Kafka in memory', () => ({
  sender: contracted,
  destination: crm,
  arrived: async (profileId) =>
    contract.records().flatMap(({ key, value }) => (key === profileId ? [value!] : [])),
  breakOff: async () => void contract.break(new RuntimeFault('log-unavailable', 'away')),
  mend: async () => void contract.break(undefined),
}))

test('a record is a CloudEvent with the profile as its key; the end of one is a null', async () => {
  const { sender, send, records } = world()
  const to = sender()
  await send(to, 'd1', { createdTimeMs: 1_000 })
  await send(to, 'd2', { body: '' })
  expect(records()).toEqual([
    {
      key: 'p1',
      value: '{"n":"d1"}',
      headers: {
        ce_specversion: '1.0',
        ce_id: 'd1',
        ce_type: 'dev.tributary.audience.entered.v1',
        ce_source: '/tributary/activation',
        ce_subject: 'p1',
        ce_time: '1970-01-01T00:00:01.000Z',
        'content-type': 'application/json',
      },
    },
    expect.objectContaining({ key: 'p1', value: null }),
  ])
})

test('whoever takes over fences the one before: what that one still had does not land behind newer records', async () => {
  const { sender, send, records } = world()
  const [old, next] = [sender(), sender()]
  await send(old, 'd1')
  await send(next, 'd2')
  expect(await send(old, 'd1-late')).toMatchObject({ verdict: 'retry', code: 'OWNER_MOVED' })
  expect(records().map(({ value }) => value)).toEqual(['{"n":"d1"}', '{"n":"d2"}'])
})

test('what has waited until others may have taken over is not sent any more', async () => {
  const { send, records, sender, pass } = world()
  const to = sender()
  const first = send(to, 'd1')
  pass(6_000)
  expect(await first).toMatchObject({ verdict: 'retry', code: 'BROKER_UNAVAILABLE' })
  expect(records()).toEqual([])
})

test.each([
  [new KafkaFault('topic-missing', 'gone'), 'pause', 'TOPIC_MISSING'],
  [new RuntimeFault('not-authorised', 'no'), 'pause', 'NOT_AUTHORISED'],
  [new RuntimeFault('log-unavailable', 'away'), 'retry', 'BROKER_UNAVAILABLE'],
  [new Error('anything'), 'retry', 'BROKER_UNAVAILABLE'],
])('%s: %s, and the next one opens anew', async (error, verdict, code) => {
  const { sender, send, opened, ...kafka } = world()
  const to = sender()
  await send(to, 'd1')
  kafka.break(error)
  expect(await send(to, 'd2')).toMatchObject({ verdict, code })
  kafka.break(undefined)
  expect(await send(to, 'd2')).toMatchObject({ verdict: 'delivered' })
  expect(opened()).toBe(2)
})

test('one that is too large is given up, and those that came with it are sent', async () => {
  const { sender, send, records } = world({ maxBytes: 20 })
  const to = sender()
  const answers = await Promise.all([
    send(to, 'd1'),
    send(to, 'd2', { body: `{"n":"${'x'.repeat(40)}"}` }),
    send(to, 'd3'),
  ])
  expect(answers.map(({ verdict }) => verdict)).toEqual(['delivered', 'item', 'delivered'])
  expect(records().map(({ value }) => value)).toEqual(['{"n":"d1"}', '{"n":"d3"}'])
})

test('the test of a destination writes nothing: the topic is somebody’s state', async () => {
  const { sender, send, records, ...kafka } = world()
  expect(await send(sender(), 't', { profileId: '' })).toMatchObject({ verdict: 'delivered' })
  kafka.break(new KafkaFault('topic-missing', 'gone'))
  expect(await send(sender(), 't', { profileId: '' })).toMatchObject({ code: 'TOPIC_MISSING' })
  expect(records()).toEqual([])
})

test('topics of the installation itself are no destinations', () => {
  const { sender } = world()
  const own = destination({ kafka: { topic: 'cdp.internal.events.v1' } })
  expect(sender().blocked(own)).toMatchObject({ code: 'TOPIC_NOT_ALLOWED' })
  expect(sender().blocked(crm)).toBeUndefined()
})
