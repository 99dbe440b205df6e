import { type Placement } from './assignmentChanges.ts'
import { type ClusterRow, type IdentityRows } from './identityState.ts'
import { type Cluster } from './resolveComponent.ts'

/** Rows of the clusters that a resolution found, in place of those that were. */
export function keepClusters(
  rows: IdentityRows,
  placements: readonly Placement[],
  clusters: readonly Cluster[],
): void {
  const now = new Map<string, ClusterRow>()
  for (const { members, counts, ...rest } of clusters)
    if (members.length > 1 || rest.lastConflict)
      now.set(members[0]!.id, { ...rest, counts: Object.fromEntries(counts) })
  // A name whose bearer was not resolved stays: under changed rules its cluster may have been resolved before.
  for (const { identifierId: id, before } of placements)
    if (before.identifierId === id && !now.has(id) && rows.clusters.get(id)) rows.clusters.delete(id)
  for (const [id, row] of now) {
    const known = rows.clusters.get(id)
    if (!known || !sameCluster(known, row)) rows.clusters.put(id, row)
  }
}

function sameCluster(a: ClusterRow, b: ClusterRow): boolean {
  const textOf = (row: ClusterRow): string =>
    JSON.stringify([
      Object.entries(row.counts).sort(([x], [y]) => (x < y ? -1 : 1)),
      [row.lastAccepted, row.lastConflict].map((each) => each && [each.class, each.a, each.b, each.timeMs]),
      row.separated,
    ])
  return textOf(a) === textOf(b)
}
