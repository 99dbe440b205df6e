import { expect, test } from '@jest/globals'
import { openPartition } from './openPartition.ts'
import { intentMetadata, storedMetadata } from './range.ts'

const log = { logStart: 0, logEnd: 1000 }
const open = intentMetadata({ epoch: 1, last: 29, gap: 2 })

test('a new partition starts where the log starts', () => {
  expect(openPartition({ committed: undefined, highest: undefined, ...log, logStart: 0 })).toEqual({
    kind: 'open',
    opening: { position: 0 },
    seek: 0,
    warnings: [],
  })
})

test('without a committed offset the table says how far it was', () => {
  expect(openPartition({ committed: undefined, highest: 41, ...log })).toMatchObject({
    opening: { position: 42 },
    seek: 42,
    warnings: [],
  })
})

test('an open range that is not stored is repeated as it was declared', () => {
  expect(openPartition({ committed: { offset: 20, metadata: open }, highest: 19, ...log })).toMatchObject({
    opening: { position: 20, intent: { epoch: 1, last: 29, gap: 2 } },
    seek: 20,
  })
})

test('an open range that is stored already is not sent again', () => {
  expect(openPartition({ committed: { offset: 20, metadata: open }, highest: 29, ...log })).toMatchObject({
    opening: { position: 30 },
    warnings: [],
  })
})

test('offsets that were reset to an earlier place store nothing twice', () => {
  const opened = openPartition({ committed: { offset: 5, metadata: '' }, highest: 41, ...log })
  expect(opened).toMatchObject({ opening: { position: 42 }, warnings: [expect.stringContaining('behind')] })
})

test('a table that holds less than was committed is said aloud', () => {
  const opened = openPartition({ committed: { offset: 50, metadata: null }, highest: 41, ...log })
  expect(opened).toMatchObject({ opening: { position: 50 }, warnings: [expect.stringContaining('audit')] })
})

test('a topic that was made anew is refused, with the remedy', () => {
  const opened = openPartition({ committed: undefined, highest: 5000, ...log })
  expect(opened).toMatchObject({
    kind: 'refused',
    reason: expect.stringContaining('new ClickHouse database'),
  })
})

test('what the log lost is said aloud, and reading goes on where the log starts', () => {
  const committed = { offset: 20, metadata: open }
  const opened = openPartition({ committed, highest: 19, logStart: 25, logEnd: 1000 })
  expect(opened).toMatchObject({
    opening: { position: 20, intent: { last: 29 } },
    seek: 25,
    lost: { first: 20, last: 24 },
    warnings: [expect.stringContaining('20 to 24')],
  })
})

test('markers that were read already are not read again, and count as the gap before the next record', () => {
  const committed = { offset: 45, metadata: storedMetadata(42) }
  expect(openPartition({ committed, highest: 41, ...log })).toMatchObject({
    opening: { position: 42 },
    seek: 45,
    warnings: [],
  })
})

test('metadata of a newer version is refused rather than guessed', () => {
  const committed = { offset: 20, metadata: '{"v":2,"ranges":[]}' }
  expect(() => openPartition({ committed, highest: 19, ...log })).toThrow('newer')
})
