/**
 * One check: build, load, apply; a shop's week while everything rolls once; then a load while an operator's day goes
 * by. What was measured is the result; the report and the verdict are made from it.
 */
import { setTimeout as sleep } from 'node:timers/promises'
import { join } from 'node:path'
import { createRandom } from '../demo/random.ts'
import { buildCheckImages, type CheckImages } from './checkImages.ts'
import type { Cluster } from './cluster.ts'
import { FINISH, GO, NAMESPACE, writeOverlay, type CheckOverlay } from './overlay.ts'
import type { LoadPlayed } from './player/playLoad.ts'
import type { WeekPlayed } from './player/playWeekHere.ts'
import { measurePods, restricted, restarts, type PodMeasure } from './podFacts.ts'
import { Operator, roll, stepsUnderLoad, WORKLOADS, type Step } from './steps.ts'

export interface StepDone {
  name: string
  tookS: number
  seen: string
  problem?: string
}

export interface CheckResult {
  cluster: string
  kubernetes: string
  seed: number
  rate: number
  standIns: string[]
  installedS: number
  pods: PodMeasure[]
  week: WeekPlayed
  weekSteps: StepDone[]
  load: LoadPlayed
  loadSteps: StepDone[]
  /** Containers that ended without being asked to: pod, reason, times. */
  restarts: string[]
  notRestricted: string[]
}

export interface CheckOptions {
  cluster: Cluster
  seed: number
  rate: number
  folder: string
  say: (line: string) => void
  /** Images as an earlier run has built and loaded them. */
  keepImages: boolean
}

const root = join(import.meta.dirname, '..', '..')
/** Everything that is installed starts within this, and the topics' Job is done. */
const PLAYER_WAIT_MS = 300_000
const PLAYER_END_MS = 900_000
const LOOK_MS = 2_000

export async function runCheck(options: CheckOptions): Promise<CheckResult> {
  const { cluster, seed, rate, folder, say } = options
  const images = await provideImages(options)
  const operator = new Operator(cluster)
  const ended = new Set<string>()
  const look = async (): Promise<void> => {
    for (const one of await restarts(operator)) ended.add(one)
  }
  await cluster.kubectl(['delete', 'namespace', NAMESPACE, '--ignore-not-found', '--timeout=180s'])
  const version = JSON.parse(await cluster.kubectl(['version', '--output=json'])) as {
    serverVersion?: { gitVersion: string }
  }

  say('installing, with the documents of examples/shop …')
  const started = performance.now()
  const weekOverlay = await writeOverlay({
    folder: join(folder, 'week'),
    documents: join(root, 'examples', 'shop'),
    receiverVariable: 'CRM_WEBHOOK_URL',
    prefix: 'week',
    player: images.player,
    mode: 'week',
    args: [String(seed)],
    image: images.tributary,
  })
  await install(operator, weekOverlay)
  const installedS = (performance.now() - started) / 1000
  const idle = await measurePods(operator)
  const [week, weekSteps] = await play<WeekPlayed>(
    operator,
    { say, look },
    WORKLOADS.map((workload) => ({ name: `roll ${workload.name}`, run: () => roll(operator, workload) })),
  )

  // Replaced where everything is there: what is measured is the service, not the wait for Kafka and its topics.
  const replaced = await measurePods(operator)
  const pods = idle.map((one, i) => ({ ...one, readyMs: replaced[i]!.readyMs }))
  say('a second installation on the same Kafka and ClickHouse, for the load …')
  await operator.kubectl('delete', 'pod', 'player', '--ignore-not-found')
  const overlay = await writeOverlay({
    folder: join(folder, 'load'),
    documents: join(root, 'tests', 'chaos', 'workspace'),
    receiverVariable: 'RECEIVER_URL',
    prefix: 'load',
    player: images.player,
    mode: 'load',
    args: [String(seed), String(rate)],
    image: images.tributary,
  })
  await install(operator, overlay)
  const random = createRandom(seed)
  const [load, loadSteps] = await play<LoadPlayed>(
    operator,
    { say, look },
    stepsUnderLoad(operator, { random, overlay, upgraded: images.upgraded }),
  )
  return {
    cluster: cluster.name,
    kubernetes: version.serverVersion?.gitVersion ?? 'unknown',
    seed,
    rate,
    standIns: images.standIns,
    installedS,
    pods,
    week,
    weekSteps,
    load,
    loadSteps,
    restarts: [...ended],
    notRestricted: await restricted(cluster),
  }
}

async function provideImages({ cluster, say, keepImages }: CheckOptions): Promise<CheckImages> {
  const images = await buildCheckImages(say, keepImages)
  await cluster.up()
  for (const image of keepImages ? [] : images.all) {
    say(`loading ${image} …`)
    await cluster.load(image)
  }
  return images
}

async function install(operator: Operator, overlay: CheckOverlay): Promise<void> {
  await operator.apply(overlay)
  await operator.rolledOut({ kind: 'statefulset', name: 'kafka' })
  await operator.rolledOut({ kind: 'statefulset', name: 'clickhouse' })
  await operator.allReady()
  await operator.jobsDone()
  await said(operator, (lines) => lines.includes('prepared'), PLAYER_WAIT_MS)
}

/** Lets the player play while the steps are done one after the other; a step that fails is noted, the others follow. */
async function play<R>(
  operator: Operator,
  { say, look }: { say: (line: string) => void; look: () => Promise<void> },
  steps: readonly Step[],
): Promise<[R, StepDone[]]> {
  await operator.kubectl('exec', 'player', '--', 'touch', GO)
  const done: StepDone[] = []
  for (const { name, run } of steps) {
    const started = performance.now()
    const outcome: { seen: string; problem?: string } = await run().then(
      (seen) => ({ seen }),
      (error: unknown) => ({ seen: '', problem: String(error) }),
    )
    const tookS = (performance.now() - started) / 1000
    done.push({ name, tookS, ...outcome })
    await look()
    say(`  ${tookS.toFixed(0).padStart(4)} s  ${name}: ${outcome.problem ?? outcome.seen}`)
  }
  await operator.kubectl('exec', 'player', '--', 'touch', FINISH).catch(() => undefined)
  say('waiting until everything has arrived …')
  const lines = await said(operator, (found) => found.at(-1)?.startsWith('{') === true, PLAYER_END_MS)
  return [JSON.parse(lines.at(-1)!) as R, done]
}

/** The player's output, when it says what is waited for. */
async function said(
  operator: Operator,
  enough: (lines: string[]) => boolean,
  withinMs: number,
): Promise<string[]> {
  const deadline = performance.now() + withinMs
  for (;;) {
    const text = await operator.kubectl('logs', 'player').catch(() => '')
    const lines = text.trimEnd().split('\n')
    if (enough(lines)) return lines
    const phase = await operator
      .kubectl('get', 'pod', 'player', '--output=jsonpath={.status.phase}')
      .catch(() => '')
    if (phase === 'Failed' || performance.now() > deadline)
      throw new Error(`the player did not get there (${phase}):\n${lines.slice(-20).join('\n')}`)
    await sleep(LOOK_MS)
  }
}
