/**
 * Ten destinations, seven of them webhooks with a fault each, receive the same changes from an activation process that is
 * killed again and again. Then the faults end, what was given up is sent again, and what arrived is compared with what was
 * published.
 *
 *      quiet ─▶ faults ─▶ quiet ─▶ faults … ─▶ faults and kills ─▶ faults end, dead letters are sent again ─▶ judged
 *
 * The first turns say what the faults of others do to a steady receiver; nothing is killed in them.
 */
import { mkdir } from 'node:fs/promises'
import { setTimeout as sleep } from 'node:timers/promises'
import { type AuditReport, audit } from '@tributary/clickhouse-log'
import { versionOf } from '@tributary/contracts'
import { profileChange } from '../../services/activation/src/testing/changes.ts'
import {
  type ActivationInstallation,
  type PublishedChange,
  openActivationInstallation,
} from '../integration/activation/activationInstallation.ts'
import { uniquePrefix } from '../support/uniquePrefix.ts'
import { waitUntil } from '../support/waitUntil.ts'
import { type FaultyReceiver, faultText, faults, startFaultyReceiver } from './faultyReceiver.ts'
import { type Arrival, type Judged, judgeArrivals, percentile } from './judgeArrivals.ts'
import { type Store, openTopic, startBucket, startTable } from './stores.ts'

export interface DeliveriesOptions {
  readonly brokers: string
  readonly clickhouseUrl: string
  readonly logsDir: string
  /** Changes over all ten destinations. */
  readonly changes: number
  /** Turns of quiet and of faults, each, and how long one is. */
  readonly turns: { readonly number: number; readonly seconds: number; readonly perSecond: number }
  /** Changes published a second while processes are killed. */
  readonly perSecond: number
  /** Longest time between two kills, s. */
  readonly killEverySeconds: number
  /** Longest wait for all to have arrived after the faults have ended, s. */
  readonly healSeconds: number
  readonly random: () => number
  readonly say: (line: string) => void
}

export interface DestinationResult extends Judged {
  readonly id: string
  readonly text: string
  /** Dead letters that were sent again. */
  readonly redriven: number
  /** Of these, not sent since something newer had been. */
  readonly superseded: number
  readonly p50Ms: number
  readonly p99Ms: number
}

export interface DeliveriesResult {
  readonly published: number
  readonly kills: number
  readonly seconds: number
  readonly forged: number
  readonly destinations: readonly DestinationResult[]
  /** p99 of the steady receiver in each turn, ms. */
  readonly quietMs: readonly number[]
  readonly faultsMs: readonly number[]
  /** Of the ledger in ClickHouse, by destination. */
  readonly ledger: AuditReport['figures']['deliveries']
  readonly problems: readonly string[]
}

const PEOPLE = 200
/** Changes of one send to Kafka. */
const TICK_MS = 50
const fields = { who: 'profileId', step: 'traits.step' }

const person = (n: number): string => `${String(n).padStart(32, '0')}-0`

export async function runDeliveries(options: DeliveriesOptions): Promise<DeliveriesResult> {
  const { logsDir, random, say } = options
  await mkdir(logsDir, { recursive: true })
  const closing: (() => Promise<unknown>)[] = []
  try {
    const installation = await openActivationInstallation(options)
    closing.push(() => installation.close())
    const receivers: FaultyReceiver[] = []
    for (const fault of faults) {
      // oxlint-disable-next-line no-await-in-loop -- a secret each
      const receiver = await startFaultyReceiver(fault, await installation.secret(fault), random)
      receivers.push(receiver)
      closing.push(() => receiver.stop())
    }
    const stores: Store[] = []
    for (const open of [
      () => startTable(logsDir),
      () => startBucket(logsDir),
      () => openTopic(options.brokers, `${uniquePrefix('deliveries')}.people`),
    ]) {
      // oxlint-disable-next-line no-await-in-loop -- two cores
      const store = await open()
      stores.push(store)
      closing.push(() => store.stop())
      // oxlint-disable-next-line no-await-in-loop -- a file after the other
      for (const [name, content] of Object.entries(store.secrets)) await installation.mount(name, content)
    }
    return await play(options, installation, receivers, stores)
  } finally {
    // oxlint-disable-next-line no-await-in-loop -- what was opened last first
    for (const close of closing.toReversed()) await close().catch((error: unknown) => say(String(error)))
  }
}

function documentsOf(receivers: readonly FaultyReceiver[], stores: readonly Store[]) {
  const limits = { maxPerSecond: 2_000, maxConcurrent: 64 }
  const destinations = [
    ...receivers.map(({ fault, url }) => ({
      id: fault,
      ...limits,
      webhook: { url, signingSecret: { file: fault }, timeoutMs: 1_000, allowPrivateAddresses: true },
    })),
    ...stores.map(({ id, document }) => ({ id, ...document })),
  ]
  return destinations.flatMap((each) => [
    { kind: 'Destination', ...each },
    { kind: 'Sync', id: `to-${each.id}`, from: { profile: {} }, to: each.id, fields },
  ])
}

async function play(
  options: DeliveriesOptions,
  installation: ActivationInstallation,
  receivers: readonly FaultyReceiver[],
  stores: readonly Store[],
): Promise<DeliveriesResult> {
  const { changes, turns, say, random } = options
  const steady = receivers.find(({ fault }) => fault === 'steady')!
  const ids = [...receivers.map(({ fault }) => fault), ...stores.map(({ id }) => id)]
  const wanted = Math.ceil(changes / ids.length)
  const activation = await installation.start()
  await installation.apply(documentsOf(receivers, stores))
  await waitUntil('the revision to be adopted', async () =>
    (await installation.log(activation)).includes('adopted a revision'),
  )
  say(`activation sends to ${ids.length} destinations`)
  const startedMs = performance.now()
  const steps = new Map<string, number>()
  const sentAt = new Map<string, number>()
  let published = 0

  function next(): PublishedChange {
    const profileId = person(published % PEOPLE)
    const step = (steps.get(profileId) ?? 0) + 1
    steps.set(profileId, step)
    published++
    sentAt.set(`${profileId} ${step}`, Date.now())
    const profile = profileChange(step, { profileId, after: { 'traits.step': step } })
    return { profileId, version: versionOf(1, step), profile }
  }
  async function publish(count: number, perSecond: number): Promise<void> {
    const beganMs = performance.now()
    let done = 0
    while (done < count) {
      const due = Math.min(count, Math.ceil(((performance.now() - beganMs + TICK_MS) * perSecond) / 1_000))
      // oxlint-disable-next-line no-await-in-loop -- at its pace
      if (due > done) await installation.publish(...Array.from({ length: due - done }, next))
      done = due
      // oxlint-disable-next-line no-await-in-loop -- at its pace
      await sleep(TICK_MS)
    }
  }
  const latencies = (arrivals: readonly Arrival[]): number[] => {
    const seen = new Set<string>()
    return arrivals.flatMap(({ person: who, step, atMs }) => {
      const change = `${who} ${step}`
      if (seen.has(change) || atMs === 0) return []
      seen.add(change)
      return [atMs - (sentAt.get(change) ?? atMs)]
    })
  }
  function fail(isFailing: boolean): void {
    for (const receiver of receivers) receiver.failing = isFailing
  }

  async function turn(isFailing: boolean): Promise<number> {
    fail(isFailing)
    const before = steady.arrivals.length
    const count = turns.seconds * turns.perSecond
    await publish(count, turns.perSecond)
    await waitUntil('the steady receiver', () => steady.arrivals.length >= before + count)
    return percentile(latencies(steady.arrivals.slice(before)), 99)
  }
  const quietMs: number[] = []
  const faultsMs: number[] = []
  await turn(false) // Warm.
  for (let n = 0; n < turns.number; n++) {
    // oxlint-disable no-await-in-loop -- one turn after the other is what is compared
    quietMs.push(await turn(false))
    faultsMs.push(await turn(true))
    // oxlint-enable no-await-in-loop
    say(`turn ${n + 1}: p99 ${quietMs.at(-1)} ms in quiet, ${faultsMs.at(-1)} ms beside faults`)
  }

  fail(true)
  let kills = 0
  const progress = { isPublished: false }
  const killing = (async () => {
    while (!progress.isPublished) {
      // oxlint-disable no-await-in-loop -- again and again
      await sleep((0.3 + 0.7 * random()) * options.killEverySeconds * 1_000)
      await activation.kill()
      kills++
      await activation.start()
      // oxlint-enable no-await-in-loop
    }
  })()
  // At least one kill while changes are published.
  try {
    await publish(Math.max(0, wanted - published), options.perSecond)
  } finally {
    progress.isPublished = true
    await killing
  }
  say(`${published} changes published, ${kills} kills; the faults end`)

  fail(false)
  const tributary = async (...args: string[]): Promise<string> =>
    (await installation.tributary(activation, ...args)).out
  const destinations = async () =>
    JSON.parse(await tributary('destination', 'list', '--json')) as {
      readonly id: string
      readonly pending: number
      readonly dead: number
      readonly mode: string
    }[]
  const redriven = new Map<string, number>()
  let told = ''
  await waitUntil(
    'all to be delivered, and no dead letter left',
    async () => {
      const all = await destinations()
      for (const { id, dead, mode } of all) {
        // oxlint-disable no-await-in-loop -- one decision after the other
        if (mode !== 'open') await tributary('destination', 'resume', id)
        if (dead === 0) continue
        redriven.set(id, (redriven.get(id) ?? 0) + dead)
        await tributary('delivery', 'redrive', '--destination', id, '--reason', 'the faults have ended')
        // oxlint-enable no-await-in-loop
      }
      const waiting = all.filter(({ pending, dead }) => pending + dead > 0)
      const text = waiting
        .map(({ id, pending, dead }) => `${id} ${pending} pending, ${dead} dead`)
        .join(' · ')
      if (text !== told) say(text)
      told = text
      return waiting.length === 0
    },
    { timeoutMs: options.healSeconds * 1_000, pollMs: 500 },
  )
  const report = await waitUntil(
    'the ledger',
    async () => {
      const found = await audit({ clickhouse: installation.clickhouse, prefix: 'none' })
      const { deliveries } = found.figures
      const isWhole = ids.every((id) =>
        deliveries.some((each) => each.destination === id && each.created >= published),
      )
      return isWhole && deliveries.every(({ pending, dead }) => pending + dead === 0) && found
    },
    { timeoutMs: 60_000, pollMs: 500 },
  )
  const ledger = report.figures.deliveries
  const results: DestinationResult[] = []
  for (const id of ids) {
    const receiver = receivers.find(({ fault }) => fault === id)
    const store = stores.find((each) => each.id === id)
    // oxlint-disable-next-line no-await-in-loop -- one after the other
    const arrivals = receiver?.arrivals ?? (await store!.arrivals())
    const superseded = ledger.find((each) => each.destination === id)?.filtered ?? 0
    const found = latencies(arrivals)
    results.push({
      id,
      text: receiver ? faultText[receiver.fault] : store!.text,
      ...judgeArrivals(arrivals, steps, superseded),
      redriven: redriven.get(id) ?? 0,
      superseded,
      p50Ms: percentile(found, 50),
      p99Ms: percentile(found, 99),
    })
  }
  return {
    published,
    kills,
    seconds: (performance.now() - startedMs) / 1_000,
    forged: receivers.reduce((sum, { forged }) => sum + forged, 0),
    destinations: results,
    quietMs,
    faultsMs,
    ledger,
    problems: problemsOf(results, ledger, published),
  }
}

function problemsOf(
  results: readonly DestinationResult[],
  ledger: DeliveriesResult['ledger'],
  published: number,
): string[] {
  return [
    ...results.flatMap(({ id, lost, outOfOrder, wrongKeys }) => [
      ...(lost === 0 ? [] : [`${id}: ${lost} lost`]),
      ...(outOfOrder === 0 ? [] : [`${id}: ${outOfOrder} out of order`]),
      ...(wrongKeys === 0 ? [] : [`${id}: ${wrongKeys} under a wrong key`]),
    ]),
    ...ledger.flatMap(({ destination, created, createdTwice, delivered, filtered, deliveredTwice }) =>
      created === published && createdTwice + deliveredTwice === 0 && delivered + filtered === created
        ? []
        : [
            `the ledger of ${destination}: ${created} of ${published} made, ${delivered} delivered, ${filtered} filtered`,
          ],
    ),
  ]
}
