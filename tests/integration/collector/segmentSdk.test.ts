/** The SDK as it comes from the registry, against a collector over Kafka. */
import { Analytics } from '@segment/analytics-node'
import { afterAll, beforeAll, expect, test } from '@jest/globals'
import {
  type TestCollector,
  exampleSources,
  startTestCollector,
  workspaceOf,
} from '@tributary/collector/testing'
import { PARTITIONS, type Topics, openTopics } from './collectorInstallation.ts'

let kafka: Topics
let collector: TestCollector

beforeAll(async () => {
  kafka = await openTopics()
  collector = await startTestCollector(kafka.sender, { partitions: PARTITIONS })
  collector.adopt(workspaceOf(exampleSources))
}, 60_000)
afterAll(async () => {
  await collector.stop()
  await kafka.close()
})

test('analytics-node delivers each kind of event once, unmodified', async () => {
  const analytics = new Analytics({ writeKey: 'wk_web_1', host: collector.url, path: '/v1/batch' })
  const errors: unknown[] = []
  analytics.on('error', (error) => errors.push(error))
  const timestamp = new Date('2026-11-24T12:00:00Z')

  analytics.identify({ userId: 'u1', anonymousId: 'a1', traits: { email: 'Ada@Shop.example', plan: 'pro' } })
  analytics.track({ userId: 'u1', event: 'Order Completed', properties: { total: 12.5 }, timestamp })
  analytics.page({ anonymousId: 'a1', name: 'Home' })
  analytics.screen({ userId: 'u1', name: 'Cart' })
  analytics.group({ userId: 'u1', groupId: 'g1', traits: { email: 'office@shop.example' } })
  analytics.alias({ userId: 'u2', previousId: 'u1' })
  await analytics.closeAndFlush()

  expect(errors).toEqual([])
  const events = (await kafka.events()).sort((a, b) => a.type - b.type)
  expect(
    events.map((event) => ({
      type: event.type,
      name: event.name,
      identifiers: event.identifiers.map((each) => `${each.type}=${each.value}`),
      generated: event.messageIdGenerated,
      payload: event.payload,
    })),
  ).toEqual(
    [
      { type: 1, name: 'Order Completed', identifiers: ['user_id=u1'] },
      { type: 2, name: '', identifiers: ['user_id=u1', 'email=ada@shop.example', 'anonymous_id=a1'] },
      { type: 3, name: 'Home', identifiers: ['anonymous_id=a1'] },
      { type: 4, name: 'Cart', identifiers: ['user_id=u1'] },
      { type: 5, name: '', identifiers: ['user_id=u1'] },
      { type: 6, name: '', identifiers: ['user_id=u2'] },
    ].map((each) => ({ ...each, generated: false, payload: undefined })),
  )
  expect(events[5]!.previous?.value).toBe('u1')
  expect(events[0]!.originalTimeMs).toBe(timestamp.getTime())
  expect(await kafka.rejected()).toEqual([])
}, 60_000)

test('what it is told with 503 it sends again, and each event counts once by its id', async () => {
  const analytics = new Analytics({
    writeKey: 'wk_crm_1',
    host: collector.url,
    path: '/v1/batch',
    maxRetries: 10,
  })
  collector.refuse(2)
  analytics.track({ userId: 'u9', event: 'Retried', messageId: 'retried-1' })
  await analytics.closeAndFlush()
  const found = (await kafka.events()).filter((event) => event.messageId === 'retried-1')
  expect(found).toHaveLength(1)
  expect(collector.refused()).toBe(2)
}, 60_000)
