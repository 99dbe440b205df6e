/**
 * One run: a stack and two instances of every service, a steady load, the plan's disturbances, and at the end the
 * auditor. Whoever calls it says where its files go and what is shown.
 */
import { mkdir, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { freePort } from '../../deploy/local/src/freePort.ts'
import { startServices } from '../../deploy/local/src/launcher.ts'
import { startLocalStack } from '../../deploy/local/src/localStack.ts'
import { readSecret, secretFile, signingSecret } from '../../deploy/local/src/secretFiles.ts'
import { SERVICES } from '../../deploy/local/src/serviceProcess.ts'
import { createRandom } from '../demo/random.ts'
import { WebhookReceiver } from '../demo/webhookReceiver.ts'
import { auditRun, type Verdict } from './auditRules.ts'
import { makePlan } from './chaosPlan.ts'
import { Disturber, type DisturbanceCounts, type Done } from './disturber.ts'
import { Fleet } from './fleet.ts'
import { startKafkaDetour, type DetourFault } from './kafkaDetour.ts'
import { Ledger } from './ledger.ts'
import { LoadGenerator, type LoadCounts } from './loadGenerator.ts'
import { makeLoad } from './madeLoad.ts'
import { Observer, type Progress } from './observer.ts'

export interface ChaosOptions {
  seed: number
  durationS: number
  kills?: number
  stalls?: number
  /** Events a second. */
  rate: number
  /** State, logs and the ledger; emptied first. */
  folder: string
  say: (line: string) => void
  /** Everything that must be stopped, last first; for a caller that is interrupted. */
  stops: (() => Promise<void>)[]
}

export interface ChaosResult {
  seed: number
  durationS: number
  settledS: number
  load: LoadCounts & { events: number; people: number }
  disturbed: DisturbanceCounts
  outages: number
  faults: Record<DetourFault, number>
  done: Done[]
  verdict: Verdict
}

const DOCUMENTS = join(import.meta.dirname, 'workspace')
const RECEIPTS = 'chaos.receipts'
const INSTANCES = 2
/** Every so many webhooks the receiver is busy. */
const BUSY_EVERY = 200
/** Restarts, rebalances and take-overs all end well within this; longer means that something is stuck. */
const SETTLE_MS = 240_000
/** Nothing has moved for so long though everything is up: it never will. */
const STUCK_MS = 60_000
const POLL_MS = 1_000
/** So many answers in a row that are the same and complete. */
const SETTLED_ANSWERS = 3
const STATUS_MS = 15_000

export async function runChaos(options: ChaosOptions): Promise<ChaosResult> {
  const { seed, durationS, rate, folder, say, stops } = options
  const durationMs = durationS * 1000
  await rm(folder, { recursive: true, force: true })
  const detourPort = await freePort()
  const { KAFKA_BROKERS: _k, CLICKHOUSE_URL: _c, ...environment } = process.env
  const stack = await startLocalStack({
    dataDir: join(folder, 'stack'),
    fresh: true,
    log: say,
    detourPort,
    // Kafka and ClickHouse are restarted and killed: never those somebody else uses.
    environment,
  })
  stops.push(() => stack.stop())
  const detour = await startKafkaDetour({
    port: detourPort,
    target: stack.kafka.detour!,
    random: createRandom(seed + 1),
  })
  stops.push(() => detour.stop())
  const brokers = `127.0.0.1:${detourPort}`
  const receiver = await startReceiver(join(folder, 'services', 'secrets', 'documents'), stops)

  const serviceSettings = { KAFKA_BROKERS: brokers }
  const dirs = { dataDir: join(folder, 'services'), logsDir: join(folder, 'logs') }
  const installation = await startServices(stack, {
    ...dirs,
    services: SERVICES.flatMap((service) =>
      Array.from({ length: INSTANCES }, (_, n) => ({
        service,
        instance: `${service}-${n + 1}`,
        settings: serviceSettings,
      })),
    ),
    documents: DOCUMENTS,
    applyArgs: ['--wait', '--set', `RECEIVER_URL=${receiver.url}`],
    log: say,
  })
  const fleet = new Fleet({ ...dirs, settings: { ...installation.settings, ...serviceSettings }, say })
  for (const process of installation.services) fleet.adopt(process)
  stops.push(() => fleet.stop())

  const ledger = await Ledger.open(join(folder, 'ledger.jsonl'))
  const nowMs = Date.now()
  const load = makeLoad({ seed, durationMs, perSecond: rate, nowMs })
  const generator = new LoadGenerator(
    {
      collectors: () => fleet.of('collector').map((process) => `http://127.0.0.1:${process.ports().http}`),
      brokers,
      receiptTopic: RECEIPTS,
      writeKeys: installation.writeKeys,
    },
    ledger,
    createRandom(seed + 2),
  )
  stops.push(() => generator.stop())
  const disturber = new Disturber({ fleet, stack, detour, say })
  stops.push(async () => disturber.stop())

  say(`${load.length} events in ${durationS} s, seed ${seed} …`)
  const status = setInterval(() => {
    const { kills, stalls } = disturber.counts
    say(
      `        acknowledged ${ledger.answered()} of ${ledger.entries().size} sent · requests under way ` +
        `${generator.counts.underWay} · kills ${kills} · stalls ${stalls} · ${fleet.describe() || 'all up'}`,
    )
  }, STATUS_MS)
  try {
    const plan = makePlan({
      seed,
      durationMs,
      ...(options.kills === undefined ? {} : { kills: options.kills }),
      ...(options.stalls === undefined ? {} : { stalls: options.stalls }),
    })
    await Promise.all([generator.play(load), disturber.follow(plan)])
  } finally {
    clearInterval(status)
  }

  const observer = new Observer({
    settings: installation.settings,
    grpcToken: await readSecret(installation.secrets.grpcToken),
    sourceTopics: [RECEIPTS],
    profileStores: () => grpcAddresses(fleet, 'profile-store'),
    activations: () => grpcAddresses(fleet, 'activation'),
  })
  try {
    const settleStart = performance.now()
    say('the load is over; waiting until everything has arrived …')
    await settle(observer, fleet, say)
    const settledS = (performance.now() - settleStart) / 1000
    say(`auditing, ${settledS.toFixed(0)} s later …`)
    const observed = await observer.observe(receiver.server.received, receiver.server.forged)
    const ledgerProblem = await installation
      .tributary(['audit'])
      .then(() => undefined)
      .catch((error: unknown) => (error instanceof Error ? error.message : String(error)))
    await ledger.close()
    return {
      seed,
      durationS,
      settledS,
      load: {
        ...generator.counts,
        events: load.length,
        people: new Set(load.map(({ person }) => person)).size,
      },
      disturbed: disturber.counts,
      outages: disturber.outages(),
      faults: detour.faults,
      done: disturber.done.sort((a, b) => a.atS - b.atS),
      verdict: auditRun(ledger.entries(), {
        ...observed,
        ledgerProblem,
        unasked: fleet.unasked.map(({ instance, how }) => `${instance}: ${how}`),
      }),
    }
  } finally {
    await observer.close()
  }
}

async function startReceiver(
  secrets: string,
  stops: (() => Promise<void>)[],
): Promise<{ server: WebhookReceiver; url: string }> {
  await mkdir(secrets, { recursive: true, mode: 0o700 })
  const secret = await secretFile(join(secrets, 'receiver'), signingSecret)
  const server = new WebhookReceiver(await readSecret(secret), BUSY_EVERY)
  const url = await server.start()
  stops.push(() => server.stop())
  return { server, url }
}

async function grpcAddresses(fleet: Fleet, service: 'profile-store' | 'activation'): Promise<string[]> {
  return fleet
    .of(service)
    .filter((process) => process.running())
    .map((process) => `127.0.0.1:${process.ports().grpc}`)
}

/** Until nothing moves any more; when the time is up, the auditor says what is missing. */
export async function settle(
  observer: Observer,
  fleet: Pick<Fleet, 'allReady' | 'describe'>,
  say: (line: string) => void,
): Promise<void> {
  const deadline = performance.now() + SETTLE_MS
  let same = 0
  let before = ''
  let movedAt = performance.now()
  let shownAt = performance.now()
  while (same < SETTLED_ANSWERS) {
    const progress = await observer.progress().catch((error: unknown) => String(error))
    const text = JSON.stringify(progress)
    const good = typeof progress !== 'string' && isSettled(progress) && fleet.allReady()
    same = good && text === before ? same + 1 : 0
    if (text !== before) movedAt = performance.now()
    before = text
    const stuck = performance.now() - movedAt > STUCK_MS && fleet.allReady()
    if (stuck || performance.now() > deadline) {
      say(
        `not settled, and ${stuck ? 'nothing moves any more' : 'the time is up'}: ${text} ${fleet.describe()}`,
      )
      return
    }
    if (performance.now() - shownAt > STATUS_MS) {
      say(`        ${text}`)
      shownAt = performance.now()
    }
    await sleep(POLL_MS)
  }
}

function isSettled(now: Progress): boolean {
  return (
    now.notStored === 0 &&
    now.partitionsAnswered === now.partitions &&
    now.folded + now.skipped === now.eventsStored &&
    now.changes === now.changesStored &&
    now.deliveriesStored === now.deliveriesEnded &&
    now.deliveriesWaiting === 0 &&
    now.behind === 0
  )
}
