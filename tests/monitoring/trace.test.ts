/** One event from its request to a webhook, as the spans of all four services. */
import { afterEach, expect, test } from '@jest/globals'
import { topics } from '@tributary/contracts'
import { type TracedServices, startTracedServices } from './tracedServices.ts'

const TRACE = '4bf92f3577b34da6a3ce929d0e0e4736'
const SENDER = `00-${TRACE}-00f067aa0ba902b7-01`

let services: TracedServices
afterEach(() => services.stop())

const post = (headers: Record<string, string>, messageId: string, traits: object = {}) =>
  fetch(`${services.url}/v1/identify`, {
    method: 'POST',
    headers: { 'x-write-key': 'wk_web_1', 'content-type': 'application/json', ...headers },
    body: JSON.stringify({ userId: 'u1', anonymousId: 'browser-1', messageId, traits }),
  })

/** An outcome is committed after the answer was taken, and its span with it. */
async function untilDelivered(): Promise<void> {
  while (services.log.committed(topics.deliveryOutcomes, 0).length === 0)
    await new Promise((resolve) => setTimeout(resolve, 20))
}

test('a sampled traceparent of the sender is one trace over all four services, up to the receiver of the delivery', async () => {
  services = await startTracedServices('0')
  const secret = 'ada.lovelace@example.com'
  expect((await post({ traceparent: SENDER }, 'm1', { email: secret, firstName: 'Ada' })).status).toBe(200)
  await untilDelivered()
  await services.flush()
  const { spans } = services
  expect(new Set(spans.map(({ traceId }) => traceId))).toEqual(new Set([TRACE]))
  const names = (service: string) =>
    [...new Set(spans.filter((span) => span.service === service).map(({ name }) => name))].sort()
  expect(names('collector')).toEqual(['POST /v1/identify'])
  expect(names('identity-stitcher')).toEqual(
    expect.arrayContaining([`process ${topics.evidence.name}`, `process ${topics.events.name}`]),
  )
  expect(names('profile-store')).toEqual(
    expect.arrayContaining([`process ${topics.events.name}`, `process ${topics.profileParts.name}`]),
  )
  expect(names('activation')).toEqual(
    expect.arrayContaining([
      'deliver crm',
      `process ${topics.deliveries.name}`,
      `process ${topics.profileChanges.name}`,
    ]),
  )
  const request = spans.find(({ service }) => service === 'collector')!
  expect(request.parentSpanId).toBe('00f067aa0ba902b7')
  for (const span of spans.filter((each) => each !== request)) expect(span.parentSpanId).toBe(request.spanId)
  const delivery = spans.find(({ name }) => name === 'deliver crm')!
  expect(services.calls[0]!['traceparent']).toBe(`00-${TRACE}-${delivery.spanId}-01`)
  // O3: nothing of the person or the sender is in any span.
  for (const value of [secret, 'Ada', 'u1"', 'browser-1', 'wk_web_1'])
    expect(services.exported()).not.toContain(value)
})

test('what several traces led to is one change with links to the others', async () => {
  services = await startTracedServices('1')
  await Promise.all(Array.from({ length: 6 }, (_, i) => post({}, `m${i}`, { step: i, [`f${i}`]: i })))
  await untilDelivered()
  await new Promise((resolve) => setTimeout(resolve, 300))
  await services.flush()
  const begun = new Set(
    services.spans.filter(({ service }) => service === 'collector').map(({ traceId }) => traceId),
  )
  expect(begun.size).toBe(6)
  const parts = services.spans.filter(({ name }) => name === `process ${topics.profileParts.name}`)
  const reached = new Set(
    parts.flatMap(({ traceId, links = [] }) => [traceId, ...links.map((link) => link.traceId)]),
  )
  expect(reached).toEqual(begun)
})

test('O1: without an exporter no record carries a header more, and a traceparent goes no further', async () => {
  services = await startTracedServices(undefined)
  expect((await post({ traceparent: SENDER }, 'm1', { firstName: 'Ada' })).status).toBe(200)
  await untilDelivered()
  await services.flush()
  expect(services.spans).toEqual([])
  expect(services.calls[0]!['traceparent']).toBeUndefined()
  for (const topic of [topics.events, topics.profileParts, topics.profileChanges, topics.deliveries])
    for (const { headers } of services.log.committed(topic, 0))
      expect(Object.keys(headers)).not.toContain('traceparent')
})

test('a sender that does not sample is not traced, whatever it sends', async () => {
  services = await startTracedServices('0')
  await post({ traceparent: SENDER.replace(/01$/, '00') }, 'm1', { a: 1 })
  await post({ traceparent: 'x'.repeat(10_000) }, 'm2', { b: 1 })
  await untilDelivered()
  await services.flush()
  expect(services.spans).toEqual([])
})
