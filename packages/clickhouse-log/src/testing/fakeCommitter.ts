/** Committed offsets of one partition, as a group's coordinator keeps them: only the present owner may commit. */
import type { CommitOutcome, Committer } from '../writer/ports.ts'

export class FakeCoordinator {
  committed: { offset: number; metadata: string } | undefined
  #generation = 0

  /** A new owner; every earlier one is refused from now on. */
  join(): Committer {
    const generation = ++this.#generation
    return {
      commit: (offset, metadata): Promise<CommitOutcome> => {
        if (generation !== this.#generation) return Promise.resolve({ kind: 'lost' })
        this.committed = { offset, metadata }
        return Promise.resolve({ kind: 'done' })
      },
    }
  }

  /** Committed offsets expire when a group was empty for long. */
  expire(): void {
    this.committed = undefined
  }
}
