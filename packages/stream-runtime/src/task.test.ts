import { topics } from '@tributary/contracts'
import { afterEach, expect, test } from '@jest/globals'
import fc from 'fast-check'
import { startTaskGroup } from './startTaskGroup.ts'
import {
  checkCounted,
  countedSoFar,
  countingTopology,
  countsTable,
  crashingPorts,
  createMemoryLog,
  createMemoryStores,
  createVirtualClock,
  type MemoryLog,
  type MemoryStores,
  type Mishap,
} from './testing/index.ts'

const PARTITIONS = 2
const counts = { identifier: PARTITIONS, profile: PARTITIONS, delivery: PARTITIONS }

const clocks: { stop(): void }[] = []

// A clock that goes on keeps the process alive, also after a test that failed.
afterEach(stopClocks)

function stopClocks(): void {
  for (const clock of clocks.splice(0)) clock.stop()
}

/** A small generator (mulberry32): the same seed gives the same run. */
function seededRandom(seed: number): () => number {
  let state = seed | 0
  return () => {
    state = (state + 0x6d2b79f5) | 0
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state)
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32
  }
}

function running(group: { tasks(): readonly { state: string; partition: number }[] }) {
  return group.tasks().filter(({ state }) => state === 'running')
}

function world(random: () => number = () => 0) {
  const clock = createVirtualClock()
  clocks.push(clock)
  const log = createMemoryLog({
    partitions: PARTITIONS,
    now: () => clock.now(),
    delay: () => clock.sleep(Math.floor(random() * 5)),
  })
  return { clock, log, stores: createMemoryStores() }
}

function start(
  { clock, log, stores }: Pick<ReturnType<typeof world>, 'clock' | 'log' | 'stores'>,
  nodeId: string,
  mishapAt: (effect: string, count: number) => Mishap = () => 'none',
  fatal: Error[] = [],
) {
  const ports = crashingPorts({ log, stores }, mishapAt)
  const group = startTaskGroup({
    topology: countingTopology,
    log: ports.log,
    stores: ports.stores,
    counts,
    groupPrefix: 'test',
    nodeId,
    clock,
    random: () => 0.5,
    onFatal: (error) => fatal.push(error),
  })
  return { ports, group }
}

function produce(log: MemoryLog, keys: readonly number[]): void {
  for (const key of keys)
    log.append(topics.events, key % PARTITIONS, [{ key: `k${key}`, value: Buffer.from('x') }])
}

function processed(log: MemoryLog): number {
  let sum = 0
  for (let p = 0; p < PARTITIONS; p++) sum += countedSoFar(log.committed(topics.skipped, p))
  return sum
}

function expectExactlyOnce(log: MemoryLog, keys: readonly number[]): void {
  for (let p = 0; p < PARTITIONS; p++) {
    const expected = new Map<string, number>()
    for (const key of keys)
      if (key % PARTITIONS === p) expected.set(`k${key}`, (expected.get(`k${key}`) ?? 0) + 1)
    expect(checkCounted(log.committed(topics.skipped, p), expected)).toEqual([])
  }
}

async function until(clock: { sleep(ms: number): Promise<void> }, done: () => boolean): Promise<void> {
  for (let i = 0; i < 5_000 && !done(); i++) await clock.sleep(10)
  expect(done()).toBe(true)
}

async function dumpOf(stores: MemoryStores, partition: number) {
  return [...(await stores.open({ group: 'test.counting.1', partition })).dump()]
}

test('the effects of a batch come in the order the task states', async () => {
  const w = world()
  produce(w.log, [0])
  const { ports, group } = start(w, 'a')
  await until(w.clock, () => processed(w.log) === 1)
  await (await group).stop()
  const ofOneTask = ports.effects.filter((effect) => effect !== 'read')
  // Two partitions open side by side; only one has a record.
  expect(ofOneTask.filter((effect) => effect === 'open')).toHaveLength(2)
  expect(ofOneTask.slice(-3)).toEqual(['send', 'commit', 'write'])
})

test('a restarted task goes on where the last batch was committed, without its store too', async () => {
  const w = world()
  produce(w.log, [0, 0, 1])
  const first = await start(w, 'a').group
  await until(w.clock, () => processed(w.log) === 3)
  await first.stop()
  const before = [await dumpOf(w.stores, 0), await dumpOf(w.stores, 1)]
  w.stores.lose({ group: 'test.counting.1', partition: 0 })
  w.log.compact(topics.fragments, 1)
  const second = await start(w, 'a').group
  await until(w.clock, () => running(second).length === 2)
  expect([await dumpOf(w.stores, 0), await dumpOf(w.stores, 1)]).toEqual(before)
  expect(second.view(0)?.table(countsTable).get('k0')).toBe(2)
  produce(w.log, [0, 1])
  await until(w.clock, () => processed(w.log) === 5)
  await second.stop()
  expectExactlyOnce(w.log, [0, 0, 1, 0, 1])
})

test('a stalled owner that wakes up is refused, closes that task and lives on', async () => {
  const w = world()
  const fatal: Error[] = []
  const a = await start(w, 'a', () => 'none', fatal).group
  produce(w.log, [0])
  await until(w.clock, () => processed(w.log) === 1)
  // The group drops the member without telling it, as it does after a stall longer than the session.
  w.log.drop('test.counting.1', 'a')
  const b = await start({ ...w, stores: createMemoryStores() }, 'b').group
  await until(w.clock, () => running(b).length === 2)
  produce(w.log, [0, 0])
  await until(w.clock, () => a.tasks().some(({ partition, state }) => partition === 0 && state === 'closed'))
  await until(w.clock, () => processed(w.log) === 3)
  // It does not fight back: the owner is never fenced by the one that was.
  await w.clock.sleep(60_000)
  expect(a.tasks().find(({ partition }) => partition === 0)).toMatchObject({ state: 'closed', openings: 1 })
  expect(b.tasks().map(({ openings }) => openings)).toEqual([1, 1])
  expect(fatal).toEqual([])
  expect(a.view(0)).toBeUndefined()
  await b.stop()
  await a.stop()
  expectExactlyOnce(w.log, [0, 0, 0])
})

test('a position before the start of the log stops the process and names the remedy', async () => {
  const w = world()
  const fatal: Error[] = []
  produce(w.log, [0])
  const first = await start(w, 'a').group
  await until(w.clock, () => processed(w.log) === 1)
  await first.stop()
  produce(w.log, [0, 0, 0])
  w.log.expire(topics.events, 0, 3)
  await start(w, 'a', () => 'none', fatal).group
  await until(w.clock, () => fatal.length > 0)
  expect(fatal[0]!.message).toContain('rebuild with a new layout epoch')
})

const mishaps: Mishap[] = ['die-before', 'die-after', 'lose-request', 'lose-reply']

test('whatever dies or is lost between any two effects, the result is the fold of the inputs', async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.array(fc.integer({ min: 0, max: 5 }), { minLength: 1, maxLength: 40 }),
      fc.array(
        fc.record({
          at: fc.integer({ min: 1, max: 25 }),
          mishap: fc.constantFrom(...mishaps),
          loseStore: fc.boolean(),
          compact: fc.boolean(),
          produced: fc.integer({ min: 0, max: 10 }),
        }),
        { maxLength: 12 },
      ),
      fc.integer(),
      async (keys, lives, seed) => {
        const w = world(seededRandom(seed))
        let sent = 0
        const sendSome = (count: number) => {
          produce(w.log, keys.slice(sent, sent + count))
          sent = Math.min(keys.length, sent + count)
        }
        for (const { at, mishap, loseStore, compact, produced } of lives) {
          sendSome(produced)
          const { ports, group } = start(w, 'a', (_, count) => (count === at ? mishap : 'none'))
          await Promise.race([ports.died, w.clock.sleep(3_000)])
          ports.kill()
          w.log.drop('test.counting.1', 'a')
          void group
          if (loseStore) w.stores.lose({ group: 'test.counting.1', partition: at % PARTITIONS })
          if (compact) w.log.compact(topics.fragments, at % PARTITIONS)
        }
        sendSome(keys.length)
        const last = await start(w, 'a').group
        await until(w.clock, () => processed(w.log) === keys.length && running(last).length === PARTITIONS)
        await last.stop()
        expectExactlyOnce(w.log, keys)
        const lost = []
        for (let p = 0; p < PARTITIONS; p++) {
          lost.push(await dumpOf(w.stores, p))
          w.stores.lose({ group: 'test.counting.1', partition: p })
        }
        const restored = await start(w, 'a').group
        await until(w.clock, () => running(restored).length === PARTITIONS)
        for (let p = 0; p < PARTITIONS; p++) expect(await dumpOf(w.stores, p)).toEqual(lost[p])
        await restored.stop()
        stopClocks()
      },
    ),
    { numRuns: 200 },
  )
}, 60_000)
