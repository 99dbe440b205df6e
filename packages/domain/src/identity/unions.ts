import { compareText } from './compareText.ts'
import { type ReadyRules } from './resolverRules.ts'
import { type Component, type Refusal } from './resolveComponent.ts'

/** How many of each type a cluster holds, as limits count them: what was joined counts once. */
export type TypeCounts = ReadonlyMap<string, number>

/** Union-find that knows how many of each type a cluster holds and who may never meet in one. */
export interface Unions {
  readonly find: (id: string) => string
  readonly same: (a: string, b: string) => boolean
  readonly unite: (a: string, b: string) => void
  /** From here on every group counts once per type it holds, however many it holds. */
  readonly contract: () => void
  readonly separated: (a: string, b: string) => Refusal | undefined
  readonly overLimit: (a: string, b: string) => Refusal | undefined
  readonly countsOf: (id: string) => TypeCounts
}

/** What forbids a cluster that holds both, by limits alone. */
export function overLimit(x: TypeCounts, y: TypeCounts, rules: ReadyRules): Refusal | undefined {
  let over: string | undefined
  for (const [type, count] of x) {
    const other = y.get(type)
    if (other === undefined || count + other <= rules.limitOf(type)) continue
    if (over === undefined || rules.compareTypes(type, over) < 0) over = type
  }
  return over === undefined ? undefined : { reason: 'limit', type: over, max: rules.limitOf(over) }
}

export function createUnions(component: Component, rules: ReadyRules): Unions {
  const parents = new Map(component.members.map((each) => [each.id, each.id]))
  const sizes = new Map<string, number>()
  const counts = new Map<string, Map<string, number>>()
  const separations = component.separations
    .filter((each) => parents.has(each.a) && parents.has(each.b))
    .sort((x, y) => compareText(x.factId, y.factId))

  const find = (id: string): string => {
    let root = id
    while (parents.get(root) !== root) root = parents.get(root)!
    for (let each = id; each !== root;) {
      const next = parents.get(each)!
      parents.set(each, root)
      each = next
    }
    return root
  }

  return {
    find,
    same: (a, b) => find(a) === find(b),

    unite(a, b) {
      let [into, from] = [find(a), find(b)]
      if ((sizes.get(into) ?? 1) < (sizes.get(from) ?? 1)) [into, from] = [from, into]
      parents.set(from, into)
      sizes.set(into, (sizes.get(into) ?? 1) + (sizes.get(from) ?? 1))
      const mine = counts.get(into)
      for (const [type, count] of counts.get(from) ?? []) mine?.set(type, (mine.get(type) ?? 0) + count)
      counts.delete(from)
    },

    contract() {
      for (const each of component.members) {
        const root = find(each.id)
        const held = counts.get(root) ?? new Map<string, number>()
        counts.set(root, held.set(each.type, 1))
      }
    },

    separated(a, b) {
      if (separations.length === 0) return undefined
      const [x, y] = [find(a), find(b)]
      const broken = separations.find((each) => {
        const [p, q] = [find(each.a), find(each.b)]
        return (p === x && q === y) || (p === y && q === x)
      })
      return broken && { reason: 'separated', factId: broken.factId }
    },

    overLimit: (a, b) => overLimit(counts.get(find(a))!, counts.get(find(b))!, rules),
    countsOf: (id) => counts.get(find(id))!,
  }
}
