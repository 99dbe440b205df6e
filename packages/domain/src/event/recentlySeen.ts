/**
 * What was last worked out for a text, so that the same visitor's next event costs a look instead of a hash.
 *
 * Two generations: an answer that is asked for again while it is in the old one moves to the young one; when the young one
 * is full it becomes the old, and what nobody asked for is dropped. So it never holds more than twice `entries`, keeps what
 * is in use, and costs one look-up when it hits.
 */
export interface RecentlySeen<T> {
  get(key: string): T | undefined
  set(key: string, value: T): void
}

export function createRecentlySeen<T>(entries: number): RecentlySeen<T> {
  let young = new Map<string, T>()
  let old = new Map<string, T>()

  function set(key: string, value: T): void {
    if (young.size >= entries) {
      old = young
      young = new Map()
    }
    young.set(key, value)
  }

  return {
    get(key) {
      const found = young.get(key)
      if (found !== undefined) return found
      const older = old.get(key)
      if (older !== undefined) set(key, older)
      return older
    },
    set,
  }
}
