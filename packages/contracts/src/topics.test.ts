import { expect, test } from '@jest/globals'
import { allTopics, topicName, topics } from './topics.ts'

test('the first epoch has the names of the catalogue; later ones carry the epoch where a rebuild derives anew', () => {
  for (const spec of allTopics) {
    expect(topicName('cdp', spec)).toBe(`cdp.${spec.name}`)
    expect(topicName({ prefix: 'cdp', epoch: 1 }, spec)).toBe(`cdp.${spec.name}`)
  }
  const second = allTopics.map((spec) => topicName({ prefix: 'cdp', epoch: 2 }, spec))
  expect(second.filter((name) => name.endsWith('.e2'))).toHaveLength(12)
  expect(topicName({ prefix: 'cdp', epoch: 2 }, topics.events)).toBe('cdp.internal.events.v1.e2')
})

test('what is public, what was sent and what was decided has one topic for all epochs', () => {
  for (const spec of [
    ...allTopics.filter(({ visibility }) => visibility === 'public'),
    topics.deliveries,
    topics.config,
    topics.layout,
  ])
    expect(topicName({ prefix: 'cdp', epoch: 7 }, spec)).toBe(`cdp.${spec.name}`)
})
