import type { PlanRulesRequest } from '@tributary/contracts/generated/tributary/identity/v1/identity_service'
import { blockedIds } from '@tributary/configuration'
import type { ResolverRules } from '@tributary/domain'
import { rulesFrom } from '../evidenceMessages.ts'
import type { IdentifierReading } from './readRef.ts'

const DEFAULT_SAMPLES = 10
/** 100 of each kind: more than anybody reads, some 300 KiB in one message. */
const MAX_SAMPLES = 100

/** The problem is a sentence for the caller. */
export type ReadPlan =
  | { readonly asked: { readonly rules: ResolverRules; readonly samples: number } }
  | { readonly problem: string }

/** A request as the resolver's rules. Types other than those in force would move anchors, which no plan can tell. */
export function readPlan(request: PlanRulesRequest, reading: IdentifierReading): ReadPlan {
  if (!request.rules) return { problem: 'rules: say what they would be' }
  const given = rulesFrom(request.rules)
  const namesOf = (types: readonly { readonly type: string; readonly strong: boolean }[]): string =>
    types.map(({ type, strong }) => `${type}${strong ? ' (strong)' : ''}`).join(', ')
  const inForce = namesOf(
    reading.rules.types.map(({ type, strength }) => ({ type, strong: strength === 'strong' })),
  )
  if (namesOf(given.types) !== inForce)
    return { problem: `rules.types: they must be those in force, in their order: ${inForce}` }
  const blocked = blockedIds({ types: reading.rules.types, blocked: request.blocked }, reading)
  const samples = request.samples === 0 ? DEFAULT_SAMPLES : Math.min(request.samples, MAX_SAMPLES)
  return { asked: { rules: { ...given, blocked }, samples } }
}
