import type { AudiencePlan, Movement } from '../askAudiencePlan.ts'
import { table } from './table.ts'
import { timeText } from './time.ts'

/** Who would enter and leave, as lines. */
export function audiencePlanText(plans: readonly AudiencePlan[]): string {
  const known = plans.flatMap((plan) => ('unknown' in plan ? [] : [plan]))
  const unknown = plans.flatMap((plan) =>
    'unknown' in plan ? [`who would enter and leave ${plan.audience} is not known: ${plan.unknown}`] : [],
  )
  if (known.length === 0) return unknown.join('\n')
  const rows = known.map(({ audience, members, enter, leave, deliveries }) => [
    audience,
    String(members),
    String(enter.count),
    String(leave.count),
    deliveries.map((each) => `${each.deliveries} to ${each.to} by ${each.sync}`).join(', ') || 'none',
  ])
  const samples = known.flatMap(({ audience, enter, leave }) => [
    ...sampleLine(`would enter ${audience}`, enter),
    ...sampleLine(`would leave ${audience}`, leave),
  ])
  return [
    `audiences, by the event log as of ${timeText(Date.parse(known[0]!.asOf))}:`,
    table([['AUDIENCE', 'MEMBERS', 'ENTER', 'LEAVE', 'DELIVERIES'], ...rows], { indent: 2 }),
    ...samples,
    ...unknown,
  ].join('\n')
}

function sampleLine(what: string, { count, samples }: Movement): string[] {
  if (samples.length === 0) return []
  return [`  ${what}: ${samples.join(' ')}${count > samples.length ? ' …' : ''}`]
}
