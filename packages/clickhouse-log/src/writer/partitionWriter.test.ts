/**
 * The writer over a world in memory that crashes, loses replies, stalls owners and forgets offsets, at random and by
 * a seed. Promise: every record of the log is stored once, with the gap before it, wherever it was cut off.
 */
import { expect, test } from '@jest/globals'
import fc from 'fast-check'
import type { LogRecord } from '../rows/logTable.ts'
import { FakeCoordinator } from '../testing/fakeCommitter.ts'
import { FakeLogStore } from '../testing/fakeLogStore.ts'
import { openPartition } from './openPartition.ts'
import { PartitionWriter } from './partitionWriter.ts'
import type { Clock, CommitOutcome, Committer, LogStore, StoreOutcome } from './ports.ts'

const place = { topic: 'internal.events.v1', partition: 0 }
const limits = { maxRecords: 5, maxBytes: 2000, maxAgeMs: 1000 }

class Crash extends Error {}

type Fault =
  | 'none'
  | 'unavailable'
  | 'lost reply'
  | 'crash before'
  | 'crash after'
  | 'stall before'
  | 'stall after'
const faults: readonly Fault[] = [
  'none',
  'none',
  'none',
  'unavailable',
  'lost reply',
  'crash before',
  'crash after',
  'stall before',
  'stall after',
]

interface World {
  records: LogRecord[]
  faults: Fault[]
  /** In which life the committed offset is gone when it opens. */
  forgetful: boolean[]
  /** How many records come at once, by life: a new owner cuts its ranges elsewhere. */
  chunks: number[]
}

const kinds = ['good', 'good', 'good', 'good', 'bad', 'unreadable'] as const

const worlds: fc.Arbitrary<World> = fc.record({
  records: fc
    .array(
      fc.record({
        // Transaction markers take offsets too.
        gap: fc.constantFrom(1, 1, 1, 2, 3),
        kind: fc.constantFrom(...kinds),
        month: fc.constantFrom(0, 0, 0, 0, 1),
        size: fc.constantFrom(1, 1, 900, 3000),
      }),
      { minLength: 1, maxLength: 40 },
    )
    .map((items) => {
      let offset = -1
      return items.map(({ gap, kind, month, size }) => {
        offset += gap
        const timestampMs = Date.UTC(2026, 2 + month, 1)
        return {
          offset,
          gap: gap - 1,
          timestampMs,
          key: Buffer.from(kind),
          value: Buffer.alloc(size),
          headers: {},
        }
      })
    }),
  faults: fc.array(fc.constantFrom(...faults), { maxLength: 40 }),
  forgetful: fc.array(fc.boolean(), { maxLength: 6 }),
  chunks: fc.array(fc.integer({ min: 1, max: 9 }), { minLength: 1, maxLength: 5 }),
})

/** Runs lives of the writer, one after another, until all of the log is stored and closed. */
async function live(world: World): Promise<{ store: FakeLogStore; lives: number; effects: string[] }> {
  const kindOf = (record: LogRecord) => Buffer.from(record.key!).toString()
  const store = new FakeLogStore(
    (record) => kindOf(record) === 'bad',
    (record) => kindOf(record) === 'unreadable',
  )
  const coordinator = new FakeCoordinator()
  const effects: string[] = []
  const stalled: (() => void)[] = []
  const left = [...world.faults]
  const end = world.records.at(-1)!.offset + 1
  let lives = 0

  for (;;) {
    // Every fault can end a life once, so this bound is never reached unless a fault never ends.
    if (++lives > world.faults.length + 5) throw new Error('it does not come to an end')
    const intended = coordinator.committed?.metadata.includes('epoch') === true
    // Offsets expire only when nobody was there for a week: long after every stalled owner is gone.
    if (world.forgetful[lives] === true && stalled.length === 0 && !intended) coordinator.expire()
    const committed = coordinator.committed
    const highest = await store.highestOffset(place)
    const opened = openPartition({ committed, highest, logStart: 0, logEnd: end + 2 })
    if (opened.kind === 'refused') throw new Error(opened.reason)
    if (opened.opening.position === end && opened.opening.intent === undefined) break

    let nowMs = lives * 100_000
    const life = new AbortController()
    let over: (reason: 'crash' | 'stall') => void
    const cutOff = new Promise<'crash' | 'stall'>((resolve) => (over = resolve))
    async function call<T extends CommitOutcome | StoreOutcome>(
      name: string,
      effect: () => Promise<T>,
    ): Promise<T> {
      const fault = left.shift() ?? 'none'
      effects.push(`${name} (${fault})`)
      const away = { kind: 'unavailable', reason: fault } as T
      if (fault === 'unavailable') return away
      if (fault === 'crash before') over('crash')
      if (fault === 'stall before') {
        over('stall')
        await new Promise<void>((resolve) => stalled.push(resolve))
      }
      if (fault === 'crash before') throw new Crash()
      const outcome = await effect()
      if (fault === 'lost reply') return away
      if (fault === 'stall after') {
        over('stall')
        await new Promise<void>((resolve) => stalled.push(resolve))
      }
      if (fault === 'crash after') {
        over('crash')
        throw new Crash()
      }
      return outcome
    }
    const owner = coordinator.join()
    const committer: Committer = {
      commit: (offset, metadata) =>
        call(`commit ${offset} ${metadata}`, () => owner.commit(offset, metadata)),
    }
    const faulty: LogStore = {
      store: (at, range) => call(`store ${range.first}-${range.last}`, () => store.store(at, range)),
      quarantine: (at, range, reason) =>
        call(`quarantine ${range.first}`, () => store.quarantine(at, range, reason)),
      highestOffset: (at) => store.highestOffset(at),
    }
    const clock: Clock = {
      nowMs: () => nowMs,
      async sleep(ms, signal) {
        if (!signal.aborted) nowMs += Math.min(ms, 10_000)
        // A turn of the loop, so that the reader and other owners get theirs.
        await new Promise((resolve) => setImmediate(resolve))
      },
    }
    const observer = { stored() {}, quarantined() {}, waiting() {}, drained() {} }
    const { opening } = opened
    const writer = new PartitionWriter({
      place,
      opening,
      epoch: 1,
      store: faulty,
      committer,
      clock,
      observer,
      limits,
    })
    const running = writer.run().then(
      () => 'ended' as const,
      (error: unknown) => {
        if (error instanceof Crash) return 'crash' as const
        throw error
      },
    )
    const finished = (async () => {
      const chunk = world.chunks[lives % world.chunks.length]!
      for (let i = 0; i < world.records.length; i += chunk) {
        // Markers that follow are read with the records.
        const next = world.records[i + chunk]?.offset ?? end + 2
        writer.offer(world.records.slice(i, i + chunk), next)
        await new Promise((resolve) => setImmediate(resolve))
      }
      while (!life.signal.aborted && writer.bufferedRecords > 0)
        await new Promise((resolve) => setImmediate(resolve))
      writer.stop()
      return 'done' as const
    })()
    const ended = await Promise.race([running, cutOff, finished])
    if (ended === 'done') await running
    // A stalled owner wakes up when its successor is at work or done.
    else if (ended !== 'stall') for (const wake of stalled.splice(0)) wake()
    life.abort()
    writer.stop()
  }
  for (const wake of stalled.splice(0)) wake()
  await new Promise((resolve) => setImmediate(resolve))
  return { store, lives, effects }
}

test('every record is stored exactly once, whatever happens between any two steps', async () => {
  await fc.assert(
    fc.asyncProperty(worlds, async (world) => {
      const { store, effects } = await live(world)
      const stored = store.rowsOf(place).sort((a, b) => a.offset - b.offset)
      const expected = world.records.map((record) => {
        const kind = Buffer.from(record.key!).toString()
        const { offset, gap } = record
        if (kind === 'bad') return { offset, gap, reason: 'a bad row' }
        return kind === 'unreadable' ? { offset, gap, reason: 'unreadable' } : { offset, gap }
      })
      try {
        expect(stored).toEqual(expected)
      } catch (error) {
        throw new Error(`effects:\n  ${effects.join('\n  ')}`, { cause: error })
      }
    }),
    { numRuns: 500 },
  )
}, 60_000)
