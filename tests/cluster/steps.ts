/**
 * What is done to a running installation while a load goes on: each what an operator does, in the words of
 * docs/operating, and each waits until everything is ready again.
 */
import { setTimeout as sleep } from 'node:timers/promises'
import type { Random } from '../demo/random.ts'
import type { Cluster } from './cluster.ts'
import type { CheckOverlay } from './overlay.ts'
import { NAMESPACE } from './overlay.ts'

export interface Step {
  name: string
  /** Resolves with what was seen, in a few words. */
  run: () => Promise<string>
}

export interface Workload {
  kind: 'deployment' | 'statefulset'
  name: string
}

export const WORKLOADS: readonly Workload[] = [
  { kind: 'deployment', name: 'collector' },
  { kind: 'statefulset', name: 'identity-stitcher' },
  { kind: 'statefulset', name: 'profile-store' },
  { kind: 'statefulset', name: 'activation' },
]

/** A pod that restores its state, on a machine that does everything at once. */
const READY_TIMEOUT = '300s'
/** A Job waits for tasks that have just been moved. */
const JOB_TIMEOUT = '420s'
const DELETED_PODS = 4
/** Between two disturbances of the same kind, so that they meet a group that has come to rest. */
const REST_MS = 3_000

export class Operator {
  readonly #cluster: Cluster

  constructor(cluster: Cluster) {
    this.#cluster = cluster
  }

  kubectl(...args: string[]): Promise<string> {
    return this.#cluster.kubectl(['--namespace', NAMESPACE, ...args])
  }

  async rolledOut({ kind, name }: Workload): Promise<void> {
    await this.kubectl('rollout', 'status', `${kind}/${name}`, `--timeout=${READY_TIMEOUT}`)
  }

  async allReady(): Promise<void> {
    for (const workload of WORKLOADS) await this.rolledOut(workload)
  }

  /** Jobs that are done cannot be changed: they go, and are made anew. */
  async apply(overlay: CheckOverlay): Promise<void> {
    await this.kubectl(
      'delete',
      'job',
      '--selector=app.kubernetes.io/component=command',
      '--ignore-not-found',
    )
    await this.#cluster.kubectl(['apply', '--kustomize', overlay.folder])
  }

  async jobsDone(): Promise<void> {
    for (const job of ['topics', 'migrate', 'apply'])
      await this.kubectl(
        'wait',
        '--for=condition=complete',
        `job/tributary-${job}`,
        `--timeout=${JOB_TIMEOUT}`,
      )
  }

  /** Those that are not about to go. */
  async podsOf(name: string): Promise<string[]> {
    const text = await this.kubectl(
      'get',
      'pods',
      `--selector=app.kubernetes.io/name=${name}`,
      '--output=json',
    )
    const { items } = JSON.parse(text) as {
      items: { metadata: { name: string; deletionTimestamp?: string } }[]
    }
    return items.filter(({ metadata }) => !metadata.deletionTimestamp).map(({ metadata }) => metadata.name)
  }

  /** True when the budget lets the pod go. */
  async evict(pod: string): Promise<boolean> {
    const eviction = {
      apiVersion: 'policy/v1',
      kind: 'Eviction',
      metadata: { name: pod, namespace: NAMESPACE },
    }
    try {
      await this.#cluster.kubectl(
        ['create', '--raw', `/api/v1/namespaces/${NAMESPACE}/pods/${pod}/eviction`, '-f', '-'],
        JSON.stringify(eviction),
      )
      return true
    } catch (error) {
      if (/disruption budget|TooManyRequests|429/i.test(String(error))) return false
      throw error
    }
  }
}

export function stepsUnderLoad(
  operator: Operator,
  options: { random: Random; overlay: CheckOverlay; upgraded: string },
): Step[] {
  const { random, overlay, upgraded } = options
  const store: Workload = { kind: 'statefulset', name: 'profile-store' }
  return [
    ...WORKLOADS.map((workload): Step => ({
      name: `roll ${workload.name}`,
      run: () => roll(operator, workload),
    })),
    {
      name: `delete ${DELETED_PODS} pods at random`,
      async run() {
        const deleted: string[] = []
        for (let i = 0; i < DELETED_PODS; i++) {
          const { name } = random.pick(WORKLOADS)
          const pod = random.pick(await operator.podsOf(name))
          await operator.kubectl('delete', 'pod', pod)
          await sleep(REST_MS)
          await operator.allReady()
          deleted.push(name)
        }
        return deleted.join(', ')
      },
    },
    { name: 'drain through the budgets', run: () => drain(operator) },
    {
      name: 'scale profile-store 1 → 3 → 2',
      async run() {
        for (const replicas of [3, 2]) {
          await operator.kubectl('scale', 'statefulset/profile-store', `--replicas=${replicas}`)
          await operator.rolledOut(store)
          await sleep(REST_MS)
        }
        return `${counted(await operator.podsOf('profile-store'))} at the end`
      },
    },
    {
      name: 'delete a volume of profile-store',
      async run() {
        const before = await volumeOf(operator)
        await operator.kubectl('delete', 'persistentvolumeclaim', 'data-profile-store-0', '--wait=false')
        await operator.kubectl('delete', 'pod', 'profile-store-0')
        await operator.rolledOut(store)
        const after = await volumeOf(operator)
        if (before === after) throw new Error(`profile-store-0 came back on the volume ${before}`)
        return 'restored from its change log onto a new one'
      },
    },
    {
      name: 'restart Kafka',
      run: () => roll(operator, { kind: 'statefulset', name: 'kafka' }, () => operator.allReady()),
    },
    {
      name: 'restart ClickHouse',
      run: () => roll(operator, { kind: 'statefulset', name: 'clickhouse' }, () => operator.allReady()),
    },
    {
      name: 'apply a configuration',
      async run() {
        await overlay.setDocuments({ 'later.yaml': LATER })
        await operator.apply(overlay)
        await operator.jobsDone()
        await operator.allReady()
        return 'a new trait, back-filled and judged'
      },
    },
    {
      name: 'upgrade to another image',
      async run() {
        await overlay.setImage(upgraded)
        await operator.apply(overlay)
        await operator.jobsDone()
        await operator.allReady()
        return upgraded
      },
    },
  ]
}

/** A trait that comes later, over what happened before. */
const LATER = 'kind: Trait\nid: pages\ncount: { event: page }\n'

export async function roll(
  operator: Operator,
  workload: Workload,
  then: () => Promise<void> = async () => undefined,
): Promise<string> {
  await operator.kubectl('rollout', 'restart', `${workload.kind}/${workload.name}`)
  await operator.rolledOut(workload)
  await then()
  return counted(await operator.podsOf(workload.name))
}

/** Both collectors at once are refused, one after the other is not; each other service goes and comes back. */
async function drain(operator: Operator): Promise<string> {
  const [first, second] = (await operator.podsOf('collector')) as [string, string]
  if (!(await operator.evict(first))) throw new Error(`the budget did not let ${first} go`)
  if (await operator.evict(second)) throw new Error('the budget let both collectors go at once')
  let evicted = 1
  for (const { name } of WORKLOADS) {
    await operator.allReady()
    const [pod] = name === 'collector' ? [second] : await operator.podsOf(name)
    if (!(await operator.evict(pod!))) throw new Error(`the budget did not let ${pod!} go`)
    evicted++
    await sleep(REST_MS)
  }
  await operator.allReady()
  return `${evicted} pods evicted, a second collector at the same time refused`
}

function volumeOf(operator: Operator): Promise<string> {
  return operator.kubectl(
    'get',
    'persistentvolumeclaim',
    'data-profile-store-0',
    '--output=jsonpath={.spec.volumeName}',
  )
}

function counted(pods: readonly string[]): string {
  return pods.length === 1 ? '1 pod' : `${pods.length} pods`
}
