/**
 * `make conformance [ONLY=name]`: real SDKs, unmodified, against a collector over HTTP. Each sends one event of every kind it
 * knows, while the first produce request fails: what its own retries and flush deliver must be every event, once.
 *
 * Exit code 0 when every client that could run conforms; a toolchain that is missing is named, and its clients count as not
 * run (with ALL=1 that is an error too).
 */
import { spawn } from 'node:child_process'
import { EventRecord } from '@tributary/contracts/generated/tributary/event/v1/event'
import { createMemoryLog } from '../../services/collector/src/testing/memoryLog.ts'
import { startTestCollector } from '../../services/collector/src/testing/testCollector.ts'
import { exampleSources, workspaceOf } from '../../services/collector/src/testing/workspace.ts'
import { type Toolchain, type ToolchainName, toolchain } from './toolchains.ts'

interface Client {
  readonly name: string
  readonly toolchain: ToolchainName
  /** File of clients/, without its ending. */
  readonly file: string
  /** Kinds of events it has, as numbers of EventType. */
  readonly types: readonly number[]
  /** Sends again what was answered 503. */
  readonly retries: boolean
  readonly environment?: Record<string, string>
}

const TYPE_NAMES = ['', 'track', 'identify', 'page', 'screen', 'group', 'alias']
const ALL = [1, 2, 3, 5, 6]

const clients: readonly Client[] = [
  { name: '@segment/analytics-node', toolchain: 'npm', file: 'analyticsNode', types: ALL, retries: true },
  { name: '@rudderstack/rudder-sdk-node', toolchain: 'npm', file: 'rudderNode', types: ALL, retries: true },
  // It has no alias and sends nothing twice.
  {
    name: '@jitsu/js',
    toolchain: 'npm',
    file: 'jitsu',
    types: [1, 2, 3, 5],
    retries: false,
    // It refuses to start with a key of another form.
    environment: { WRITE_KEY: 'wk_crm_1:any' },
  },
  {
    name: 'segment-analytics-python',
    toolchain: 'python',
    file: 'analyticsPython',
    types: ALL,
    retries: true,
  },
  {
    name: 'segment-analytics-python, gzip',
    toolchain: 'python',
    file: 'analyticsPython',
    types: ALL,
    retries: true,
    environment: { GZIP: '1' },
  },
  { name: 'rudder-sdk-python', toolchain: 'python', file: 'rudderPython', types: ALL, retries: true },
  { name: 'analytics-go', toolchain: 'go', file: 'analyticsGo', types: ALL, retries: true },
  { name: 'analytics-java', toolchain: 'java', file: 'AnalyticsJava', types: ALL, retries: true },
  { name: '@segment/analytics-next', toolchain: 'chromium', file: '', types: ALL, retries: true },
  { name: '@rudderstack/analytics-js', toolchain: 'chromium', file: '', types: ALL, retries: true },
]

/** Some wait for their flush interval and for Retry-After, one after the other. */
const CLIENT_MS = 60_000
const KEY = 'wk_crm_1'

const { ONLY: only = '' } = process.env
const wanted = clients.filter(({ name }) => name.includes(only))
const toolchains = new Map<ToolchainName, Promise<Toolchain>>()
let failed = 0
let notRun = 0
for (const client of wanted) {
  const known = toolchains.get(client.toolchain) ?? toolchain(client.toolchain)
  toolchains.set(client.toolchain, known)
  // oxlint-disable-next-line no-await-in-loop -- one after the other, so that the lines come in order
  const tools = await known
  if ('missing' in tools) {
    notRun++
    say(client, `not run: ${tools.missing}`)
    continue
  }
  // oxlint-disable-next-line no-await-in-loop -- likewise
  const problems = await examine(client, tools)
  if (problems.length > 0) failed++
  say(client, problems.length === 0 ? 'conforms' : problems.join('; '))
}
process.stdout.write(`${wanted.length - failed - notRun} conform, ${failed} do not, ${notRun} not run\n`)
process.exit(failed > 0 || (notRun > 0 && process.env['ALL'] === '1') ? 1 : 0)

function say({ name }: Client, what: string): void {
  process.stdout.write(`${name.padEnd(34)} ${what}\n`)
}

/** What is wrong with what it delivered; nothing when it conforms. */
async function examine(client: Client, tools: Extract<Toolchain, { start: unknown }>): Promise<string[]> {
  const log = createMemoryLog()
  const collector = await startTestCollector(log)
  collector.adopt(workspaceOf(exampleSources))
  if (client.retries) collector.refuse(1)
  try {
    const output = await runClient(client, tools, collector.url)
    const events = log.records('events').flatMap((record) => {
      const decoded = EventRecord.decode(record.value).record
      return decoded?.$case === 'event' ? [decoded.value] : []
    })
    const problems: string[] = []
    for (const type of client.types) {
      const count = events.filter((event) => event.type === type).length
      if (count !== 1) problems.push(`${TYPE_NAMES[type]} was delivered ${count} times`)
    }
    if (events.length > client.types.length) problems.push(`${events.length} events were delivered`)
    const ids = new Set(events.map((event) => event.messageId))
    if (ids.size !== events.length) problems.push('two events have the same message id')
    const track = events.find((event) => event.type === 1)
    if (track && track.identifiers[0]?.value !== 'u1') problems.push('the track event has lost its user')
    if (track && track.name !== 'Order Completed') problems.push('the track event has lost its name')
    const identify = events.find((event) => event.type === 2)
    if (identify && !identify.identifiers.some((each) => each.value === 'ada@shop.example'))
      problems.push('the identify event has lost its email')
    const alias = events.find((event) => event.type === 6)
    if (alias && alias.previous?.value !== 'u1') problems.push('the alias has lost its previous id')
    if (log.records('rejected').length > 0) problems.push('events were rejected')
    if (client.retries && collector.refused() === 0)
      problems.push('nothing was refused, so nothing was retried')
    if (collector.faults.length > 0) problems.push(`the collector failed: ${String(collector.faults[0])}`)
    if (problems.length > 0 && output !== '') problems.push(`it said: ${output.slice(0, 300)}`)
    return problems
  } finally {
    await collector.stop()
  }
}

/** What it said, once it has ended. */
function runClient(
  client: Client,
  tools: Extract<Toolchain, { start: unknown }>,
  endpoint: string,
): Promise<string> {
  const { command, args, cwd } = tools.start(client.file)
  return new Promise((resolve, reject) => {
    const child = spawn(command, args, {
      cwd,
      env: { ...process.env, ENDPOINT: endpoint, WRITE_KEY: KEY, NODE_OPTIONS: '', ...client.environment },
      stdio: ['ignore', 'pipe', 'pipe'],
      timeout: CLIENT_MS,
    })
    let output = ''
    child.stdout.on('data', (chunk: Buffer) => (output += chunk.toString()))
    child.stderr.on('data', (chunk: Buffer) => (output += chunk.toString()))
    child.on('error', reject)
    child.on('close', () => resolve(output.trim()))
  })
}
