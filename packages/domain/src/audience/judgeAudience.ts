import { parseExact } from '../event/exactJson.ts'
import { type Json } from '../event/json.ts'
import { type AggregateKind } from '../aggregate/aggregateDefinition.ts'
import { type ComputedTrait, type Profile, findAggregate } from '../profile/profile.ts'
import { buildTree } from '../profile/traitPath.ts'
import { type CompiledAudience, type CompiledLeaf, type CompiledNode } from './compileAudience.ts'
import { compares } from './comparison.ts'

export interface JudgedLeaf {
  /** In words. */
  readonly condition: string
  /** What it saw; null for no value. */
  readonly value: Json
  readonly met: boolean
}

export interface Judgement {
  readonly member: boolean
  /** In the order of the condition. */
  readonly leaves: readonly JudgedLeaf[]
}

/** What leaves read. */
export interface JudgedProfile {
  readonly trait: (name: string) => Json | undefined
  readonly count: (document: string) => number
}

/**
 * How the leaves of every audience read one profile.
 *
 * A name in `computed` reads that trait; for a count, a sum or a distinct count that nothing has counted for, 0. Another name, or
 * `traits.<path>`, reads what people sent; a path above others reads the whole object.
 * `jobOf`: the job that adopted the aggregate of a leaf; what is left of an earlier adoption does not count.
 */
export function judgedProfile(
  profile: Profile,
  computed: readonly ComputedTrait[],
  jobOf: (document: string) => number | undefined,
): JudgedProfile {
  return {
    trait(name) {
      const trait = computed.find(({ id }) => id === name)
      if (trait) {
        const found = profile.computed.find(({ id }) => id === name)
        if (found) return parseExact(found.json)
        return countsFromZero.has(trait.aggregate.kind) ? 0 : undefined
      }
      const path = name.startsWith('traits.') ? name.slice('traits.'.length) : name
      const exact = profile.traits.find((each) => each.path === path)
      if (exact) return parseExact(exact.json)
      const below = profile.traits.filter((each) => each.path.startsWith(`${path}.`))
      if (below.length === 0) return undefined
      return buildTree(
        below.map((each) => ({ path: each.path.slice(path.length + 1), value: parseExact(each.json) })),
      )
    },
    count(document) {
      const job = jobOf(document)
      if (job === undefined) return 0
      const hash = document.slice('leaf/'.length)
      return findAggregate(profile.aggregates, { document, hash, job })?.count ?? 0
    },
  }
}

/** Kinds that read as 0, and not as no value, when nothing counted. */
const countsFromZero: ReadonlySet<AggregateKind> = new Set(['count', 'sum', 'distinct'])

/** A function of the profile alone: no time, no memory of what was judged before. */
export function judgeAudience(audience: CompiledAudience, profile: JudgedProfile): Judgement {
  const leaves = audience.leaves.map((leaf) => {
    const value = read(leaf, profile)
    return { condition: leaf.text, value: value ?? null, met: compares(value, leaf.comparison) }
  })
  return { member: holds(audience.root, leaves), leaves }
}

function read(leaf: CompiledLeaf, profile: JudgedProfile): Json | undefined {
  return leaf.kind === 'trait' ? profile.trait(leaf.trait) : profile.count(leaf.document)
}

function holds(node: CompiledNode, leaves: readonly JudgedLeaf[]): boolean {
  if ('all' in node) return node.all.every((each) => holds(each, leaves))
  if ('any' in node) return node.any.some((each) => holds(each, leaves))
  if ('not' in node) return !holds(node.not, leaves)
  return leaves[node.leaf]!.met
}
