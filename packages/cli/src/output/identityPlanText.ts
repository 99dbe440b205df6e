import type {
  PlannedChange,
  RulesPlan,
} from '@tributary/contracts/generated/tributary/identity/v1/identity_service'
import type { IdentityPlan } from '../askIdentityPlan.ts'
import { memberText } from '../commands/identityReference.ts'
import type { Paint } from './paint.ts'
import { counted, table } from './table.ts'

/** Who would merge, split and be renamed, for people. */
export function identityPlanText(identity: IdentityPlan, paint: Paint): string {
  if ('unknown' in identity) return paint.yellow(`who would merge or split is not known: ${identity.unknown}`)
  const { plan } = identity
  return [
    paint.bold(headline(plan)),
    table(
      [
        ['merged', ...sizes(plan.merged)],
        ['split', ...sizes(plan.split)],
        ['renamed', ...sizes(plan.renamed)],
        ...plan.standings.map(({ before, after, identifiers }) => [
          `${before} → ${after}`,
          '',
          counted(identifiers, 'identifier'),
        ]),
        ['conflicts', `now ${plan.conflictsBefore}`, `then ${plan.conflictsAfter}`],
        [
          'largest profile',
          `now ${plan.largestBefore?.identifiers ?? 0}`,
          `then ${plan.largestAfter?.identifiers ?? 0}`,
          plan.largestAfter?.profileId ?? '',
        ],
      ],
      { indent: 2 },
    ),
    ...notes(plan).map((note) => paint.yellow(`  ${note}`)),
    ...sampleLines('merged', plan.merged, paint),
    ...sampleLines('split', plan.split, paint),
    ...sampleLines('renamed', plan.renamed, paint),
  ].join('\n')
}

function headline(plan: RulesPlan): string {
  const moved = [plan.merged, plan.split, plan.renamed].reduce(
    (sum, each) => sum + (each?.identifiers ?? 0),
    0,
  )
  const seconds = Math.ceil(plan.lookedAt / Math.max(1, plan.carriedOutPerSecond))
  return `identity: ${moved} of ${counted(plan.lookedAt, 'identifier')} would move; carried out in at most ${seconds} s`
}

function sizes(change: PlannedChange | undefined): string[] {
  return [counted(change?.profiles ?? 0, 'profile'), counted(change?.identifiers ?? 0, 'identifier')]
}

function notes(plan: RulesPlan): string[] {
  return [
    ...(plan.walking
      ? ['an earlier change is still being carried out: these numbers are against what it has done so far']
      : []),
    ...(plan.tooLargeGroups > 0
      ? [
          `${counted(plan.tooLargeGroups, 'group')} of more than ${plan.tooLargeIdentifiers} identifiers in all could not be worked out and ${plan.tooLargeGroups === 1 ? 'is' : 'are'} not in these numbers`,
        ]
      : []),
  ]
}

function sampleLines(name: string, change: PlannedChange | undefined, paint: Paint): string[] {
  if (!change || change.samples.length === 0) return []
  return [
    '',
    paint.bold(`  ${name}, the largest`),
    ...change.samples.flatMap((move) => {
      const named = move.members.map(memberText).join(', ')
      const more = move.identifiers - move.members.length
      return [
        `    ${move.fromProfile} → ${move.intoProfile}`,
        `      ${counted(move.identifiers, 'identifier')}: ${named}${more > 0 ? ` and ${more} more` : ''}`,
        ...(move.why === '' ? [] : [paint.dim(`      ${move.why}`)]),
      ]
    }),
  ]
}
