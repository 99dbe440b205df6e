/**
 * `make conformance [ONLY=name]`: real SDKs, unmodified, against a collector process on a real Kafka. Each sends one event
 * of every kind it has, once per status that it may be answered with; what stands in the log afterwards must be every event
 * once, or nothing where the SDK is documented to give up.
 *
 * Exit code 0 when every client that could run conforms. A toolchain that is missing is named, and its clients count as not
 * run; with CI=true or ALL=1 as failed. RECORD=1 writes what was sent into fixtures/.
 */
import { spawn } from 'node:child_process'
import { mkdir, writeFile } from 'node:fs/promises'
import { fileURLToPath } from 'node:url'
import { type Client, STATUSES, type Status, clients } from './clients.ts'
import { fixtureName } from './fixtureName.ts'
import { type Judgement, judge } from './judge.ts'
import { type RealCollector, startRealCollector } from './realCollector.ts'
import { type Attempt, type RecordedRequest, startFront } from './scriptedFront.ts'
import { CHROMIUM, type Toolchain, type ToolchainName, toolchain } from './toolchains.ts'

type Tools = Extract<Toolchain, { start: unknown }>

interface Sent {
  readonly client: Client
  readonly status: Status
  readonly attempts: readonly Attempt[]
  readonly said: string
  readonly preflights: number
}

/** The longest documented backoff of a first retry is ten seconds; some flush before and after it. */
const CLIENT_MS = 60_000
/** Clients wait most of their time; more at once than this only slows a small machine's JVMs and browsers. */
const AT_ONCE = 3
const FIXTURES = fileURLToPath(new URL('fixtures/', import.meta.url))

const {
  ONLY: only = '',
  STATUS: oneStatus = '',
  RECORD: record = '',
  ALL: all = '',
  CI: ci = '',
} = process.env
const wanted = clients.filter(({ name }) => name.includes(only))
const sourceId = (client: Client, status: Status): string => `c${clients.indexOf(client)}-${status}`
const keyOf = (client: Client, status: Status): string => `wk_c${clients.indexOf(client)}_${status}`

const runs = wanted.flatMap((client) =>
  STATUSES.filter((status) => client.expected[status] && status.includes(oneStatus)).map((status) => ({
    client,
    status,
  })),
)
const stopped = new AbortController()
process.once('SIGINT', () => stopped.abort())
process.once('SIGTERM', () => stopped.abort())

const tools = new Map<ToolchainName, Toolchain>()
// oxlint-disable-next-line no-await-in-loop -- installers lock their caches
for (const { toolchain: name } of wanted) if (!tools.has(name)) tools.set(name, await toolchain(name))
const started = performance.now()
const collector = await startRealCollector('conformance', sources())
let exitCode = 1
try {
  const sent = await sendAll(collector)
  exitCode = report(await judgeAll(collector, sent), sent)
} finally {
  await collector.stop()
}
process.exit(exitCode)

function sources(): object[] {
  const source = (id: string, value: string, limits?: object): object => ({
    kind: 'Source',
    id,
    http: { keys: [{ kind: 'client', value }], ...(limits && { limits }) },
  })
  return runs.flatMap(({ client, status }) => [
    source(sourceId(client, status), keyOf(client, status)),
    ...(status === '429'
      ? [source(`${sourceId(client, status)}-slow`, `${keyOf(client, status)}_slow`, { eventsPerSecond: 1 })]
      : []),
  ])
}

/** A few at a time, in the order of the table. */
async function sendAll(real: RealCollector): Promise<Sent[]> {
  const sent: Sent[] = []
  const waiting = runs.filter(({ client }) => 'start' in tools.get(client.toolchain)!)
  const work = async (): Promise<void> => {
    for (let next = waiting.shift(); next && !stopped.signal.aborted; next = waiting.shift()) {
      // oxlint-disable-next-line no-await-in-loop -- one worker of a few
      sent.push(await send(real, next.client, next.status))
    }
  }
  await Promise.all(Array.from({ length: AT_ONCE }, work))
  return sent
}

async function send(real: RealCollector, client: Client, status: Status): Promise<Sent> {
  const key = keyOf(client, status)
  const front = await startFront({
    status,
    collector: real.url,
    starting: real.starting,
    key,
    slowKey: `${key}_slow`,
  })
  try {
    const said = await runClient(client, tools.get(client.toolchain) as Tools, front.url, key)
    if (record && status === '200' && client.file !== 'recorded')
      await writeFixture(client, front.requests, key)
    return { client, status, attempts: [...front.attempts], said, preflights: front.preflights() }
  } finally {
    await front.stop()
  }
}

async function judgeAll(real: RealCollector, sent: readonly Sent[]): Promise<Map<Sent, Judgement>> {
  const events = await real.events()
  const rejected = await real.rejected()
  return new Map(
    sent.map((each) => {
      const id = sourceId(each.client, each.status)
      const judgement = judge(each.client, each.status, {
        attempts: each.attempts,
        events: events.filter((event) => event.sourceId === id),
        rejected: rejected.filter((reject) => reject.source === id).length,
      })
      const problems = [...judgement.problems]
      if (
        each.client.toolchain === 'chromium' &&
        !each.client.environment?.['LEAVE'] &&
        each.preflights === 0
      )
        problems.push('no preflight was sent')
      if (problems.length > 0 && each.said !== '') problems.push(`it said: ${each.said.slice(0, 300)}`)
      return [each, { ...judgement, problems }]
    }),
  )
}

function report(judged: ReadonlyMap<Sent, Judgement>, sent: readonly Sent[]): number {
  const statuses = STATUSES.filter((status) => status.includes(oneStatus))
  const rows = [['client', ...statuses]]
  const problems: string[] = []
  const missing = new Set<string>()
  let failed = 0
  let notRun = 0
  for (const client of wanted) {
    const used = tools.get(client.toolchain)!
    if ('missing' in used) {
      notRun++
      missing.add(`${client.toolchain}: ${used.missing}`)
      rows.push([client.name, 'not run'])
      continue
    }
    const mine = sent.filter((each) => each.client === client)
    const wrong = mine.filter((each) => judged.get(each)!.problems.length > 0)
    const incomplete = mine.length < runs.filter((run) => run.client === client).length
    if (wrong.length > 0 || incomplete) failed++
    if (incomplete) problems.push(`${client.name}: stopped before it had sent everything`)
    for (const each of wrong)
      problems.push(`${client.name}, ${each.status}: ${judged.get(each)!.problems.join('; ')}`)
    rows.push([
      client.name,
      ...statuses.map((status) => {
        const found = mine.find((each) => each.status === status)
        if (!found) return '-'
        const { cell, problems: found_ } = judged.get(found)!
        return found_.length > 0 ? `WRONG ${cell}` : cell
      }),
    ])
  }
  const widths = rows[0]!.map((_, column) => Math.max(...rows.map((row) => row[column]?.length ?? 0)))
  for (const row of rows)
    process.stdout.write(
      `${row
        .map((cell, column) => cell.padEnd(widths[column]!))
        .join('  ')
        .trimEnd()}\n`,
    )
  for (const line of [...missing].map((each) => `not run: ${each}`)) process.stdout.write(`${line}\n`)
  for (const line of problems) process.stdout.write(`${line}\n`)
  const seconds = ((performance.now() - started) / 1000).toFixed(0)
  process.stdout.write(
    `${wanted.length - failed - notRun} conform, ${failed} do not, ${notRun} not run; ${sent.length} runs in ${seconds} s\n`,
  )
  const mustRun = all === '1' || ci === 'true'
  return failed > 0 || (notRun > 0 && mustRun) ? 1 : 0
}

/** What it said, once it has ended. */
function runClient(client: Client, { start }: Tools, endpoint: string, key: string): Promise<string> {
  const { command, args, cwd } = start(client.file)
  return new Promise((resolve, reject) => {
    const child = spawn(command, args, {
      cwd,
      env: {
        ...process.env,
        CHROMIUM,
        FIXTURE: `${FIXTURES}${fixtureName(client.name)}.json`,
        ENDPOINT: endpoint,
        WRITE_KEY: key,
        NODE_OPTIONS: '',
        ...client.environment,
        // @jitsu/js refuses to start with a key of another form.
        ...(client.file === 'jitsu' && { WRITE_KEY: `${key}:any` }),
      },
      stdio: ['ignore', 'pipe', 'pipe'],
      timeout: CLIENT_MS,
      signal: stopped.signal,
    })
    let output = ''
    child.stdout.on('data', (chunk: Buffer) => (output += chunk.toString()))
    child.stderr.on('data', (chunk: Buffer) => (output += chunk.toString()))
    child.on('error', (error) => (stopped.signal.aborted ? resolve('stopped') : reject(error)))
    child.on('close', (_code, signal) =>
      resolve(`${output.trim()}${signal ? `; it did not end within ${CLIENT_MS / 1000} s` : ''}`),
    )
  })
}

/** The key becomes one of the example sources', wherever it stands. */
async function writeFixture(
  { name }: Client,
  requests: readonly RecordedRequest[],
  key: string,
): Promise<void> {
  await mkdir(FIXTURES, { recursive: true })
  const known = 'wk_crm_1'
  const basic = (user: string): string => Buffer.from(`${user}:`).toString('base64')
  const text = JSON.stringify(requests, undefined, 2)
    .replaceAll(key, known)
    .replaceAll(basic(key), basic(known))
    .replaceAll(/127\.0\.0\.1:\d+/g, '127.0.0.1:8080')
  const file = fixtureName(name)
  await writeFile(`${FIXTURES}${file}.json`, `${text}\n`)
}
