const { emptyRuntime, jitsuAnalytics } = require('@jitsu/js')

const { ENDPOINT, WRITE_KEY } = process.env
async function main() {
  // The SDK has no alias.
  const jitsu = jitsuAnalytics({ host: ENDPOINT, writeKey: WRITE_KEY, runtime: emptyRuntime({}) })
  await jitsu.identify('u1', { email: 'ada@shop.example' })
  await jitsu.track('Order Completed', { total: 12.5 })
  await jitsu.page({ name: 'Home' })
  await jitsu.group('g1', { name: 'Maison' })
}
main().then(
  () => process.exit(0),
  (error) => {
    console.error(error)
    process.exit(1)
  },
)
