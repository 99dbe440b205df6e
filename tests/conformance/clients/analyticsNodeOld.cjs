const Analytics = require('analytics-node')

const { ENDPOINT, WRITE_KEY } = process.env
const analytics = new Analytics(WRITE_KEY, {
  host: ENDPOINT,
  errorHandler: (error) => console.error(error.message),
})
analytics.identify({ userId: 'u1', traits: { email: 'ada@shop.example' } })
analytics.track({ userId: 'u1', event: 'Order Completed', properties: { total: 12.5 } })
analytics.page({ userId: 'u1', name: 'Home' })
analytics.group({ userId: 'u1', groupId: 'g1' })
analytics.alias({ userId: 'u2', previousId: 'u1' })
// The first event goes by itself at once, the others with the flush.
void analytics.flush(() => undefined).then(() => setTimeout(() => process.exit(0), 8000))
