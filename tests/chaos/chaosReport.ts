/** The run for people: one line to read, and a page to keep. */
import { markdownTable } from '../support/markdownTable.ts'
import type { ChaosResult } from './runChaos.ts'

/** Ids shown of one finding; all of them are in the page. */
const SHOWN = 20

export function chaosLine({ verdict, disturbed, outages }: ChaosResult): string {
  const { acknowledged, lost, countedTwice } = verdict
  return (
    `acknowledged ${acknowledged} · lost ${lost} · counted twice ${countedTwice} · ` +
    `kills ${disturbed.kills} · stalls ${disturbed.stalls} · outages ${outages}`
  )
}

/** Empty when nothing is off. */
export function findingsText({ verdict }: ChaosResult, most = SHOWN): string {
  return verdict.findings
    .map(({ rule, problem, ids }) => {
      const rest = ids.length > most ? [`… and ${ids.length - most} more`] : []
      return [
        `${rule}: ${problem} (${ids.length})`,
        ...[...ids.slice(0, most), ...rest].map((id) => `  ${id}`),
      ].join('\n')
    })
    .join('\n')
}

export function chaosPage(result: ChaosResult, at: Date): string {
  const { seed, durationS, settledS, load, disturbed, faults, done, verdict } = result
  return `# Chaos

Written by \`make chaos\`: two instances of each service on a real Kafka and a real ClickHouse, a steady load, and what the
plan of the seed did to them. What is compared, and how: [tests/chaos](../../tests/chaos/README.md).

\`\`\`
${chaosLine(result)}
\`\`\`

Run at ${at.toISOString().slice(0, 16).replace('T', ' ')} UTC with seed ${seed}: ${durationS} s of load, everything had arrived
${settledS.toFixed(0)} s later. \`make chaos SEED=${seed} DURATION=${durationS}\` does the same again, as far as processes repeat themselves.

## The load

${markdownTable(
  ['what', 'number'],
  [
    ['events made up', load.events],
    ['people', load.people],
    ['requests of clients', load.requests],
    ['of those, retries', load.retries],
    ['acknowledged events sent again', load.repeats],
  ],
)}

## What was done

${markdownTable(
  ['what', 'number'],
  [
    ['kill -9 of an instance', disturbed.kills],
    ['of those, with the local store deleted', disturbed.storesDeleted],
    ['SIGSTOP beyond the session, then SIGCONT', disturbed.stalls],
    ['Kafka killed or restarted', disturbed.kafkaRestarts],
    ['ClickHouse killed and away', disturbed.clickHouseKills],
    ['periods in which requests and replies to Kafka were lost', disturbed.lossyPeriods],
    ...Object.entries(faults).map(([fault, count]): [string, number] => [`of it, ${fault}`, count]),
    ['instances added', disturbed.added],
    ['instances removed', disturbed.removed],
  ],
)}

## What was compared

${markdownTable(
  ['what', 'number'],
  verdict.checked.map(({ what, count }) => [what, count]),
)}

${verdict.findings.length === 0 ? 'Everything holds.' : `What is off:\n\n\`\`\`\n${findingsText(result)}\n\`\`\``}

## When

${markdownTable(
  ['second', 'what', 'took, s'],
  done.map(({ atS, what, tookS }) => [atS.toFixed(1), what, tookS.toFixed(1)]),
)}
`
}
