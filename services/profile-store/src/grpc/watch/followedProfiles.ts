import { type ToldChange } from './readChange.ts'

/**
 * Profiles of one watch, at most: a thousand are asked for, and merges and splits lead on to others. More is a
 * subscriber of the topic.
 */
export const MAX_FOLLOWED = 4_000

/**
 * Which changes concern a watch. It goes on with what a followed profile is merged into, which the records of either
 * side tell (they lie in two partitions and come in any order), and with what splits off from it: whoever was asked
 * for is on one of the two sides.
 */
export class FollowedProfiles {
  /** With the version after which each counts, "" for all. Undefined: every profile. */
  readonly #after: Map<string, string> | undefined

  constructor(profiles: Iterable<readonly [profileId: string, after: string]> | undefined) {
    this.#after = profiles && new Map(profiles)
  }

  /** Undefined: every profile. */
  get ids(): readonly string[] | undefined {
    return this.#after && [...this.#after.keys()]
  }

  get size(): number {
    return this.#after?.size ?? 0
  }

  /** Whether the change is to be told; learns from it where to go on. */
  wants({ profileId, version, mergedInto, cameFrom }: ToldChange): boolean {
    const followed = this.#after
    if (!followed) return true
    const after = followed.get(profileId)
    if (after === undefined) {
      if (!cameFrom.some((id) => followed.has(id))) return false
      followed.set(profileId, '')
    } else if (version <= after) return false
    if (mergedInto !== undefined && !followed.has(mergedInto)) followed.set(mergedInto, '')
    return true
  }
}
