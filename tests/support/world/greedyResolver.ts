/**
 * A first-come resolver, for comparison: each piece of evidence is decided when it arrives and never again, as identity
 * graphs do that keep no evidence. It has the same limits and the same order of types, and merges whole profiles.
 */
import { type Evidence, type EvidenceMember, type Fact, type ReadyRules, readyRules } from '@tributary/domain'
import { worldResolverRules, type WorldInput } from './readWorld.ts'

interface GreedyCluster {
  members: EvidenceMember[]
  readonly counts: Map<string, number>
}

export interface Assigned {
  readonly profiles: ReadonlyMap<string, string>
  /** Identifiers that were moved from one profile to another, each time counted. */
  readonly moves: number
}

export function resolveGreedily(inputs: readonly WorldInput[]): Assigned {
  const rules = readyRules(worldResolverRules('first'))
  const clusters = new Map<string, GreedyCluster>()
  let moves = 0
  const clusterOf = (member: EvidenceMember): GreedyCluster => {
    const known = clusters.get(member.id)
    if (known) return known
    const made = { members: [member], counts: new Map([[member.type, 1]]) }
    clusters.set(member.id, made)
    return made
  }
  const merge = (into: GreedyCluster, from: GreedyCluster): void => {
    moves += from.members.length
    for (const each of from.members) clusters.set(each.id, into)
    into.members = [...into.members, ...from.members]
    for (const [type, held] of from.counts) into.counts.set(type, (into.counts.get(type) ?? 0) + held)
  }
  const see = (members: readonly EvidenceMember[], authorised: boolean): void => {
    const [best, ...others] = [...members].sort(rules.compare)
    for (const other of others) {
      const [into, from] = [clusterOf(best!), clusterOf(other)]
      if (into !== from && (authorised || fits(into, from, rules))) merge(into, from)
    }
  }
  for (const input of inputs) {
    const said: Evidence | Fact = input.kind === 'evidence' ? input.evidence : input.fact
    see(said.members, input.kind === 'fact' || input.evidence.class === 'join')
  }
  const profiles = new Map<string, string>()
  for (const cluster of new Set(clusters.values())) {
    const naming = [...cluster.members].sort(rules.compare)[0]!
    for (const each of cluster.members) profiles.set(each.id, `${naming.id}-0`)
  }
  return { profiles, moves }
}

function fits(a: GreedyCluster, b: GreedyCluster, rules: ReadyRules): boolean {
  return [...b.counts].every(([type, held]) => held + (a.counts.get(type) ?? 0) <= rules.limitOf(type))
}
