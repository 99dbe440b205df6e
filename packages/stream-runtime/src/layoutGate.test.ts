import { topics } from '@tributary/contracts'
import { Layout } from '@tributary/contracts/generated/tributary/config/v1/layout'
import { afterEach, expect, test } from '@jest/globals'
import { setTimeout as sleep } from 'node:timers/promises'
import type { Topology } from './processor.ts'
import { startTaskGroup } from './startTaskGroup.ts'
import type { TaskGroup } from './taskGroup.ts'
import { countsTable, createMemoryLog, createMemoryStores } from './testing/index.ts'

/** Counts, and tells both an internal and a public topic. */
const telling: Topology = {
  name: 'telling',
  inputs: [topics.events],
  tables: [countsTable],
  metaLog: topics.fragments,
  create: () => ({
    step(context, input) {
      if (input.kind !== 'record') return
      const count = (context.table(countsTable).get('all') ?? 0) + 1
      context.table(countsTable).put('all', count)
      const key = String(count)
      context.send({ topic: topics.skipped, partition: 0, key, value: Buffer.from([]) })
      context.send({ topic: topics.profileChanges, partitionKey: 'p', key, value: Buffer.from('{}') })
    },
  }),
}

const groups: TaskGroup[] = []
afterEach(() => Promise.all(groups.splice(0).map((group) => group.stop())))

function world() {
  const log = createMemoryLog({ partitions: 1, now: Date.now })
  const stores = createMemoryStores()
  return {
    log,
    layout: (value: Uint8Array | null) =>
      log.append(topics.layout, 0, [{ key: 'active', value: value && Buffer.from(value) }]),
    input: () => log.append(topics.events, 0, [{ key: 'k', value: Buffer.from('x') }]),
    told: (topic: (typeof topics)[keyof typeof topics]) =>
      log.committed(topic, 0).map(({ key }) => Number(key)),
    start: async (epoch: number, onFatal: (error: Error) => void = () => {}) => {
      const counts = { identifier: 1, profile: 1, delivery: 1 }
      const common = { log, stores, counts, groupPrefix: 'test', nodeId: `n${epoch}` }
      const group = await startTaskGroup({ ...common, topology: telling, epoch, onFatal })
      groups.push(group)
      return group
    },
  }
}

async function until(done: () => boolean): Promise<void> {
  for (let i = 0; i < 400 && !done(); i++) await sleep(5)
  expect(done()).toBe(true)
}

const active = (epoch: number) =>
  Layout.encode({ epoch, identifierPartitions: 1, profilePartitions: 1 }).finish()

test('without a layout the first epoch publishes', async () => {
  const { start, input, told } = world()
  input()
  await start(1)
  await until(() => told(topics.profileChanges).length === 1)
  expect(told(topics.skipped)).toEqual([1])
})

test('an epoch that is not active keeps its state and its internal records, and publishes nothing', async () => {
  const { start, input, told } = world()
  const next = await start(2)
  input()
  input()
  await until(() => next.view(0)?.table(countsTable).get('all') === 2)
  expect(told(topics.skipped)).toEqual([1, 2])
  expect(told(topics.profileChanges)).toEqual([])
})

test('the last record of the layout says who publishes', async () => {
  const { start, input, told, layout } = world()
  layout(active(1))
  layout(active(2))
  input()
  const old = await start(1)
  await until(() => told(topics.skipped).length === 1)
  expect(told(topics.profileChanges)).toEqual([])
  await old.stop()
  input()
  await start(2)
  await until(() => told(topics.profileChanges).length === 1)
})

test('a layout that is taken back leaves the first epoch', async () => {
  const { start, input, told, layout } = world()
  layout(active(2))
  layout(null)
  input()
  await start(1)
  await until(() => told(topics.profileChanges).length === 1)
  expect(told(topics.profileChanges)).toEqual([1])
})

test.each([[Buffer.from([0xff])], [active(0)]])(
  'a layout that cannot be read stops the process: %j',
  async (value) => {
    const { start, layout } = world()
    layout(value)
    const fatal: Error[] = []
    await start(1, (error) => fatal.push(error))
    await until(() => fatal.length === 1)
    expect(fatal[0]!.message).toContain('internal.layout.v1 offset 0 names no epoch')
  },
)
