import { describe, expect, test } from '@jest/globals'
import fc from 'fast-check'
import { createMemoryLog } from '../testing/index.ts'
import { type GroupCommit, NotDurable, createGroupCommit } from './groupCommit.ts'
import { MAX_PARTITION_BYTES, MAX_PARTITION_RECORDS } from './laneQueues.ts'
import { type OutgoingRecord } from './outgoing.ts'

const event = (partition: number, value: string | Uint8Array): OutgoingRecord => ({
  topic: 'events',
  partition,
  key: 'k',
  value: Buffer.from(value),
})

function open(options: { timeoutMs?: number; inFlight?: number } = {}) {
  const log = createMemoryLog()
  const health: boolean[] = []
  const commit: GroupCommit = createGroupCommit({
    sender: log,
    inFlight: options.inFlight ?? 2,
    timeoutMs: options.timeoutMs ?? 5_000,
    onHealth: (healthy) => health.push(healthy),
  })
  return { log, commit, health }
}

const reasonOf = async (submission: Promise<unknown>): Promise<string> => {
  try {
    await submission
    return 'durable'
  } catch (error) {
    return error instanceof NotDurable ? error.reason : String(error)
  }
}

test('a submission resolves with the highest offset it wrote to each partition of the events topic', async () => {
  const { commit } = open()
  await commit.submit([event(0, 'earlier')])
  const rejected: OutgoingRecord = { ...event(1, 'r'), topic: 'rejected' }
  expect(await commit.submit([event(0, 'a'), event(2, 'b'), event(0, 'c'), rejected])).toEqual([
    { partition: 0, offset: 2 },
    { partition: 2, offset: 0 },
  ])
  expect(await commit.submit([])).toEqual([])
})

test('what arrives while requests are on the wire goes together with the next', async () => {
  const { log, commit } = open({ inFlight: 1 })
  log.hold()
  const first = commit.submit([event(0, 'first')])
  await new Promise(setImmediate)
  const others = Array.from({ length: 50 }, (_, i) => commit.submit([event(i % 3, `other ${i}`)]))
  log.release()
  await Promise.all([first, ...others])
  expect(log.requests).toEqual([1, 50])
})

describe('a record batch never grows beyond what the broker takes', () => {
  test('in number', async () => {
    const { log, commit } = open()
    const records = Array.from({ length: 2 * MAX_PARTITION_RECORDS + 1 }, (_, i) => event(0, String(i)))
    expect(await commit.submit(records)).toEqual([{ partition: 0, offset: 2 * MAX_PARTITION_RECORDS }])
    expect(Math.max(...log.requests)).toBe(MAX_PARTITION_RECORDS)
  })

  test('in bytes', async () => {
    const { log, commit } = open()
    const half = Buffer.alloc(MAX_PARTITION_BYTES / 2 - 2000)
    await commit.submit([event(0, half), event(0, half), event(0, half), event(1, half)])
    expect(log.requests).toEqual([3, 1])
  })

  test('a record that is alone too large for the bound is still sent, alone', async () => {
    const { log, commit } = open()
    await commit.submit([event(0, Buffer.alloc(MAX_PARTITION_BYTES)), event(0, 'small')])
    expect(log.requests).toEqual([1, 1])
  })
})

test('a failed produce request fails what it carried, and nothing else', async () => {
  const { log, commit, health } = open({ inFlight: 1 })
  log.fault = 'away'
  expect(await reasonOf(commit.submit([event(0, 'a')]))).toBe('failed')
  expect(commit.isHealthy()).toBe(false)
  log.fault = undefined
  expect(await reasonOf(commit.submit([event(0, 'b')]))).toBe('durable')
  expect(health).toEqual([false, true])
})

test('while Kafka is away one submission tries and the others are refused at once; its return needs no restart', async () => {
  const { log, commit } = open({ timeoutMs: 100 })
  log.fault = 'silent'
  expect(await reasonOf(commit.submit([event(0, 'a')]))).toMatch(/timeout|failed/)
  const probe = commit.submit([event(0, 'probe')])
  expect(await reasonOf(commit.submit([event(0, 'b')]))).toBe('unavailable')
  expect(await reasonOf(probe)).toMatch(/timeout|failed/)
  log.fault = undefined
  expect(await reasonOf(commit.submit([event(0, 'c')]))).toBe('durable')
})

test('a produce request that is never answered gives its place free', async () => {
  const { log, commit } = open({ timeoutMs: 50, inFlight: 1 })
  log.fault = 'silent'
  expect(await reasonOf(commit.submit([event(0, 'a')]))).toMatch(/timeout|failed/)
  log.fault = undefined
  expect(await reasonOf(commit.submit([event(0, 'b')]))).toBe('durable')
})

test('an answer that was lost is an event that may be sent again, never one that counts as durable', async () => {
  const { log, commit } = open()
  log.fault = 'deaf'
  expect(await reasonOf(commit.submit([event(0, 'a')]))).toBe('failed')
  expect(log.records('events')).toHaveLength(1)
})

test('a stop settles what was submitted and refuses what comes', async () => {
  const { log, commit } = open()
  log.hold()
  const taken = commit.submit([event(0, 'a')])
  const stopped = commit.stop()
  expect(await reasonOf(commit.submit([event(0, 'b')]))).toBe('stopped')
  log.release()
  await stopped
  expect(await taken).toEqual([{ partition: 0, offset: 0 }])
})

test('whatever the faults, each submission is settled once, and what counts as durable is in the log', async () => {
  const step = fc.record({
    records: fc.array(fc.tuple(fc.integer({ min: 0, max: 2 }), fc.constantFrom(0, 10, 500_000)), {
      minLength: 1,
      maxLength: 6,
    }),
    fault: fc.constantFrom(undefined, undefined, undefined, 'away' as const, 'deaf' as const),
    turns: fc.integer({ min: 0, max: 3 }),
  })
  await fc.assert(
    fc.asyncProperty(
      fc.array(step, { maxLength: 12 }),
      fc.integer({ min: 1, max: 3 }),
      async (steps, inFlight) => {
        const { log, commit } = open({ inFlight })
        const outcomes: Promise<string>[] = []
        for (const [i, { records, fault, turns }] of steps.entries()) {
          log.fault = fault
          const values = records.map(([partition, size], n) =>
            event(partition, Buffer.concat([Buffer.from(`${i}/${n} `), Buffer.alloc(size)])),
          )
          outcomes.push(reasonOf(commit.submit(values)))
          for (let turn = 0; turn < turns; turn++) {
            // oxlint-disable-next-line no-await-in-loop -- turns of the loop are the point
            await new Promise(setImmediate)
          }
        }
        const settled = await Promise.all(outcomes)
        const written = [0, 1, 2].map((partition) =>
          log
            .records('events', partition)
            .map((each) => Buffer.from(each.value.subarray(0, 8)).toString().split(' ')[0]!),
        )
        const expected = steps.flatMap(({ records }, i) =>
          settled[i] === 'durable' ? records.map(([partition], n) => ({ partition, name: `${i}/${n}` })) : [],
        )
        for (const partition of [0, 1, 2]) {
          const names = expected.filter((each) => each.partition === partition).map((each) => each.name)
          expect(written[partition]).toEqual(expect.arrayContaining(names))
        }
        expect(settled.every((outcome) => ['durable', 'failed', 'unavailable'].includes(outcome))).toBe(true)
      },
    ),
    { numRuns: 100 },
  )
}, 30_000)
