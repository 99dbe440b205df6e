/** How many identifiers end elsewhere when the same inputs arrive in another order, some of them twice. */
import { createRandom } from '../../demo/random.ts'
import type { Assigned } from './greedyResolver.ts'
import type { WorldInput } from './readWorld.ts'

/** 2 %: what networks and clients that try again make of a stream. */
const DUPLICATES = 0.02

export function shuffled(inputs: readonly WorldInput[], seed: number): readonly WorldInput[] {
  const random = createRandom(seed)
  const all = inputs.flatMap((each) => (random.chance(DUPLICATES) ? [each, each] : [each]))
  for (let n = all.length - 1; n > 0; n--) {
    const other = random.between(0, n)
    ;[all[n], all[other]] = [all[other]!, all[n]!]
  }
  return all
}

/** Share of the identifiers that had another profile in at least one of the orders. */
export function shuffledDifference(
  inputs: readonly WorldInput[],
  resolve: (inputs: readonly WorldInput[]) => Assigned,
  shuffles: number,
): number {
  const base = resolve(inputs).profiles
  const differs = new Set<string>()
  for (let seed = 1; seed <= shuffles; seed++) {
    const { profiles } = resolve(shuffled(inputs, seed))
    for (const [id, profile] of base) if (profiles.get(id) !== profile) differs.add(id)
  }
  return base.size === 0 ? 0 : differs.size / base.size
}
