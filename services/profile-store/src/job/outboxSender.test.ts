import { expect, test } from '@jest/globals'
import { createProcessorDriver } from '@tributary/stream-runtime/testing'
import { type JobConfiguration } from './jobConfiguration.ts'
import { jobTopology } from './jobTopology.ts'
import { outboxRows } from './jobRows.ts'
import { createOutboxSender } from './outboxSender.ts'

const counts = { identifier: 3, profile: 1, delivery: 1 }
const configuration: JobConfiguration = {
  documents: [{ document: 'trait/a', hash: '1', definition: '{}' }],
  refused: [],
  rules: { types: [], owner: 1, hash: 'i', blocked: [] },
}

function setUp(send: (partitions: number[]) => Promise<void>) {
  const driver = createProcessorDriver(jobTopology(counts), { counts })
  driver.configuration(configuration)
  driver.endBatch()
  const failures: string[] = []
  let owned = true
  const sender = createOutboxSender({
    view: () => driver.view(),
    send: (records) => send(records.map(({ partition }) => partition)),
    inject(sent) {
      if (owned) driver.inject(sent)
      return owned
    },
    onFailure: (error) => failures.push(error.message),
  })
  const waiting = () => [...driver.table(outboxRows).range('', '~')].length
  return { driver, sender, failures, waiting, disown: () => (owned = false) }
}

test('sends each control record to its partition once, and the task forgets it', async () => {
  const sent: number[][] = []
  const { driver, sender, waiting } = setUp(async (partitions) => void sent.push(partitions))
  sender.wake()
  sender.wake()
  await sender.stop()
  expect(sent).toEqual([[0, 1, 2]])
  driver.endBatch()
  expect(waiting()).toBe(0)
})

test('what is sent and not yet forgotten is not sent again by the next wake', async () => {
  const sent: number[][] = []
  const { sender } = setUp(async (partitions) => void sent.push(partitions))
  sender.wake()
  await Promise.resolve()
  await new Promise(setImmediate)
  sender.wake()
  await sender.stop()
  expect(sent).toHaveLength(1)
})

test('a send that fails keeps everything, and says so', async () => {
  const { sender, failures, waiting } = setUp(() => Promise.reject(new Error('no broker')))
  sender.wake()
  await sender.stop()
  expect(failures).toEqual(['no broker'])
  expect(waiting()).toBe(3)
})

test('what was told to a task that went away before it committed is sent again when the task comes back', async () => {
  const sent: number[][] = []
  const { driver, sender, waiting } = setUp(async (partitions) => void sent.push(partitions))
  sender.wake()
  await new Promise(setImmediate)
  sender.assigned([])
  driver.restart()
  sender.assigned([0])
  sender.wake()
  await sender.stop()
  driver.endBatch()
  expect(sent).toEqual([
    [0, 1, 2],
    [0, 1, 2],
  ])
  expect(waiting()).toBe(0)
})

test('a task that has gone to another owner is left alone: the new owner sends them again', async () => {
  const { sender, waiting, disown } = setUp(async () => undefined)
  disown()
  sender.wake()
  await sender.stop()
  expect(waiting()).toBe(3)
})
