import { RudderAnalytics } from '@rudderstack/analytics-js/bundled'
import { AnalyticsBrowser } from '@segment/analytics-next'

const { endpoint, key, page } = window.conformance
const { host } = new URL(endpoint)

async function segment(batching) {
  const [analytics] = await AnalyticsBrowser.load(
    { writeKey: key, cdnURL: endpoint },
    {
      integrations: {
        'Segment.io': {
          apiHost: `${host}/v1`,
          protocol: 'http',
          ...(batching && {
            deliveryStrategy: { strategy: 'batching', config: { size: 100, timeout: 60_000 } },
          }),
        },
      },
    },
  )
  const calls = [
    analytics.identify('u1', { email: 'ada@shop.example' }),
    analytics.track('Order Completed', { total: 12.5 }),
    analytics.page('Home'),
    analytics.group('g1'),
    analytics.alias('u2', 'u1'),
  ]
  await Promise.race([Promise.all(calls), new Promise((resolve) => setTimeout(resolve, 2000))])
}

async function rudder(useBeacon) {
  const analytics = new RudderAnalytics()
  analytics.load(key, endpoint, {
    configUrl: endpoint,
    loadIntegration: false,
    useBeacon,
    beaconQueueOptions: { maxItems: 100, flushQueueInterval: 600_000 },
  })
  await new Promise((resolve) => analytics.ready(resolve))
  analytics.identify('u1', { email: 'ada@shop.example' })
  analytics.track('Order Completed', { total: 12.5 })
  analytics.page('Home')
  analytics.group('g1')
  analytics.alias('u2', 'u1')
  await new Promise((resolve) => setTimeout(resolve, 500))
}

const pages = {
  segment: () => segment(false),
  segmentBatch: () => segment(true),
  rudder: () => rudder(false),
  rudderBeacon: () => rudder(true),
}
window.conformance.done = pages[page]()
