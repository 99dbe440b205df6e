import { type AudienceInForce } from './judgeAudience.ts'

/**
 * Audiences so that each comes after those it reads, else by id. Validation refuses circles; one that stands for a
 * moment while documents are exchanged one by one is cut where it is entered, and what is not judged yet has no members.
 */
export function inReadingOrder<A extends AudienceInForce>(audiences: readonly A[]): A[] {
  const byId = new Map(audiences.map((each) => [each.id, each]))
  const ordered = new Set<A>()
  const entered = new Set<A>()
  const enter = (audience: A) => {
    if (entered.has(audience)) return
    entered.add(audience)
    for (const id of audience.compiled.reads) {
      const read = byId.get(id)
      if (read) enter(read)
    }
    ordered.add(audience)
  }
  for (const each of [...audiences].sort((a, b) => (a.id < b.id ? -1 : 1))) enter(each)
  return [...ordered]
}
