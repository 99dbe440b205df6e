import { compareKeys } from '../compareKeys.ts'
import type { StateStore, StateStores, StoreName, StoreWrite } from '../ports/store.ts'

interface Held {
  rows: Map<string, Uint8Array>
  /** Keys in order; undefined after a change. */
  sorted: string[] | undefined
  ends: Map<string, number>
  asOfMs: number | undefined
}

function empty(): Held {
  return { rows: new Map(), sorted: undefined, ends: new Map(), asOfMs: undefined }
}

/** The store port in memory. `contents` outlive the handle, as files outlive a process. */
export function createMemoryStore(contents: Held = empty()): StateStore {
  function sortedKeys(): string[] {
    return (contents.sorted ??= [...contents.rows.keys()].sort(compareKeys))
  }
  function lowerBound(keys: string[], key: string): number {
    let low = 0
    let high = keys.length
    while (low < high) {
      const middle = (low + high) >>> 1
      if (compareKeys(keys[middle]!, key) < 0) low = middle + 1
      else high = middle
    }
    return low
  }
  function set(key: string, value: Uint8Array | null) {
    if (value === null) contents.rows.delete(key)
    else contents.rows.set(key, Buffer.from(value))
  }
  return {
    get: (key) => copy(contents.rows.get(key)),
    *range(from, to, limit = Infinity) {
      const keys = sortedKeys()
      let left = limit
      for (let i = lowerBound(keys, from); i < keys.length && left-- > 0; i++) {
        const key = keys[i]!
        if (compareKeys(key, to) >= 0) return
        yield [key, Buffer.from(contents.rows.get(key)!)]
      }
    },
    ends: () => new Map(contents.ends),
    asOfMs: () => contents.asOfMs,
    write(change: StoreWrite) {
      // Read whole before anything is applied: what fails half way must leave nothing behind.
      const rows = [...change.rows]
      for (const { from, to } of change.deletedRanges ?? [])
        for (const key of sortedKeys())
          if (compareKeys(key, from) >= 0 && compareKeys(key, to) <= 0) contents.rows.delete(key)
      for (const { key, value } of rows) set(key, value)
      for (const [log, end] of change.ends) contents.ends.set(log, end)
      contents.asOfMs = change.asOfMs
      contents.sorted = undefined
    },
    wipe: () => void Object.assign(contents, empty()),
    *dump() {
      for (const key of sortedKeys()) yield [key, Buffer.from(contents.rows.get(key)!)]
    },
    close: () => Promise.resolve(),
  }
}

function copy(bytes: Uint8Array | undefined): Buffer | undefined {
  return bytes && Buffer.from(bytes)
}

export interface MemoryStores extends StateStores {
  /** Loses one store, as when a disk is replaced. */
  lose(name: StoreName): void
}

export function createMemoryStores(): MemoryStores {
  const held = new Map<string, Held>()
  const id = (name: StoreName) => `${name.group}/${name.partition}`
  return {
    open(name) {
      let contents = held.get(id(name))
      if (!contents) held.set(id(name), (contents = empty()))
      return Promise.resolve(createMemoryStore(contents))
    },
    lose: (name) => void held.delete(id(name)),
  }
}
