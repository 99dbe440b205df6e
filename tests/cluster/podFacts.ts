/** What is to be known of pods: how fast a service was ready, what it holds when idle, and whether all are restricted. */
import type { Cluster } from './cluster.ts'
import { NAMESPACE } from './overlay.ts'
import { WORKLOADS, type Operator } from './steps.ts'

export interface PodMeasure {
  service: string
  /** From the first to the last line of its start, ms. */
  readyMs: number
  /** Resident memory, MB. */
  memoryMb: number
}

/** In a container without a shell: what the kernel says of process 1. */
const RESIDENT = `const text = require('fs').readFileSync('/proc/1/status', 'utf8'); console.log(/VmRSS:\\s+(\\d+)/.exec(text)[1])`

export async function measurePods(operator: Operator): Promise<PodMeasure[]> {
  const measures: PodMeasure[] = []
  for (const { name } of WORKLOADS) {
    const [pod] = await operator.podsOf(name)
    const lines = (await operator.kubectl('logs', pod!))
      .split('\n')
      .flatMap((line) => (line.startsWith('{') ? [JSON.parse(line) as { msg: string; time: string }] : []))
    const at = (msg: string): number => Date.parse(lines.find((line) => line.msg === msg)?.time ?? '')
    const resident = Number(await operator.kubectl('exec', pod!, '--', 'node', '-e', RESIDENT))
    measures.push({
      service: name,
      readyMs: at('ready') - at('starting'),
      memoryMb: Math.round(resident / 1024),
    })
  }
  return measures
}

interface PodList {
  items: {
    metadata: { name: string }
    status: {
      containerStatuses?: {
        restartCount: number
        lastState: { terminated?: { reason: string; exitCode: number } }
      }[]
    }
  }[]
}

/** Containers that ended by themselves in pods that are there now. */
export async function restarts(operator: Operator): Promise<string[]> {
  const { items } = JSON.parse(
    await operator.kubectl(
      'get',
      'pods',
      // Jobs try again until what they need is there: that is how they wait.
      '--selector=app.kubernetes.io/component!=command',
      '--output=json',
    ),
  ) as PodList
  return items.flatMap(({ metadata, status }) =>
    (status.containerStatuses ?? []).flatMap(({ restartCount, lastState }) =>
      restartCount === 0
        ? []
        : [
            `${metadata.name}: ${restartCount}, last ${lastState.terminated?.reason ?? ''} ${lastState.terminated?.exitCode ?? ''}`,
          ],
    ),
  )
}

/** What the API server finds against the restricted standard in what runs; nothing when all is well. */
export async function restricted(cluster: Cluster): Promise<string[]> {
  const label = 'pod-security.kubernetes.io/enforce=restricted'
  const enforced = await cluster.kubectl([
    'get',
    'namespace',
    NAMESPACE,
    `--output=jsonpath={.metadata.labels}`,
  ])
  const answer = await cluster.kubectl([
    'label',
    '--dry-run=server',
    '--overwrite',
    'namespace',
    NAMESPACE,
    label,
  ])
  const warnings = answer.split('\n').filter((line) => /warning|violate/i.test(line))
  return enforced.includes('"pod-security.kubernetes.io/enforce":"restricted"')
    ? warnings
    : [...warnings, `the namespace ${NAMESPACE} does not enforce the restricted standard`]
}
