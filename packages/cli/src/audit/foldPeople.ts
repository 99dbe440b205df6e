/** Folds what the log has of each person into the parts of a profile, as the fragment tasks do. */
import type { PersonRow } from '@tributary/clickhouse-log'
import {
  type Fragment,
  type KeptAggregates,
  type ProfilePart,
  eventFacts,
  foldEvent,
} from '@tributary/domain'

export interface Person {
  readonly profileId: string
  /** By the log it has a public record. */
  readonly isPublic: boolean
  readonly parts: readonly ProfilePart[]
}

/** `rows`: sorted by profile. The memory of one person, and of what was read ahead. */
export async function* foldPeople(
  rows: AsyncIterable<readonly PersonRow[]>,
  kept: KeptAggregates,
): AsyncIterable<Person> {
  let current: { profileId: string; isPublic: boolean; parts: Map<string, Fragment | undefined> } | undefined
  for await (const lot of rows)
    for (const row of lot) {
      if (current?.profileId !== row.profileId) {
        if (current) yield personOf(current)
        current = { profileId: row.profileId, isPublic: false, parts: new Map() }
      }
      if (row.kind === 'public') current.isPublic = true
      else if (row.kind === 'identifier')
        current.parts.set(row.identifierId, current.parts.get(row.identifierId))
      else
        current.parts.set(
          row.filedUnder,
          foldEvent(current.parts.get(row.filedUnder), eventFacts(row.event), kept),
        )
    }
  if (current) yield personOf(current)
}

function personOf({
  profileId,
  isPublic,
  parts,
}: {
  readonly profileId: string
  readonly isPublic: boolean
  readonly parts: ReadonlyMap<string, Fragment | undefined>
}): Person {
  return {
    profileId,
    isPublic,
    parts: [...parts].map(([identifierId, fragment]) => ({ identifierId, fragment })),
  }
}
