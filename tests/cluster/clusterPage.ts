/** The check for people: what held and what did not, a table for the terminal, and a page to keep. Pure. */
import { markdownTable } from '../support/markdownTable.ts'
import type { CheckResult, StepDone } from './runCheck.ts'

/** Answers that clients of the documented API are told to expect; SDKs send again. */
const EXPECTED_ANSWERS = ['200', '503', 'client gave up']

export interface Held {
  what: string
  wanted: string
  found: string
  holds: boolean
}

/** Requests that no client is told to expect. */
export function failedRequests(answers: Readonly<Record<string, number>>): number {
  return Object.entries(answers).reduce(
    (sum, [answer, count]) => sum + (EXPECTED_ANSWERS.includes(answer) ? 0 : count),
    0,
  )
}

export function judgeCheck(result: CheckResult): Held[] {
  const { week, load } = result
  const none = (what: string, found: readonly string[]): Held => ({
    what,
    wanted: 'none',
    found: found.length === 0 ? 'none' : found.join('; '),
    holds: found.length === 0,
  })
  const zero = (what: string, found: number): Held => ({
    what,
    wanted: '0',
    found: String(found),
    holds: found === 0,
  })
  const steps = [...result.weekSteps, ...result.loadSteps]
  const off = week.checks.filter(({ holds }) => !holds)
  return [
    none(
      'steps that failed',
      steps.flatMap(({ name, problem }) => (problem === undefined ? [] : [`${name}: ${problem}`])),
    ),
    none(
      `comparisons of the shop's week that are off, of ${week.checks.length}`,
      off.map(({ what, expected, found }) => `${what}: ${found} instead of ${expected}`),
    ),
    zero('requests that failed, beyond 503 with a time to come back', failedRequests(load.load.answers)),
    zero('acknowledged events lost', load.verdict.lost),
    zero('events counted twice', load.verdict.countedTwice),
    none(
      'findings of the audit',
      load.verdict.findings.map(({ rule, problem, ids }) => `${rule} ${problem} (${ids[0] ?? ''})`),
    ),
    none('containers that ended by themselves', result.restarts),
    none('pods that are not restricted', result.notRestricted),
  ]
}

export function checkText(held: readonly Held[]): string {
  const widths = [
    Math.max(...held.map(({ what }) => what.length)),
    Math.max(...held.map(({ wanted }) => wanted.length)),
  ]
  return held
    .map(
      ({ what, wanted, found, holds }) =>
        `${holds ? '✓' : '✗'} ${what.padEnd(widths[0]!)}  ${wanted.padEnd(widths[1]!)}  ${found}`,
    )
    .join('\n')
}

export function clusterPage(result: CheckResult, at: Date): string {
  const { week, load } = result
  return `# On a cluster

Written by \`make cluster-check\`: the image and the overlay \`k8s/overlays/demo\` on a real Kubernetes, a shop's week while
every workload rolls, then a load while an operator's day goes by. What is done and compared is in
[tests/cluster](../../tests/cluster/README.md).

Run at ${at.toISOString().slice(0, 16).replace('T', ' ')} UTC on Kubernetes ${result.kubernetes}, one node, seed ${result.seed}.${
    result.standIns.length === 0
      ? ''
      : ` In place of ${result.standIns.map((image) => `\`${image}\``).join(' and ')}, which could not be pulled, ran the same Kafka from
Maven and the engine of chdb behind the front of deploy/local, under the same names and manifests.`
  }

## What was compared

${markdownTable(
  ['what', 'wanted', 'found'],
  judgeCheck(result).map(({ what, wanted, found }) => [what, wanted, found.replaceAll(/[\n|]/g, ' ')]),
)}

## The load

${markdownTable(
  ['what', 'number'],
  [
    ['seconds', load.seconds.toFixed(0)],
    ['events made up', load.load.events],
    ['people', load.load.people],
    ['requests of clients, tills included', load.load.requests],
    ...Object.entries(load.load.answers).map(([answer, count]): [string, number] => [
      `answers over HTTP: ${answer}`,
      count,
    ]),
    ['retries', load.load.retries],
    ['acknowledged events sent again', load.load.repeats],
    ['seconds until everything had arrived', load.settledS.toFixed(0)],
    ...load.verdict.checked.map(({ what, count }): [string, number] => [what, count]),
  ],
)}

## The shop's week

${week.events} events, everything had arrived ${week.settledS.toFixed(0)} s after the last one; ${week.checks.filter(({ holds }) => holds).length} of ${week.checks.length} comparisons hold.

${stepTable(result.weekSteps)}

## The operator's day

${stepTable(result.loadSteps)}

## Pods

Everything was installed and had adopted its configuration ${result.installedS.toFixed(0)} s after \`kubectl apply\`. What a service
held then, idle, and from the first to the last line of its start when it was replaced:

${markdownTable(
  ['service', 'ready after, ms', 'resident memory, MB'],
  result.pods.map(({ service, readyMs, memoryMb }) => [service, readyMs, memoryMb]),
)}
`
}

function stepTable(steps: readonly StepDone[]): string {
  return markdownTable(
    ['step', 'took, s', 'seen'],
    steps.map(({ name, tookS, seen, problem }) => [
      name,
      tookS.toFixed(0),
      problem === undefined ? seen : `failed: ${problem.replaceAll(/[\n|]/g, ' ').slice(0, 200)}`,
    ]),
  )
}
