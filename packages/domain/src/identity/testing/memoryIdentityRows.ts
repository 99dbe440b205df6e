import { type IdentityRows, type Rows } from '../identityState.ts'

/** Rows in a map, sorted when asked for; for tests. */
export function createMemoryRows<V>(): Rows<V> {
  const rows = new Map<string, V>()
  return {
    get: (key) => rows.get(key),
    put: (key, value) => void rows.set(key, value),
    delete: (key) => void rows.delete(key),
    range: (from, to, limit = Number.POSITIVE_INFINITY) =>
      [...rows]
        .filter(([key]) => key >= from && key < to)
        .sort(([a], [b]) => (a < b ? -1 : 1))
        .slice(0, limit),
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
  }
}
