import { topics } from '@tributary/contracts'
import { afterEach, expect, test } from '@jest/globals'
import type { ConfigurationFeed } from './ports/configurationFeed.ts'
import type { AdoptedConfiguration, Input, Topology } from './processor.ts'
import { startTaskGroup } from './startTaskGroup.ts'
import { decodeMeta } from './taskMeta.ts'
import { countsTable, createMemoryLog, createMemoryStores, createVirtualClock } from './testing/index.ts'

const clocks: { stop(): void }[] = []

afterEach(() => {
  for (const clock of clocks.splice(0)) clock.stop()
})

function createFeed(): ConfigurationFeed<string> & { set(offset: number, value: string): void } {
  const held: AdoptedConfiguration<string>[] = []
  const listeners = new Set<(configuration: AdoptedConfiguration<string>) => void>()
  return {
    current: () => held.at(-1),
    at: (offset) => held.findLast((each) => each.offset <= offset),
    onChange(listener) {
      listeners.add(listener)
      return () => listeners.delete(listener)
    },
    set(offset, value) {
      const configuration = { offset, revision: offset + 1, value }
      held.push(configuration)
      for (const listener of listeners) listener(configuration)
    },
  }
}

/** One partition, and a processor that writes down what it is given. */
function world() {
  const clock = createVirtualClock()
  clocks.push(clock)
  const log = createMemoryLog({ partitions: 1, now: () => clock.now() })
  const stores = createMemoryStores()
  const fatal: Error[] = []
  async function start(configuration?: ConfigurationFeed<string>) {
    const seen: string[] = []
    const ticks: number[] = []
    const topology: Topology<string, string> = {
      name: 'noting',
      inputs: [topics.events],
      tables: [countsTable],
      metaLog: topics.fragments,
      create: () => ({
        step(context, input: Input<string, string>) {
          if (input.kind === 'tick') ticks.push(input.nowMs)
          else if (input.kind === 'record') seen.push(`record ${input.record.key?.toString()}`)
          else if (input.kind === 'configuration') seen.push(`configuration ${input.configuration.value}`)
          else seen.push(`injected ${input.value}`)
          if (input.kind === 'injected' && input.value === 'count') context.table(countsTable).put('a', 1)
          if (input.kind === 'record' && input.record.key?.toString() === 'poison')
            throw new Error('poisoned')
        },
      }),
    }
    const group = await startTaskGroup<string, string>({
      topology,
      log,
      stores,
      counts: { identifier: 1, profile: 1, delivery: 1 },
      groupPrefix: 'test',
      nodeId: 'a',
      clock,
      random: () => 0.5,
      onFatal: (error) => fatal.push(error),
      ...(configuration === undefined ? {} : { configuration }),
    })
    return { group, seen, ticks, running: () => group.tasks().some(({ state }) => state === 'running') }
  }
  const produce = (key: string) => log.append(topics.events, 0, [{ key, value: Buffer.from('x') }])
  const metas = () =>
    log
      .committed(topics.fragments, 0)
      .filter(({ key }) => key?.toString() === '!meta')
      .map(({ value }) => decodeMeta(value!))
  return { clock, log, stores, fatal, start, produce, metas }
}

/** Does one of its row's count in each batch, and says when there is more. */
const backlog: Topology = {
  name: 'backlog',
  inputs: [topics.events],
  tables: [countsTable],
  metaLog: topics.fragments,
  create: () => ({
    step(context, input: Input) {
      if (input.kind === 'record') context.table(countsTable).put('left', 50)
    },
    endBatch(context) {
      const counts = context.table(countsTable)
      const left = counts.get('left') ?? 0
      if (left > 0) counts.put('left', left - 1)
      if (left !== 1) context.moreToDo()
    },
  }),
}

async function until(clock: { sleep(ms: number): Promise<void> }, done: () => boolean): Promise<void> {
  for (let i = 0; i < 2_000 && !done(); i++) await clock.sleep(10)
  expect(done()).toBe(true)
}

test('records are processed although there is no configuration yet, and the first one is adopted when it comes', async () => {
  const { clock, start, produce, metas } = world()
  const feed = createFeed()
  const { seen, group } = await start(feed)
  produce('a')
  await until(clock, () => seen.length === 1)
  feed.set(4, 'first')
  await until(clock, () => metas().at(-1)?.configurationOffset === 4)
  expect(seen).toEqual(['record a', 'configuration first'])
  await group.stop()
})

test('a life begins with the configuration it had adopted, then sees the newest, in that order', async () => {
  const { clock, start, produce, metas } = world()
  const feed = createFeed()
  feed.set(4, 'old')
  const first = await start(feed)
  await until(clock, () => metas().at(-1)?.configurationOffset === 4)
  await first.group.stop()
  feed.set(5, 'skipped over')
  feed.set(7, 'new')
  produce('a')
  const second = await start(feed)
  await until(clock, () => second.seen.length === 3 && metas().at(-1)?.configurationOffset === 7)
  expect(second.seen).toEqual(['configuration old', 'configuration new', 'record a'])
  await second.group.stop()
})

test('a task waits for the configuration another instance has adopted before this process has read it', async () => {
  const { clock, start, produce, metas } = world()
  const ahead = createFeed()
  ahead.set(9, 'ahead')
  const first = await start(ahead)
  await until(clock, () => metas().at(-1)?.configurationOffset === 9)
  await first.group.stop()
  const behind = createFeed()
  behind.set(2, 'behind')
  produce('a')
  const second = await start(behind)
  await clock.sleep(5_000)
  expect([second.seen, second.running()]).toEqual([[], false])
  behind.set(9, 'ahead')
  await until(clock, () => second.seen.length === 2)
  expect(second.seen).toEqual(['configuration ahead', 'record a'])
  await second.group.stop()
})

test('ticks come about once a second, never run back, and commit nothing by themselves', async () => {
  const { clock, start, metas } = world()
  const { ticks, group } = await start()
  await clock.sleep(10_500)
  expect(ticks.length).toBeGreaterThanOrEqual(9)
  expect([...ticks].sort((a, b) => a - b)).toEqual(ticks)
  expect(metas()).toEqual([])
  await group.stop()
})

test('positions that moved past markers only are committed after a while, so that the log cannot expire before them', async () => {
  const { clock, start, log, produce, metas } = world()
  const { group } = await start()
  produce('a')
  await until(clock, () => metas().length === 1)
  const session = await log.openSession('somebody')
  await session.send([{ topic: topics.events, partition: 0, key: 'given up', value: null }])
  await log.openSession('somebody')
  await clock.sleep(5_000)
  expect(metas()).toHaveLength(1)
  await clock.sleep(120_000)
  expect(metas().map(({ positions }) => positions['internal.events.v1'])).toEqual([1, 3])
  await group.stop()
})

test('what is injected is taken in order; what changes nothing is not committed; a partition that is not here refuses', async () => {
  const { clock, start, metas } = world()
  const { seen, group, running } = await start()
  await until(clock, running)
  expect([group.inject(0, 'one'), group.inject(0, 'two'), group.inject(7, 'elsewhere')]).toEqual([
    true,
    true,
    false,
  ])
  await until(clock, () => seen.length === 2)
  expect([seen, metas().length]).toEqual([['injected one', 'injected two'], 0])
  group.inject(0, 'count')
  await until(clock, () => metas().length === 1)
  expect(group.view(0)?.table(countsTable).get('a')).toBe(1)
  await group.stop()
})

test('a processor that throws stops the process, names the record, and nothing is advanced', async () => {
  const { clock, start, produce, fatal, metas } = world()
  await start()
  produce('fine')
  await until(clock, () => metas().length === 1)
  produce('poison')
  await until(clock, () => fatal.length > 0)
  expect(fatal[0]!.message).toContain('internal.events.v1 offset 1: poisoned')
  expect(metas()).toHaveLength(1)
})

test('T5: a backlog in the state is worked off batch after batch, and a task that only asks for more waits', async () => {
  const { clock, log, stores, produce } = world()
  let batches = 0
  const group = await startTaskGroup({
    topology: backlog,
    log,
    stores,
    counts: { identifier: 1, profile: 1, delivery: 1 },
    groupPrefix: 'test',
    nodeId: 'a',
    clock,
    random: () => 0.5,
    onFatal: (error) => {
      throw error
    },
  })
  group.onCommit(() => void batches++)
  await until(clock, () => group.tasks().some(({ state }) => state === 'running'))
  produce('x')
  const from = clock.now()
  await until(clock, () => group.view(0)?.table(countsTable).get('left') === 0)
  // By the ticks alone it would be 50 seconds.
  expect(clock.now() - from).toBeLessThan(5_000)
  expect(batches).toBe(50)
  // From here on each batch asks for more and changes nothing.
  await clock.sleep(5_000)
  expect(batches).toBe(50)
  await group.stop()
})
