const RudderAnalytics = require('@rudderstack/rudder-sdk-node')

const { ENDPOINT, WRITE_KEY } = process.env
const client = new RudderAnalytics(WRITE_KEY, { dataPlaneUrl: ENDPOINT, flushAt: 20, flushInterval: 1000 })
let left = 5
const done = (error) => {
  if (error) console.error(error)
  if (--left === 0) process.exit(0)
}
client.identify({ userId: 'u1', traits: { email: 'ada@shop.example' } }, done)
client.track({ userId: 'u1', event: 'Order Completed', properties: { total: 12.5 } }, done)
client.page({ userId: 'u1', name: 'Home' }, done)
client.group({ userId: 'u1', groupId: 'g1' }, done)
client.alias({ userId: 'u2', previousId: 'u1' }, done)
client.flush()
