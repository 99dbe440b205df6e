const { mkdtempSync, readFileSync, rmSync } = require('node:fs')
const { createServer } = require('node:http')
const { tmpdir } = require('node:os')
const path = require('node:path')
const { chromium } = require('playwright-core')

const { ENDPOINT, WRITE_KEY, PAGE, LEAVE, CHROMIUM } = process.env
/** Longer than any Retry-After and first backoff of this suite, ms. */
const QUIET_MS = LEAVE ? 1500 : 8000
/** They retry for as long as the page is open: what is given up and what is not shows within this, ms. */
const OPEN_MS = 40_000

const script = readFileSync(path.join(__dirname, 'bundle.js'))
const html = `<!doctype html><title>Shop</title><script>window.conformance = ${JSON.stringify({
  endpoint: ENDPOINT,
  key: WRITE_KEY,
  page: PAGE,
})}</script><script src="/bundle.js"></script>`
const site = createServer((request, response) => {
  const isScript = request.url === '/bundle.js'
  response.setHeader('content-type', isScript ? 'text/javascript' : 'text/html')
  response.end(isScript ? script : html)
})

async function main() {
  await new Promise((resolve) => site.listen(0, '127.0.0.1', resolve))
  const profile = mkdtempSync(path.join(tmpdir(), 'conformance-'))
  const context = await chromium.launchPersistentContext(profile, {
    executablePath: CHROMIUM,
    headless: true,
    args: [
      '--no-sandbox',
      '--disable-gpu',
      '--disable-quic',
      '--no-first-run',
      '--disable-background-networking',
      '--disable-component-update',
      '--disable-sync',
    ],
  })
  try {
    const page = await context.newPage()
    let lastMs = Date.now()
    const seen = () => (lastMs = Date.now())
    page.on('request', seen)
    page.on('requestfinished', seen)
    page.on('requestfailed', seen)
    page.on('console', (message) => {
      if (['error', 'warning'].includes(message.type())) console.error(message.text())
    })
    page.on('pageerror', (error) => console.error(error.message))
    const origin = `http://127.0.0.1:${site.address().port}/`
    await page.goto(origin)
    await page.evaluate(() => window.conformance.done)
    // What is left goes when the page is left.
    if (LEAVE) await page.goto('about:blank')
    const endMs = Date.now() + OPEN_MS
    while (Date.now() - lastMs < QUIET_MS && Date.now() < endMs)
      await new Promise((resolve) => setTimeout(resolve, 100))
  } finally {
    await context.close()
    site.close()
    rmSync(profile, { recursive: true, force: true })
  }
}
main().then(
  () => process.exit(0),
  (error) => {
    console.error(error)
    process.exit(1)
  },
)
