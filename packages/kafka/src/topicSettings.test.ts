import { allTopics, topics } from '@tributary/contracts'
import { expect, test } from '@jest/globals'
import { settingHolds, topicSettings } from './topicSettings.ts'

test('every topic of the catalogue says how it is cleaned up, and time-kept ones for how long', () => {
  for (const spec of allTopics) {
    const settings = topicSettings(spec, 2)
    expect(settings['cleanup.policy']).toBe(spec.cleanUp)
    expect(settings['retention.ms'] !== undefined).toBe(spec.cleanUp === 'delete')
    expect(settings['max.compaction.lag.ms'] !== undefined).toBe(spec.cleanUp === 'compact')
  }
  expect(topicSettings(topics.events, 2)).toMatchObject({
    'message.timestamp.type': 'LogAppendTime',
    'max.message.bytes': '1992294',
    'segment.ms': '86400000',
  })
})

test.each([
  ['retention.ms', '100', '100', true],
  ['retention.ms', '100', '200', true],
  ['retention.ms', '100', '-1', true],
  ['retention.ms', '100', '50', false],
  ['retention.ms', '-1', '50', false],
  ['max.message.bytes', '100', '99', false],
  ['max.message.bytes', '100', '101', true],
  ['max.compaction.lag.ms', '100', '101', false],
  ['max.compaction.lag.ms', '100', '99', true],
  ['cleanup.policy', 'compact', 'delete', false],
  ['message.timestamp.type', 'LogAppendTime', 'CreateTime', false],
  ['min.insync.replicas', '2', '1', true],
  ['cleanup.policy', 'compact', undefined, false],
])('%s wanted as %s and found as %s holds: %s', (name, wanted, found, holds) => {
  expect(settingHolds(name, wanted, found)).toBe(holds)
})
