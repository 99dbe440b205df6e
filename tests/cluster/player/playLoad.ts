/** A steady load through the Service until it is told to finish, then everything is compared with its own books. */
import { lookup } from 'node:dns/promises'
import { tributary } from '../../../deploy/local/src/runTributary.ts'
import { readSecret } from '../../../deploy/local/src/secretFiles.ts'
import { auditRun, type Verdict } from '../../chaos/auditRules.ts'
import { Ledger } from '../../chaos/ledger.ts'
import { LoadGenerator, type LoadCounts } from '../../chaos/loadGenerator.ts'
import { makeLoad } from '../../chaos/madeLoad.ts'
import { Observer } from '../../chaos/observer.ts'
import { settle } from '../../chaos/runChaos.ts'
import { createRandom } from '../../demo/random.ts'
import type { PlayerWorld } from './playerWorld.ts'

export interface LoadPlayed {
  seconds: number
  load: LoadCounts & { events: number; people: number }
  settledS: number
  verdict: Verdict
}

/** Loads follow each other, each with people of its own, so that the end can come at any time. */
const PART_S = 30
/** More than the collector waits for Kafka (PRODUCE_TIMEOUT_MS, 10 s): its answer is waited for, not cut off. */
const ANSWER_TIMEOUT_MS = 30_000
/** Findings in the result: ids of one kind. */
const MAX_IDS = 10

export async function playLoad(
  world: PlayerWorld,
  { seed, rate, finished }: { seed: number; rate: number; finished: () => boolean },
): Promise<LoadPlayed> {
  const { settings, receiver, say } = world
  const ledger = await Ledger.open('/tmp/ledger.jsonl')
  const generator = new LoadGenerator(
    {
      collectors: () => [settings['COLLECTOR_HTTP']!],
      brokers: settings['KAFKA_BROKERS']!,
      receiptTopic: world.receiptTopic,
      writeKeys: world.writeKeys,
      answerTimeoutMs: ANSWER_TIMEOUT_MS,
    },
    ledger,
    createRandom(seed + 1),
  )
  const people = new Set<number>()
  let events = 0
  const started = performance.now()
  for (let part = 0; !finished(); part++) {
    const load = makeLoad({
      seed: seed + 100 + part,
      durationMs: PART_S * 1000,
      perSecond: rate,
      nowMs: Date.now(),
      firstPerson: people.size,
    })
    for (const { person } of load) people.add(person)
    events += load.length
    await generator.play(load)
    say(`sent ${events} events, answers ${JSON.stringify(generator.counts.answers)}`)
  }
  const seconds = (performance.now() - started) / 1000

  const observer = new Observer({
    settings,
    grpcToken: await readSecret(world.grpcTokenFile),
    sourceTopics: [world.receiptTopic],
    profileStores: () => podsOf(settings['PROFILE_STORE_GRPC']!),
    activations: () => podsOf(settings['ACTIVATION_GRPC']!),
  })
  const settling = performance.now()
  await settle(observer, { allReady: () => true, describe: () => '' }, say)
  const settledS = (performance.now() - settling) / 1000
  const observed = await observer.observe(receiver.received, receiver.forged)
  const ledgerProblem = await tributary(['audit'], settings)
    .then(() => undefined)
    .catch((error: unknown) => (error instanceof Error ? error.message : String(error)))
  await ledger.close()
  // Restarts are asked for here: whoever disturbs counts those that nobody asked for.
  const verdict = auditRun(ledger.entries(), { ...observed, ledgerProblem, unasked: [] })
  return {
    seconds,
    load: { ...generator.counts, events, people: people.size },
    settledS,
    verdict: {
      ...verdict,
      findings: verdict.findings.map((one) => ({ ...one, ids: one.ids.slice(0, MAX_IDS) })),
    },
  }
}

/** Every pod behind a headless name. */
async function podsOf(target: string): Promise<string[]> {
  const [name, port] = target.split(':') as [string, string]
  const found = await lookup(name, { all: true }).catch(() => [])
  return found.map(({ address }) => `${address}:${port}`)
}
