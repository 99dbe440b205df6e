import type { MeasuredResolver, MeasuredWorld, ReportOptions } from './measureIdentity.ts'
import { markdownTable } from '../support/markdownTable.ts'
import { bars, shortcomings } from './measureIdentity.ts'

const names = {
  first: '`first` (default)',
  nobody: '`nobody`',
  greedy: 'first-come, for comparison',
} as const

/** docs/reports/identity.md. */
export function reportText(worlds: readonly MeasuredWorld[], options: ReportOptions): string {
  const short = shortcomings(worlds)
  return `# Identity, measured

Written by \`make identity-report\`; the same seed gives the same worlds and the same numbers. Worlds of ${options.persons} persons and
thirty days, seed ${options.seed}, made by [tests/support/world](../../tests/support/world/README.md), which says what clean, moderate and
dirty mean and how truth is decided. Order of arrival: ${options.shuffles} shuffles, each with 2 % of the inputs twice.

${short.length === 0 ? `All bars hold: B³ F1 ≥ ${bars.clean} clean, ≥ ${bars.moderate} moderate, nothing depends on the order of arrival.` : short.map((each) => `**Short:** ${each}.`).join('\n')}

${worlds.map(worldText).join('\n\n')}

## How to read it

- **B³** averages over identifiers, **pairwise** over pairs of identifiers: a wrong merge of two large profiles shows in the
  second, many small mistakes in the first.
- **events**: share that lies in the right person's profile. An anonymous event on a shared device counts as wrong when its
  device belongs to the other person.
- **differs**: share of identifiers whose profile is another in at least one order of arrival. The first-come resolver has the
  same limits and order of types, but decides when evidence arrives, and never again.
- **churn**: moves between profiles per identifier, in the order of arrival; the first move into company counts.
- What recall lacks cannot be had from evidence: devices nobody logs in from, second accounts nobody has joined. \`nobody\`
  buys precision with recall: what two known users share belongs to neither.
`
}

function worldText({ preset, events, inputs, resolvers }: MeasuredWorld): string {
  const [first] = resolvers
  const heads = [
    'owner policy',
    'B³ precision',
    'recall',
    'F1',
    'pairwise precision',
    'recall',
    'F1',
    'events',
    'conflicts',
    'shared',
    'churn',
    'differs',
  ]
  const rows = resolvers.map((each) => cells(each))
  return `## ${preset}

${events} events, ${inputs} pieces of evidence and facts, ${first!.score.identifiers} identifiers. Components were walked through for
${percent(first!.recomputed ?? 0)} of the inputs; the largest had ${first!.largestComponent} identifiers.

${markdownTable(heads, rows, { rightFrom: 1 })}`
}

function cells({ name, score, conflicts, shared, churn, differs }: MeasuredResolver): readonly string[] {
  const { bCubed, pairwise, attributed } = score
  return [
    names[name],
    ...[bCubed.precision, bCubed.recall, bCubed.f1, pairwise.precision, pairwise.recall, pairwise.f1].map(
      (each) => each.toFixed(4),
    ),
    percent(attributed),
    conflicts === undefined ? '' : String(conflicts),
    shared === undefined ? '' : String(shared),
    churn.toFixed(2),
    percent(differs),
  ]
}

function percent(share: number): string {
  return share === 0 ? '0' : `${(share * 100).toFixed(2)} %`
}
