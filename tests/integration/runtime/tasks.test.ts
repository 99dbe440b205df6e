import { rmSync } from 'node:fs'
import { join } from 'node:path'
import { partitionOf, topics } from '@tributary/contracts'
import { readTopic, requireTopics } from '@tributary/kafka'
import { createLmdbStores } from '@tributary/state-lmdb'
import {
  checkCounted,
  countedSoFar,
  countingTopology,
  countsTable,
  crashingPorts,
  type Mishap,
} from '@tributary/stream-runtime/testing'
import { startTaskGroup, type TaskGroup } from '@tributary/stream-runtime'
import { afterEach, beforeEach, expect, test } from '@jest/globals'
import { waitUntil } from '../../support/waitUntil.ts'
import { createRuntimeWorld, type RuntimeWorld } from './runtimeWorld.ts'

const PARTITIONS = 3
let world: RuntimeWorld

beforeEach(async () => {
  world = await createRuntimeWorld(PARTITIONS)
})

afterEach(async () => {
  await world.end()
})

async function outputs(partition: number) {
  const records = []
  for await (const chunk of readTopic(world.kafka, { topic: world.nameOf(topics.skipped), partition }))
    records.push(...chunk.records)
  return records
}

async function counted(): Promise<number> {
  let sum = 0
  for (let p = 0; p < PARTITIONS; p++) sum += countedSoFar(await outputs(p))
  return sum
}

async function expectCounted(keys: readonly string[]): Promise<void> {
  for (let p = 0; p < PARTITIONS; p++) {
    const expected = new Map<string, number>()
    for (const key of keys)
      if (partitionOf(key, PARTITIONS) === p) expected.set(key, (expected.get(key) ?? 0) + 1)
    expect(checkCounted(await outputs(p), expected)).toEqual([])
  }
}

function someKeys(count: number, from = 0): string[] {
  return Array.from({ length: count }, (_, i) => `k${(from + i) % 17}`)
}

function running(group: TaskGroup): number {
  return group.tasks().filter(({ state }) => state === 'running').length
}

async function dump(nodeId: string, partition: number) {
  const stores = createLmdbStores({ directory: join(world.directory, nodeId) })
  const store = await stores.open({ group: `${world.prefix}.counting.1`, partition })
  const rows = [...store.dump()].map(([key, value]) => `${key}=${Buffer.from(value).toString()}`)
  await store.close()
  return rows
}

test('everything is counted once, although processes die and requests are lost between any two effects', async () => {
  const keys: string[] = []
  const mishaps: readonly (readonly [at: number, mishap: Mishap])[] = [
    [5, 'die-before'],
    [14, 'die-after'],
    [17, 'lose-reply'],
    [9, 'lose-request'],
    [21, 'die-before'],
    [25, 'lose-reply'],
    [13, 'die-after'],
    [11, 'die-before'],
  ]
  for (const [at, mishap] of mishaps) {
    const more = someKeys(150, keys.length)
    keys.push(...more)
    const ports = crashingPorts(
      {
        log: world.log,
        stores: createLmdbStores({ directory: join(world.directory, `node${keys.length}`) }),
      },
      (_, count) => (count === at ? mishap : 'none'),
    )
    const group = startTaskGroup({
      topology: countingTopology,
      log: ports.log,
      stores: ports.stores,
      counts: world.counts,
      groupPrefix: world.prefix,
      nodeId: `node${keys.length}`,
      onFatal: (error) => world.fatal.push(error),
    })
    await world.produce(more.slice(0, 75))
    await Promise.race([ports.died, new Promise((resolve) => setTimeout(resolve, 800))])
    await world.produce(more.slice(75))
    ports.kill()
    await ports.forget()
    // Ends its timers; its tasks hang for ever, as those of a dead process.
    void group.then((dead) => dead.stop())
  }
  await world.startCounting('last')
  await waitUntil('everything to be counted', async () => (await counted()) >= keys.length)
  await expectCounted(keys)
  expect(world.fatal).toEqual([])
})

test('a local store that is deleted comes back byte for byte from the change log', async () => {
  const keys = someKeys(400)
  await world.produce(keys)
  const first = await world.startCounting('a')
  await waitUntil('everything to be counted', async () => (await counted()) === keys.length)
  await first.stop()
  const before = await Promise.all([0, 1, 2].map((p) => dump('a', p)))
  rmSync(join(world.directory, 'a'), { recursive: true })
  const second = await world.startCounting('a')
  await waitUntil('the restore', () => running(second) === PARTITIONS)
  await second.stop()
  expect(await Promise.all([0, 1, 2].map((p) => dump('a', p)))).toEqual(before)
})

test('partitions move to a second process and back while records flow, and each is counted once', async () => {
  const keys: string[] = []
  const a = await world.startCounting('a')
  await waitUntil('the first process', () => running(a) === PARTITIONS)
  const flowing = new AbortController()
  const flow = (async () => {
    while (!flowing.signal.aborted) {
      const more = someKeys(20, keys.length)
      keys.push(...more)
      await world.produce(more)
    }
  })()
  const b = await world.startCounting('b')
  await waitUntil('both to run', () => running(a) + running(b) === PARTITIONS && running(b) > 0)
  await b.stop()
  await waitUntil('the first to run all again', () => running(a) === PARTITIONS)
  flowing.abort()
  await flow
  await waitUntil('everything to be counted', async () => (await counted()) >= keys.length)
  await expectCounted(keys)
  expect(world.fatal).toEqual([])
})

test('a task that was fenced closes, and opens again only because the group still names it the owner', async () => {
  const group = await world.startCounting('a')
  await waitUntil('the task', () => running(group) === PARTITIONS)
  const keys = someKeys(17)
  await world.produce(keys)
  await waitUntil('the first counts', async () => (await counted()) === 17)
  const thief = await world.log.openSession(`${world.prefix}.counting.1.0`)
  const key = keys.find((each) => partitionOf(each, PARTITIONS) === 0)!
  await world.produce([key])
  await waitUntil('the next opening', () => group.tasks()[0]!.openings === 2 && running(group) === PARTITIONS)
  await waitUntil('the last count', async () => (await counted()) === 18)
  await expectCounted([...keys, key])
  await thief.discard()
  expect(group.view(0)?.table(countsTable).get(key)).toBe(2)
  expect(world.fatal).toEqual([])
})

test('records that expired unread stop the process and name the remedy', async () => {
  await world.produce(someKeys(30))
  const first = await world.startCounting('a')
  await waitUntil('everything to be counted', async () => (await counted()) === 30)
  await first.stop()
  await world.produce(someKeys(300))
  const ends = await world.admin.offsets(world.nameOf(topics.events))
  await world.admin.deleteRecords(
    world.nameOf(topics.events),
    ends.map(({ partition, end }) => ({ partition, offset: end - 1 })),
  )
  await world.startCounting('a')
  await waitUntil('the refusal', () => world.fatal.length > 0)
  expect(world.fatal[0]!.message).toContain('rebuild with a new layout epoch')
})

test('a wrong partition count is refused with what to set', async () => {
  const { kafka, prefix, counts } = world
  const wanted = { topics: [topics.events, topics.profileParts], counts: { ...counts, profile: 5 }, prefix }
  await expect(requireTopics(kafka, wanted)).rejects.toThrow(
    `topic ${prefix}.internal.profile-parts.v1 has 3 partitions, this installation is set to 5: set PROFILE_PARTITIONS=3 in every service`,
  )
})
