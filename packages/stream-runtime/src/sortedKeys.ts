import { compareKeys } from './compareKeys.ts'

/** Every 16th of the keys: up to that many are put in place one by one, more are sorted with the others. */
const PUT_IN_PLACE = 1 / 16

/** Half of a pair: only where there are some does the order of the bytes differ from that of JavaScript. */
const SURROGATE = /[\ud800-\udfff]/

/** A set of strings in the order of their bytes, for the few thousand keys one batch changes; sorted when it is asked. */
export class SortedKeys {
  #keys: string[] = []
  #added = new Set<string>()
  /** No key has a surrogate: then JavaScript's own comparison, which is quicker, gives the same order. */
  #plain = true

  add(key: string): void {
    this.#added.add(key)
    this.#plain &&= !SURROGATE.test(key)
  }

  /** Keys with from ≤ key < to, as of this moment. */
  range(from: string, to: string): readonly string[] {
    this.#sort()
    const start = this.#lowerBound(from)
    return this.#keys.slice(start, Math.max(start, this.#lowerBound(to)))
  }

  #sort(): void {
    if (this.#added.size === 0) return
    if (this.#added.size > this.#keys.length * PUT_IN_PLACE)
      this.#keys = sortKeys([...new Set([...this.#keys, ...this.#added])])
    else
      for (const key of this.#added) {
        const at = this.#lowerBound(key)
        if (this.#keys[at] !== key) this.#keys.splice(at, 0, key)
      }
    this.#added = new Set()
  }

  #lowerBound(key: string): number {
    const plain = this.#plain && !SURROGATE.test(key)
    let low = 0
    let high = this.#keys.length
    while (low < high) {
      const middle = (low + high) >>> 1
      const before = this.#keys[middle]!
      if (plain ? before < key : compareKeys(before, key) < 0) low = middle + 1
      else high = middle
    }
    return low
  }
}

/** Sorts in place by the bytes. */
export function sortKeys(keys: string[]): string[] {
  return keys.some((key) => SURROGATE.test(key)) ? keys.sort(compareKeys) : keys.sort()
}
