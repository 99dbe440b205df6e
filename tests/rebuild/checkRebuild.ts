/**
 * Everything that is derived is lost, and rebuilt from the event log while events go on arriving; then the state is
 * compared with that of an installation that had the same events and lost nothing. Operators said things about people in
 * the middle of it, values were blocked and opened, and rows of customers were deleted, which erases them.
 *
 * With `change`, the rules of identity are others in the new layout epoch, and so is the number of partitions: the
 * installation it is compared with had them from the start.
 */
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdir, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { allTopics, topicName } from '@tributary/contracts'
import { createAdmin, createKafka, createPlainProducer } from '@tributary/kafka'
import {
  type Installation,
  type LauncherOptions,
  type StackAddresses,
  startServices,
} from '../../deploy/local/src/launcher.ts'
import { runTributary } from '../../deploy/local/src/runTributary.ts'
import { readSecret } from '../../deploy/local/src/secretFiles.ts'
import { OfficeClient } from '../demo/officeClient.ts'
import { CUSTOMERS, DELETED, RETURNS, type TableRecord, changeOf, visitOf } from './customerRows.ts'
import { documentsOf } from './documents.ts'
import { madeEvents } from './madeEvents.ts'
import { type StateHash, stateHash } from './stateHash.ts'
import { submitFacts } from './submitFacts.ts'

export interface CheckRebuildOptions {
  readonly stack: Omit<StackAddresses, 'clickhouse'> & { readonly clickhouseUrl: string }
  readonly dataDir: string
  /** Of topics, groups and databases: two installations get names from it. */
  readonly name: string
  readonly seed: number
  readonly people: number
  readonly events: number
  /** Events copied per second at most, and sent per second meanwhile. */
  readonly rate: number
  readonly liveRate: number
  /** A first run of the command is killed after so long. */
  readonly killAfterMs?: number
  /** Rebuilt under other rules of identity and with another number of partitions. */
  readonly change?: boolean
  readonly say: (line: string) => void
}

export interface RebuildCheck {
  readonly kept: StateHash
  readonly rebuilt: StateHash
  readonly equal: boolean
  /** What `tributary rebuild` printed. */
  readonly output: string
  readonly seconds: number
  /** Slowest answer of the collector while the rebuild ran, and before, ms; the 99th of a hundred. */
  readonly latency: { readonly before: number; readonly during: number }
  /** The last line of the audit of the new epoch. */
  readonly ledger: string
}

const SERVICES = ['collector', 'identity-stitcher', 'profile-store'] as const
const BATCH = 20
/** A busy machine takes a minute for one audit. */
const SETTLE_MS = 300_000

export async function checkRebuild(options: CheckRebuildOptions): Promise<RebuildCheck> {
  const { seed, people, events, say, change = false } = options
  const all = madeEvents(seed, people, events)
  const before = all.slice(0, Math.floor((events * 2) / 3))
  const meanwhile = [
    ...all.slice(before.length),
    // Sent again over the switch: each counts once.
    ...before.slice(0, 40),
    ...CUSTOMERS.map((id) => visitOf(id, 9)),
  ]
  const changed = change ? { IDENTIFIER_PARTITIONS: '6' } : {}

  say('an installation that loses nothing …')
  const whole = await open(options, 'kept', changed, change)
  const workspaceKey = whole.secrets.workspaceKey
  let kept
  try {
    await sendBefore(whole, before)
    await comeBack(whole)
    await send(whole, meanwhile, 0)
    await settled(whole)
    kept = await stateHash(whole)
  } finally {
    await whole.stop()
  }

  say('one that loses all that is derived …')
  const settings = { WORKSPACE_KEY_FILE: workspaceKey }
  const first = await open(options, 'lost', settings)
  let answersBefore
  try {
    answersBefore = await sendBefore(first, before)
  } finally {
    await first.stop()
  }
  await loseDerived(first, join(options.dataDir, 'lost', 'state'))

  say('rebuilt in layout epoch 2, while events arrive …')
  const second = await open(options, 'lost', { ...settings, LAYOUT_EPOCH: '2', ...changed }, change)
  try {
    const startMs = performance.now()
    await comeBack(second)
    const live = send(second, meanwhile, options.liveRate)
    if (options.killAfterMs !== undefined) await killed(second, options)
    const rebuilt = await runTributary(['rebuild', '--rate', String(options.rate)], second.settings)
    const seconds = (performance.now() - startMs) / 1000
    if (rebuilt.code !== 0) throw new Error(`the rebuild ended with ${rebuilt.code}: ${rebuilt.stderr}`)
    const answers = await live
    const ledger = await settled(second)
    const state = await stateHash(second)
    return {
      kept,
      rebuilt: state,
      equal: state.hash === kept.hash,
      output: `${rebuilt.stderr}${rebuilt.stdout}`,
      seconds,
      latency: { before: percentile(answersBefore), during: percentile(answers) },
      ledger,
    }
  } finally {
    await second.stop()
  }
}

async function open(
  { stack, dataDir, name }: CheckRebuildOptions,
  which: string,
  settings: Record<string, string> = {},
  changed = false,
): Promise<Installation> {
  const prefix = `${name}-${which}`
  const documents = join(dataDir, which, 'documents')
  await mkdir(documents, { recursive: true })
  await writeFile(join(documents, 'workspace.yaml'), documentsOf(tableTopic(prefix), changed))
  const own: LauncherOptions = {
    dataDir: join(dataDir, which),
    settings: { TOPIC_PREFIX: prefix, GROUP_PREFIX: prefix, ...settings },
    services: SERVICES.map((service) => ({ service })),
    documents,
    applyArgs: ['--wait'],
  }
  const clickhouse = { url: stack.clickhouseUrl, database: prefix.replaceAll('-', '_') }
  return startServices({ kafka: stack.kafka, clickhouse }, own)
}

const tableTopic = (prefix: string): string => `${prefix}.customers`

/** Everything up to the loss, in this order: events and rows, what operators say, deletions. */
async function sendBefore(
  installation: Installation,
  events: readonly Record<string, unknown>[],
): Promise<number[]> {
  await write(
    installation,
    CUSTOMERS.flatMap((id, i) => changeOf('c', id, 100 + i)),
  )
  const answers = await send(installation, events, 0)
  await send(
    installation,
    CUSTOMERS.flatMap((id) => [visitOf(id, 1), visitOf(id, 2)]),
    0,
  )
  await settled(installation)
  await submitFacts(installation)
  // An old row and its deletion of one transaction have one time. Only of the customer who returns: the first time round
  // the identifiers of such a row stay together (decision 0038), and a rebuild forgets that.
  await write(
    installation,
    DELETED.flatMap((id, i) => [
      ...(id === RETURNS ? changeOf('c', id, 200 + i) : []),
      ...changeOf('d', id, 300 + i),
    ]),
  )
  await settled(installation)
  return answers
}

/** A customer who was erased is one again. */
function comeBack(installation: Installation): Promise<void> {
  return write(installation, changeOf('c', RETURNS, 400))
}

async function write({ settings }: Installation, records: readonly TableRecord[]): Promise<void> {
  const producer = await createPlainProducer(
    createKafka({ brokers: settings['KAFKA_BROKERS']!.split(','), clientId: 'rebuild-check' }),
  )
  const topic = tableTopic(settings['TOPIC_PREFIX']!)
  await producer.send(records.map(([key, value]) => ({ topic, partition: 0, key, value })))
  await producer.close()
}

/** How long each request took, ms. */
async function send(
  installation: Installation,
  events: readonly Record<string, unknown>[],
  perSecond: number,
): Promise<number[]> {
  const { collector } = installation.addresses()
  const writeKey =
    installation.writeKeys['web'] ?? (await readSecret(join(installation.secrets.documents, 'web-key')))
  const client = new OfficeClient(collector!.http, writeKey)
  const took: number[] = []
  for (let i = 0; i < events.length; i += BATCH) {
    const batch = events.slice(i, i + BATCH)
    const startMs = performance.now()
    // Without sentAt the times are taken as they are: the same in every run.
    const { status, accepted } = await client.post(JSON.stringify({ writeKey, batch }))
    took.push(performance.now() - startMs)
    if (status !== 200 || accepted !== batch.length)
      throw new Error(`the collector answered ${status}, ${accepted} accepted`)
    if (perSecond > 0) await sleep((batch.length * 1000) / perSecond)
  }
  return took
}

/** kill -9 of a run that copies slowly: what it has sent is found in the log by the next. */
async function killed({ settings }: Installation, { killAfterMs, say }: CheckRebuildOptions): Promise<void> {
  const args = ['--conditions=tributary-source', 'packages/cli/src/main.ts', 'rebuild', '--rate', '100']
  const child = spawn(process.execPath, args, {
    cwd: join(import.meta.dirname, '..', '..'),
    stdio: 'ignore',
    env: { ...process.env, NODE_OPTIONS: '', ...settings },
  })
  const ended = once(child, 'close')
  await sleep(killAfterMs)
  child.kill('SIGKILL')
  await ended
  say('the first run was killed')
}

function percentile(values: readonly number[]): number {
  const sorted = values.toSorted((a, b) => a - b)
  return sorted[Math.floor(sorted.length * 0.99)] ?? 0
}

/** Until the ledger balances; its line. Twice, since identity may still be on its way to the profiles. */
async function settled(installation: Installation): Promise<string> {
  const settings = {
    ...installation.settings,
    PROFILE_STORE_GRPC: installation.addresses().profileStore!.grpc,
  }
  const deadline = performance.now() + SETTLE_MS
  let last = ''
  for (let balanced = 0; balanced < 2;) {
    const { code, stdout } = await runTributary(['audit'], settings)
    const line = stdout.trim().split('\n').at(-1) ?? ''
    balanced = code === 0 && line === last ? balanced + 1 : 0
    last = line
    if (performance.now() > deadline) throw new Error(`the ledger does not settle:\n${stdout}`)
  }
  return last
}

async function loseDerived({ settings }: Installation, stateFolder: string): Promise<void> {
  const admin = await createAdmin(
    createKafka({ brokers: settings['KAFKA_BROKERS']!.split(','), clientId: 'rebuild-check' }),
  )
  const derived = allTopics
    .filter(({ perEpoch }) => perEpoch)
    .map((spec) => topicName(settings['TOPIC_PREFIX']!, spec))
  await admin.deleteTopics(derived)
  await admin.close()
  await rm(stateFolder, { recursive: true, force: true })
}
