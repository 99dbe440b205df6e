import { topics } from '@tributary/contracts'
import { afterEach, expect, test } from '@jest/globals'
import { startTaskGroup } from './startTaskGroup.ts'
import type { TaskGroup } from './taskGroup.ts'
import { countingTopology, createMemoryLog, createMemoryStores, createVirtualClock } from './testing/index.ts'

const stops: (() => Promise<void>)[] = []
afterEach(async () => {
  for (const stop of stops.splice(0).toReversed()) await stop()
})

/** `answerMs` is what each answer of the log takes. */
async function world(answerMs = 0) {
  const clock = createVirtualClock()
  const log = createMemoryLog({
    partitions: 2,
    now: () => clock.now(),
    delay: () => clock.sleep(answerMs),
  })
  const readiness: [boolean, string][] = []
  const logged: string[] = []
  const note = (_fields: object, message: string): void => void logged.push(message)
  async function start(nodeId: string, onAssigned: (partitions: readonly number[]) => void = () => {}) {
    const group = await startTaskGroup({
      topology: countingTopology,
      log,
      stores: createMemoryStores(),
      counts: { identifier: 2, profile: 2, delivery: 2 },
      groupPrefix: 'test',
      nodeId,
      clock,
      logger: { debug() {}, info: note, warn: note, error: note },
      onFatal: (error) => logged.push(error.message),
      onReadiness: (ready, detail) => readiness.push([ready, detail]),
      onAssigned,
    })
    stops.push(() => group.stop())
    return group
  }
  // Last of all: the groups need it to stop.
  stops.unshift(async () => clock.stop())
  return {
    log,
    clock,
    readiness,
    logged,
    start,
    until: async (done: () => boolean) => {
      for (let i = 0; i < 2_000 && !done(); i++) await clock.sleep(10)
      expect(done()).toBe(true)
    },
  }
}

const views = (group: TaskGroup): boolean[] => [0, 1].map((partition) => group.view(partition) !== undefined)

test('a process that the group has stopped confirming answers nothing from its old state', async () => {
  const { log, start, until } = await world()
  const group = await start('a')
  await until(() => views(group).every(Boolean))
  log.drop('test.counting.1', 'a')
  expect(views(group)).toEqual([false, false])
})

test('each join tells what is owned now', async () => {
  const { start, until } = await world()
  const told: (readonly number[])[] = []
  await start('a', (partitions) => told.push(partitions))
  await start('b')
  await until(() => told.length === 2)
  expect(told[0]).toEqual([0, 1])
  expect(told[1]).toHaveLength(1)
})

test('a backlog is told in the readiness and in the log until it is worked off', async () => {
  const { log, clock, readiness, logged, start, until } = await world(300)
  const backlog = Array.from({ length: 20_000 }, (_, i) => ({ key: `k${i % 10}`, value: Buffer.from('x') }))
  log.append(topics.events, 0, backlog)
  const group = await start('a')
  await until(() => logged.includes('caught up'))
  expect(logged).toContain('catching up')
  expect(readiness.some(([ready, detail]) => ready && detail.endsWith('records behind'))).toBe(true)
  await clock.sleep(2_000)
  expect(group.tasks().every(({ lag }) => lag === 0)).toBe(true)
  expect(readiness.at(-1)).toEqual([true, '2 tasks of counting run'])
})
