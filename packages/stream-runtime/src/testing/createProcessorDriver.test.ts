import { topics } from '@tributary/contracts'
import { expect, test } from '@jest/globals'
import { countingTopology, countsTable } from './countingTopology.ts'
import { createProcessorDriver } from './createProcessorDriver.ts'

test('a driven processor sees its own changes within a batch and after a restart', () => {
  const driver = createProcessorDriver(countingTopology, { partition: 2 })
  for (const key of ['a', 'b', 'a']) driver.record(topics.events, { key, value: Buffer.from('x') })
  expect(driver.endBatch().map((record) => record.key)).toEqual(['a=2', 'b=1'])
  driver.restart()
  driver.record(topics.events, { key: 'a', value: Buffer.from('x') })
  expect(driver.endBatch().map((record) => record.key)).toEqual(['a=3'])
  expect(driver.table(countsTable).get('a')).toBe(3)
  expect([...driver.table(countsTable).range('', '~')]).toEqual([
    ['a', 3],
    ['b', 1],
  ])
})

test('what an unfinished batch changed is gone after a restart', () => {
  const driver = createProcessorDriver(countingTopology)
  driver.record(topics.events, { key: 'a', value: Buffer.from('x') })
  driver.restart()
  expect(driver.endBatch()).toEqual([])
  expect(driver.table(countsTable).get('a')).toBeUndefined()
})
