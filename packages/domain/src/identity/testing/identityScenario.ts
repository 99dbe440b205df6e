import { type AssignmentChange } from '../assignmentChanges.ts'
import { type Evidence, type EvidenceClass, type EvidenceMember } from '../evidence.ts'
import { evidenceId } from '../extractEvidence.ts'
import { type Fact, type FactKind } from '../fact.ts'
import { type IdentityResolver, createIdentityResolver } from '../identityResolver.ts'
import { type IdentityRows, profileOf } from '../identityState.ts'
import { type Resolution, nothing } from '../resolveAffected.ts'
import { type ResolverRules, defaultResolverRules } from '../resolverRules.ts'
import { createMemoryIdentityRows } from './memoryIdentityRows.ts'
import { type ResolverInput } from './resolveAll.ts'

const typesByLetter: { readonly [letter: string]: string } = {
  u: 'user_id',
  l: 'loyalty_id',
  e: 'email',
  p: 'phone',
  a: 'anonymous_id',
  x: 'a_type_no_rule_knows',
}

/** The defaults with a customer number of another system as a second strong type. */
export const scenarioRules: ResolverRules = {
  ...defaultResolverRules,
  types: defaultResolverRules.types.flatMap((each) =>
    each.type === 'user_id' ? [each, { ...each, type: 'loyalty_id' }] : [each],
  ),
  hash: 'scenario',
}

/** "u1" is user_id u1, "a7" anonymous_id a7; the short name stands for the identifier id. */
export function member(name: string): EvidenceMember {
  const type = typesByLetter[name[0]!]
  if (!type) throw new RangeError(`no type has the letter of ${name}`)
  return { type, id: name }
}

export function evidence(
  names: readonly string[],
  timeMs: number,
  more: { class?: EvidenceClass; sourceId?: string; receivedTimeMs?: number; messageId?: string } = {},
): Evidence {
  const members = names.map(member).sort((a, b) => (a.id < b.id ? -1 : 1))
  const evidenceClass = more.class ?? 'co-occurrence'
  const sourceId = more.sourceId ?? 'web'
  return {
    id: evidenceId(members, evidenceClass, sourceId, (text) => text.replaceAll('|', ':')),
    class: evidenceClass,
    sourceId,
    members,
    firstTimeMs: timeMs,
    messageId: more.messageId ?? `m${timeMs}`,
    receivedTimeMs: more.receivedTimeMs ?? timeMs,
  }
}

export function fact(
  kind: FactKind,
  names: readonly string[],
  timeMs: number,
  more: { id?: string; retracts?: string } = {},
): Fact {
  return {
    id:
      more.id ??
      `${kind}-${names.join('-')}${more.retracts?.replaceAll(/[^A-Za-z0-9]/g, '-') ?? ''}-${timeMs}`,
    kind,
    members: names.map(member),
    retracts: more.retracts,
    actor: 'operator',
    reason: 'test',
    timeMs,
  }
}

/** A resolver with its rows and all it has said. */
export interface Scenario {
  readonly rows: IdentityRows
  readonly resolver: IdentityResolver
  /** Feeds one input. */
  begin(input: ResolverInput): Resolution
  /** Carries a change of the rules out for so many identifiers. */
  walk(limit: number): Resolution
  /** Feeds one input, and carries a change of the rules out to its end. */
  feed(input: ResolverInput): Resolution
  saw(names: readonly string[], timeMs: number, more?: Parameters<typeof evidence>[2]): Resolution
  said(
    kind: FactKind,
    names: readonly string[],
    timeMs: number,
    more?: { id?: string; retracts?: string },
  ): Resolution
  /** The profile of an identifier: "u1-0". */
  profile(name: string): string
  profiles(...names: string[]): readonly string[]
  conflicts(): readonly string[]
  /** Assignments in the order they were sent. */
  readonly sent: readonly AssignmentChange[]
}

export function createScenario(rules: Partial<ResolverRules> = {}): Scenario {
  const rows = createMemoryIdentityRows()
  const resolver = createIdentityResolver(rows)
  const sent: AssignmentChange[] = []
  let version = 0
  const noted = (resolution: Resolution): Resolution => {
    sent.push(...resolution.assignments)
    return resolution
  }
  const begin = (input: ResolverInput): Resolution => {
    version++
    if (input.kind === 'evidence') return noted(resolver.evidence(input.evidence))
    if (input.kind === 'fact') return noted(resolver.fact(input.fact))
    return noted(resolver.rules(input.rules, version, input.configOffset))
  }
  const walk = (limit: number): Resolution => noted(resolver.walk(limit))
  const feed = (input: ResolverInput): Resolution => {
    const resolution = begin(input)
    const walked: Resolution[] = []
    while (resolver.isWalking()) walked.push(walk(3))
    return walked.length === 0
      ? resolution
      : { ...nothing(), assignments: walked.flatMap((each) => each.assignments) }
  }
  feed({ kind: 'rules', rules: { ...scenarioRules, ...rules }, configOffset: 0 })
  const profile = (name: string): string => {
    const { identifierId, generation } = profileOf(name, rows.identifiers.get(name))
    return `${identifierId}-${generation}`
  }
  return {
    rows,
    resolver,
    begin,
    walk,
    feed,
    sent,
    saw: (names, timeMs, more) => feed({ kind: 'evidence', evidence: evidence(names, timeMs, more) }),
    said: (kind, names, timeMs, more) => feed({ kind: 'fact', fact: fact(kind, names, timeMs, more) }),
    profile,
    profiles: (...names) => names.map(profile),
    conflicts: () => [...rows.conflicts.range('', '~')].map(([key]) => key),
  }
}
