/** A world's inputs through the real resolver, with its rows in memory. */
import { type ResolverRules, createIdentityResolver, profileOf, sameProfile } from '@tributary/domain'
import { createMemoryIdentityRows } from '@tributary/domain/testing'
import type { Assigned } from './greedyResolver.ts'
import { type WorldInput, worldResolverRules } from './readWorld.ts'

export interface ResolvedWorld extends Assigned {
  readonly conflicts: number
  readonly shared: readonly string[]
  /** Inputs for which components had to be walked through. */
  readonly recomputed: number
  readonly largestComponent: number
}

export function resolveWorld(inputs: readonly WorldInput[], owner: ResolverRules['owner']): ResolvedWorld {
  const rows = createMemoryIdentityRows()
  const resolver = createIdentityResolver(rows)
  resolver.rules(worldResolverRules(owner), 0, 0)
  while (resolver.isWalking()) resolver.walk(1_000)
  let [moves, recomputed, largestComponent] = [0, 0, 0]
  for (const input of inputs) {
    const resolution =
      input.kind === 'evidence' ? resolver.evidence(input.evidence) : resolver.fact(input.fact)
    moves += resolution.assignments.filter((each) => !sameProfile(each.from, each.into)).length
    if (resolution.recomputed) recomputed++
    largestComponent = Math.max(largestComponent, resolution.largestComponent)
  }
  const known = [...rows.identifiers.range('', '~')]
  return {
    profiles: new Map(
      known.map(([id, row]) => {
        const name = profileOf(id, row)
        return [id, `${name.identifierId}-${name.generation}`]
      }),
    ),
    moves,
    conflicts: [...rows.conflicts.range('', '~')].length,
    shared: known.flatMap(([id, row]) => (row.standing === 'shared' ? [id] : [])),
    recomputed,
    largestComponent,
  }
}
