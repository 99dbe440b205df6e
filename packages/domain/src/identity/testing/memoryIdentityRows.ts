import { type IdentityRows, type Rows } from '../identityState.ts'

/** Rows in a map beside their sorted keys; for tests. */
export function createMemoryRows<V>(): Rows<V> {
  const rows = new Map<string, V>()
  const keys: string[] = []
  const placeOf = (key: string): number => {
    let [low, high] = [0, keys.length]
    while (low < high) {
      const middle = (low + high) >>> 1
      if (keys[middle]! < key) low = middle + 1
      else high = middle
    }
    return low
  }
  return {
    get: (key) => rows.get(key),
    put(key, value) {
      if (!rows.has(key)) keys.splice(placeOf(key), 0, key)
      rows.set(key, value)
    },
    delete(key) {
      if (rows.delete(key)) keys.splice(placeOf(key), 1)
    },
    range(from, to, limit = Number.POSITIVE_INFINITY) {
      const start = placeOf(from)
      const end = Math.min(placeOf(to), start + limit)
      return keys.slice(start, end).map((key) => [key, rows.get(key)!] as const)
    },
  }
}

export function createMemoryIdentityRows(): IdentityRows {
  return {
    rules: createMemoryRows(),
    walk: createMemoryRows(),
    identifiers: createMemoryRows(),
    evidence: createMemoryRows(),
    evidenceOf: createMemoryRows(),
    facts: createMemoryRows(),
    factsOf: createMemoryRows(),
    membersOf: createMemoryRows(),
    conflicts: createMemoryRows(),
    clusters: createMemoryRows(),
  }
}
