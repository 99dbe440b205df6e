/** The table of a run, for a terminal and for docs/reports/deliveries.md. Pure. */
import { markdownTable } from '../support/markdownTable.ts'
import type { DeliveriesResult } from './runDeliveries.ts'

/** A dead or slow destination may change the p99 of the others by so much. */
const BAR = 0.1

const HEAD = [
  'destination',
  'what is wrong with it',
  'arrived',
  'repeated',
  'redriven',
  'superseded',
  'lost',
  'out of order',
  'p50 ms',
  'p99 ms',
]

export function deliveriesRows({ destinations }: DeliveriesResult): string[][] {
  return [
    HEAD,
    ...destinations.map((each) => [
      each.id,
      each.text,
      String(each.arrived),
      String(each.repeated),
      String(each.redriven),
      String(each.superseded),
      String(each.lost),
      String(each.outOfOrder),
      each.p50Ms === 0 ? '' : each.p50Ms.toFixed(0),
      each.p99Ms === 0 ? '' : each.p99Ms.toFixed(0),
    ]),
  ]
}

/**
 * What the faults of others did to the p99 of a steady receiver, by the medians of the turns. Where quiet turns differ more
 * among themselves than the bar allows, the machine decided and nothing is shown either way.
 */
export function isolationText({ quietMs, faultsMs }: Pick<DeliveriesResult, 'quietMs' | 'faultsMs'>): string {
  const median = (values: readonly number[]): number =>
    values.toSorted((a, b) => a - b)[Math.floor(values.length / 2)] ?? 0
  const share = median(faultsMs) / median(quietMs) - 1
  if (Math.max(...quietMs) > Math.min(...quietMs) * (1 + BAR))
    return `not shown (bar: ${BAR * 100} %): the quiet turns differ by more than that among themselves`
  return `${(share * 100).toFixed(1)} % (bar: ${BAR * 100} %, ${share <= BAR ? 'held' : 'MISSED'})`
}

export function verdictLines(result: DeliveriesResult): string[] {
  const { published, destinations, kills, seconds, forged, problems } = result
  const ms = (values: readonly number[]) => values.map((value) => value.toFixed(0)).join(', ')
  return [
    `${published * destinations.length} deliveries of ${published} changes to ${destinations.length} destinations, ${kills} kills, ${seconds.toFixed(0)} s`,
    problems.length === 0
      ? 'nothing lost, order kept, repetitions only under the same key, no dead letter left, the ledger balances'
      : problems.join('\n'),
    `p99 of the steady receiver: ${ms(result.quietMs)} ms in quiet, ${ms(result.faultsMs)} ms beside the faults: ` +
      isolationText(result),
    ...(forged === 0 ? [] : [`${forged} calls with a wrong signature`]),
  ]
}

export function reportPage(result: DeliveriesResult, when: string, machine: string): string {
  const [head = [], ...rows] = deliveriesRows(result)
  const ledger = result.ledger.map(({ destination, created, delivered, filtered, dead, pending }) => [
    destination,
    created,
    delivered,
    filtered,
    dead,
    pending,
  ])
  return `# Deliveries under faults

Written by \`make deliveries-check\`: activation, killed with -9 at random, sends the same changes to ten destinations on a real
Kafka, ClickHouse, PostgreSQL and S3 server; then the faults end and what was given up is sent again. What is compared, and
how: [tests/deliveries](../../tests/deliveries/runDeliveries.ts).

\`\`\`
${verdictLines(result).join('\n')}
\`\`\`

Run at ${when} on ${machine}.

${markdownTable(head, rows)}

Times are from the publication of a change to its first arrival, kills and backlogs of all ten included, so they say how long
the outages were. Files have none: they are compared by their lines.

## The ledger, from ClickHouse

${markdownTable(['destination', 'made', 'delivered', 'filtered', 'dead', 'pending'], ledger)}
`
}
