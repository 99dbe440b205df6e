const { Analytics } = require('@segment/analytics-node')

const { ENDPOINT, WRITE_KEY } = process.env
const analytics = new Analytics({ writeKey: WRITE_KEY, host: ENDPOINT, path: '/v1/batch' })
analytics.on('error', (error) => console.error(error))
analytics.identify({ userId: 'u1', traits: { email: 'ada@shop.example' } })
analytics.track({ userId: 'u1', event: 'Order Completed', properties: { total: 12.5 } })
analytics.page({ userId: 'u1', name: 'Home' })
analytics.group({ userId: 'u1', groupId: 'g1' })
analytics.alias({ userId: 'u2', previousId: 'u1' })
void analytics.closeAndFlush({ timeout: 30_000 }).then(() => process.exit(0))
