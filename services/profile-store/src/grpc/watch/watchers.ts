import { type ChangePlace, type ToldChange } from './readChange.ts'

export interface Watcher {
  readonly take: (change: ToldChange, place: ChangePlace) => void
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

  tell(change: ToldChange, place: ChangePlace): void {
    for (const { take } of this.#watchers) take(change, place)
  }

  /** The changes cannot be read: everybody is told, and nobody watches any more. */
  fail(error: unknown): void {
    const told = [...this.#watchers]
    this.#watchers.clear()
    for (const watcher of told) watcher.fail(error)
  }
}
