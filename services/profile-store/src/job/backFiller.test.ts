import { expect, test } from '@jest/globals'
import { type FoldedEvent, type FoldedEvents } from '@tributary/clickhouse-log'
import { topics } from '@tributary/contracts'
import { type Fill, EventRecord } from '@tributary/contracts/generated/tributary/event/v1/event'
import { ControlStep, JobRecord } from '@tributary/contracts/generated/tributary/job/v1/control'
import { createProcessorDriver } from '@tributary/stream-runtime/testing'
import { createBackFiller } from './backFiller.ts'
import { jobTopology } from './jobTopology.ts'
import { runningRows } from './jobRows.ts'

const counts = { identifier: 2, profile: 1, delivery: 1 }
const JOB = 4
const count = (id: string) => JSON.stringify({ kind: 'Trait', id, count: { event: 'Order Completed' } })

/** A job whose documents were adopted at these offsets, in both partitions. */
function filling(adoptedAt: Readonly<Record<string, number>>) {
  const driver = createProcessorDriver(jobTopology(counts), { counts })
  driver.configuration(
    {
      documents: Object.keys(adoptedAt).map((id) => ({
        document: `trait/${id}`,
        hash: '1',
        definition: count(id),
      })),
      refused: [],
      rules: { types: [], owner: 1, hash: 'i', blocked: [] },
    },
    JOB,
  )
  driver.endBatch()
  for (const [id, offset] of Object.entries(adoptedAt))
    for (const partition of [0, 1])
      driver.record(topics.jobs, {
        value: JobRecord.encode({
          record: {
            $case: 'answered',
            value: {
              job: JOB,
              document: `trait/${id}`,
              hash: '1',
              step: ControlStep.CONTROL_STEP_ADOPT,
              topic: topics.events.name,
              partition,
              offset,
              skipped: 7,
              erased: [],
            },
          },
        }).finish(),
      })
  driver.endBatch()
  return driver
}

const order = (anchor: string, offset: number): FoldedEvent => ({
  anchor,
  offset,
  sourceId: 'web',
  type: 'track',
  name: 'Order Completed',
  messageId: `m${offset}`,
  timeMs: 1,
  payload: Buffer.from('{}'),
})

/** The log holds the same events in each partition, and gives what is asked for. */
function logOf(events: readonly FoldedEvent[], given: Partial<FoldedEvents> = {}) {
  const asked: Parameters<FoldedEvents['hasAll']>[0][] = []
  const log: FoldedEvents = {
    async hasAll(each) {
      asked.push(each)
      return true
    },
    async *read({ below, after }) {
      for (const event of events) if (event.offset < below && event.anchor > after) yield [event]
    },
    ...given,
  }
  return { log, asked }
}

function start(driver: ReturnType<typeof filling>, log: FoldedEvents, crashAfter = Infinity) {
  const sent: (Fill & { partition: number })[] = []
  const failures: string[] = []
  let injected = 0
  const filler = createBackFiller({
    view: () => driver.view(),
    log,
    async send(records) {
      for (const { partition, value } of records) {
        const { record } = EventRecord.decode(value)
        if (record?.$case === 'fill') sent.push({ ...record.value, partition })
      }
    },
    inject(reached) {
      if (++injected > crashAfter) return false
      driver.inject(reached)
      driver.endBatch()
      return true
    },
    onFailure: (error) => failures.push(error.message),
  })
  return { filler, sent, failures }
}

/** Until the filler has nothing under way, or the job is through. */
async function until(holds: () => boolean): Promise<void> {
  for (let i = 0; i < 10_000 && !holds(); i++) await new Promise(setImmediate)
  expect(holds()).toBe(true)
}

const phase = (driver: ReturnType<typeof filling>) => driver.table(runningRows).get('running')?.phase

test('each anchor is sent once with what lies below the offset of its document, in both partitions', async () => {
  const driver = filling({ orders: 10, more: 12 })
  const { log, asked } = logOf([order('a', 3), order('a', 11), order('b', 5), order('c', 20)])
  const { filler, sent } = start(driver, log)
  filler.wake()
  await until(() => phase(driver) === 'close')
  expect(asked).toMatchObject([
    { partition: 0, offset: 12, writer: 'fragment-0', skipped: 7 },
    { partition: 1, offset: 12, writer: 'fragment-1', skipped: 7 },
  ])
  const told = sent.map(({ job, partition, anchor, aggregates }) => [
    job,
    partition,
    anchor,
    Object.fromEntries(aggregates.map((each) => [each.document, each.count])),
  ])
  const anchors = [
    ['a', { 'trait/orders': 1, 'trait/more': 2 }],
    ['b', { 'trait/orders': 1, 'trait/more': 1 }],
  ]
  expect(told).toEqual([0, 1].flatMap((partition) => anchors.map((each) => [JOB, partition, ...each])))
  expect(phase(driver)).toBe('close')
})

test('nothing begins before the log has everything', async () => {
  const driver = filling({ orders: 10 })
  let has = false
  const { log } = logOf([order('a', 3)], { hasAll: async () => has })
  const { filler, sent } = start(driver, log)
  filler.wake()
  await new Promise(setImmediate)
  expect([sent.length, phase(driver)]).toEqual([0, 'fill'])
  has = true
  filler.wake()
  await until(() => phase(driver) === 'close')
  expect(sent).toHaveLength(2)
})

test('a log that fails half way is asked again, from the last lot that was noted', async () => {
  const events = Array.from({ length: 1_200 }, (_, i) => order(`a${String(i).padStart(5, '0')}`, 3))
  const driver = filling({ orders: 10 })
  let fails = true
  const from: string[] = []
  const { log } = logOf(events, {
    async *read({ after }) {
      from.push(after)
      for (const event of events) {
        if (event.anchor <= after) continue
        if (fails && event.anchor === 'a00800') throw new Error('the connection was lost')
        yield [event]
      }
    },
  })
  const { filler, sent, failures } = start(driver, log)
  filler.wake()
  await until(() => failures.length > 0)
  expect(failures).toEqual(['the connection was lost'])
  fails = false
  filler.wake()
  await until(() => phase(driver) === 'close')
  expect(from).toEqual(['', 'a00499', ''])
  expect(sent.filter(({ partition }) => partition === 0)).toHaveLength(1_200)
  expect(phase(driver)).toBe('close')
})

test('a job that moved to another owner is left to that one, which goes on where this one was', async () => {
  const events = Array.from({ length: 1_200 }, (_, i) => order(`a${String(i).padStart(5, '0')}`, 3))
  const driver = filling({ orders: 10 })
  const { log } = logOf(events)
  const former = start(driver, log, 1)
  former.filler.wake()
  await until(() => former.sent.length === 1_000)
  await former.filler.stop()
  driver.restart()
  const next = start(driver, log)
  next.filler.wake()
  await until(() => phase(driver) === 'close')
  // Two lots were sent, and one of them noted.
  expect(former.sent.every(({ partition }) => partition === 0)).toBe(true)
  expect(next.sent.filter(({ partition }) => partition === 0)).toHaveLength(700)
  expect(phase(driver)).toBe('close')
})
