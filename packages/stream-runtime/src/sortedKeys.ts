import { compareKeys } from './compareKeys.ts'

/** A set of strings in the order of their bytes, for the few thousand keys one batch changes. */
export class SortedKeys {
  readonly #keys: string[] = []

  add(key: string): void {
    const at = this.#lowerBound(key)
    if (this.#keys[at] !== key) this.#keys.splice(at, 0, key)
  }

  /** Keys with from ≤ key < to. */
  *range(from: string, to: string): Iterable<string> {
    for (let i = this.#lowerBound(from); i < this.#keys.length; i++) {
      const key = this.#keys[i]!
      if (compareKeys(key, to) >= 0) return
      yield key
    }
  }

  #lowerBound(key: string): number {
    let low = 0
    let high = this.#keys.length
    while (low < high) {
      const middle = (low + high) >>> 1
      if (compareKeys(this.#keys[middle]!, key) < 0) low = middle + 1
      else high = middle
    }
    return low
  }
}
