import { type TopicSpec, topics } from '@tributary/contracts'
import { expect, test } from '@jest/globals'
import { silentLogger } from './ports/logger.ts'
import type { StateStore } from './ports/store.ts'
import { restoreState } from './restoreState.ts'
import { createMemoryLog, createMemoryStore } from './testing/index.ts'

const HOUR = 3_600_000
const DAY = 24 * HOUR

/** A change log of one partition with some rows, and a store to restore from it. */
function world(log: TopicSpec = topics.fragments) {
  const memory = createMemoryLog({ partitions: 1 })
  let nowMs = 100 * DAY
  const write = (key: string, value: string | null) =>
    memory.append(log, 0, [{ key, value: value === null ? null : Buffer.from(value) }])
  async function restore(store: StateStore): Promise<{ records: number; left: number }[]> {
    const claim = write('!claim', '{}')
    const progress: { records: number; left: number }[] = []
    await restoreState({
      log: memory,
      store,
      partition: 0,
      changeLogs: [log],
      metaLog: topics.fragments,
      claims: new Map([[log.name, claim]]),
      claimedAtMs: nowMs,
      clock: { now: () => nowMs, sleep: () => Promise.resolve() },
      logger: silentLogger,
      signal: new AbortController().signal,
      onProgress: (each) => progress.push(each),
    })
    return progress
  }
  return { memory, write, restore, later: (ms: number) => (nowMs += ms) }
}

function rows(store: StateStore): string {
  return [...store.dump()].map(([key, value]) => `${key}=${Buffer.from(value).toString()}`).join(' ')
}

test('a store that is behind reads only what it misses, and says how far it is', async () => {
  const { write, restore } = world()
  const store = createMemoryStore()
  for (let i = 0; i < 150; i++) write(`rows/${i % 3}`, String(i))
  expect((await restore(store)).at(-1)).toEqual({ records: 151, left: 0 })
  write('rows/0', 'newest')
  expect((await restore(store)).at(-1)).toEqual({ records: 2, left: 0 })
  expect(rows(store)).toBe('rows/0=newest rows/1=148 rows/2=149')
})

test('a store that is older than deletions are kept is wiped: it could bring deleted rows back', async () => {
  const { memory, write, restore, later } = world()
  const store = createMemoryStore()
  write('rows/gone', 'x')
  write('rows/kept', 'x')
  await restore(store)
  write('rows/gone', null)
  // The cleaner has removed the row, and later its deletion.
  memory.compact(topics.fragments, 0, 'removed')
  later(6 * DAY + HOUR)
  const before = rows(store)
  await restore(store)
  expect([before, rows(store)]).toEqual(['rows/gone=x rows/kept=x', 'rows/kept=x'])
})

test('a restore that was frozen for days begins anew: deletions it never saw may be gone', async () => {
  const { memory, write, restore, later } = world()
  const store = createMemoryStore()
  write('rows/gone', 'x')
  write('rows/kept', 'x')
  let frozen = false
  const freezing: StateStore = {
    ...store,
    write(change) {
      store.write(change)
      if (!frozen) later(6 * DAY + HOUR)
      frozen = true
    },
  }
  await expect(restore(freezing)).rejects.toMatchObject({ code: 'log-unavailable', action: 'reopen' })
  expect(store.asOfMs()).toBeUndefined()
  write('rows/gone', null)
  memory.compact(topics.fragments, 0, 'removed')
  await restore(freezing)
  expect(rows(store)).toBe('rows/kept=x')
})

test('a store that ends before the start of its log, or behind its end, is wiped', async () => {
  const { memory, write, restore } = world(topics.seen)
  const store = createMemoryStore()
  write('seen/a', 'x')
  await restore(store)
  for (const key of ['seen/b', 'seen/c', 'seen/d']) write(key, 'x')
  memory.expire(topics.seen, 0, 4)
  await restore(store)
  expect(rows(store)).toBe('seen/d=x')
  const recreated = world(topics.seen)
  recreated.write('seen/new', 'x')
  await recreated.restore(store)
  expect(rows(store)).toBe('seen/new=x')
})

test('a crash between two pieces of a chunk loses none of them', async () => {
  const { write, restore } = world(topics.seen)
  write('seen/1', 'x')
  write('seen/2', 'x')
  write('!floor/seen', '1')
  write('seen/3', 'x')
  const store = createMemoryStore()
  let writes = 0
  const crashing: StateStore = {
    ...store,
    write(change) {
      if (writes++ === 1) throw new Error('killed')
      store.write(change)
    },
  }
  await expect(restore(crashing)).rejects.toThrow('killed')
  await restore(store)
  expect(rows(store)).toBe('seen/2=x seen/3=x')
})
