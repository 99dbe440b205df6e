import { type PublishedChange } from '../profile/profileProcessor.ts'

/**
 * Changes that a slow watcher may be behind by: with records of a few KB a few MB per watcher. One that is further
 * behind is told so and starts again from the profile as it is.
 */
export const MAX_BEHIND = 1_000

export interface Watcher {
  /** Undefined: every profile. */
  readonly profileIds: Set<string> | undefined
  readonly send: (change: PublishedChange) => void
  /** No more changes will come. */
  readonly fail: (error: unknown) => void
}

/** Those who watch changes as they come out. */
export class Watchers {
  readonly #watchers = new Set<Watcher>()

  get size(): number {
    return this.#watchers.size
  }

  add(watcher: Watcher): () => void {
    this.#watchers.add(watcher)
    return () => this.#watchers.delete(watcher)
  }

  /** A watched profile that is merged is watched on under the id it has now. */
  tell(change: PublishedChange): void {
    for (const { profileIds, send } of this.#watchers) {
      if (profileIds && !profileIds.has(change.profileId)) continue
      if (profileIds && change.mergedInto !== undefined) profileIds.add(change.mergedInto)
      send(change)
    }
  }

  /** The changes cannot be read: everybody is told, and nobody watches any more. */
  fail(error: unknown): void {
    const told = [...this.#watchers]
    this.#watchers.clear()
    for (const watcher of told) watcher.fail(error)
  }
}
