/**
 * The disk of one node: its stores outlive the processes. It can lose a store, and after a crash of the machine it may
 * hold an earlier state of one, as a store that is written lazily does.
 *
 * Each store keeps a sum over its rows, so that two stores can be compared after every write.
 */
import { hash } from 'node:crypto'
import type { StateStore, StateStores, StoreName, StoreWrite } from '@tributary/stream-runtime'
import { compareKeys } from '../../packages/stream-runtime/src/compareKeys.ts'
import type { Random } from '../demo/random.ts'

interface Contents {
  rows: Map<string, Uint8Array>
  sums: Map<string, number>
  /** Sum of `sums`, as a whole number below 2^52. */
  sum: number
  ends: Map<string, number>
  asOfMs: number | undefined
}

/** Called after each write with what the store holds then. */
export type WatchStore = (name: StoreName, write: StoreWrite, store: StateStore, sum: number) => void

/** One write of so many reaches the disk at once. */
const SYNCED_ONE_IN = 6
const SUM_MODULUS = 2 ** 52

export class SimulatedDisk implements StateStores {
  readonly #random: Random
  readonly #watch: WatchStore
  readonly #stores = new Map<string, { now: Contents; synced: Contents }>()

  constructor(random: Random, watch: WatchStore) {
    this.#random = random
    this.#watch = watch
  }

  open(name: StoreName): Promise<StateStore> {
    const id = `${name.group}/${name.partition}`
    let held = this.#stores.get(id)
    if (!held) this.#stores.set(id, (held = { now: empty(), synced: empty() }))
    return Promise.resolve(this.#store(name, held))
  }

  /** Every store is gone, or some of them. */
  lose(share: number): void {
    for (const id of this.#stores.keys()) if (this.#random.chance(share)) this.#stores.delete(id)
  }

  /** The machine went down: what had not reached the disk is gone. */
  loseWhatIsLazy(): void {
    for (const held of this.#stores.values()) held.now = copy(held.synced)
  }

  #store(name: StoreName, held: { now: Contents; synced: Contents }): StateStore {
    let sorted: string[] | undefined
    const sortedKeys = () => (sorted ??= [...held.now.rows.keys()].sort(compareKeys))
    const store: StateStore = {
      get: (key) => copied(held.now.rows.get(key)),
      *range(from, to, limit = Infinity) {
        const keys = sortedKeys()
        const { rows } = held.now
        for (let i = lowerBound(keys, from), left = limit; i < keys.length && left > 0; i++, left--) {
          const key = keys[i]!
          if (compareKeys(key, to) >= 0) return
          yield [key, Buffer.from(rows.get(key)!)]
        }
      },
      ends: () => new Map(held.now.ends),
      asOfMs: () => held.now.asOfMs,
      write: (change) => {
        // Read whole before anything is applied: what fails half way must leave nothing behind.
        const rows = [...change.rows]
        for (const { from, to } of change.deletedRanges ?? [])
          for (const key of sortedKeys())
            if (compareKeys(key, from) >= 0 && compareKeys(key, to) <= 0) set(held.now, key, null)
        let sameKeys = change.deletedRanges === undefined || change.deletedRanges.length === 0
        for (const { key, value } of rows) {
          if (value === null ? held.now.rows.has(key) : !held.now.rows.has(key)) sameKeys = false
          set(held.now, key, value)
        }
        if (!sameKeys) sorted = undefined
        for (const [log, end] of change.ends) held.now.ends.set(log, end)
        held.now.asOfMs = change.asOfMs
        if (this.#random.chance(1 / SYNCED_ONE_IN)) held.synced = copy(held.now)
        this.#watch(name, change, store, held.now.sum)
      },
      wipe: () => {
        held.now = empty()
        held.synced = empty()
        sorted = undefined
      },
      dump: () => sortedKeys().map((key) => [key, held.now.rows.get(key)!] as const),
      close: () => {
        held.synced = copy(held.now)
        return Promise.resolve()
      },
    }
    return store
  }
}

function copied(bytes: Uint8Array | undefined): Buffer | undefined {
  return bytes && Buffer.from(bytes)
}

function empty(): Contents {
  return { rows: new Map(), sums: new Map(), sum: 0, ends: new Map(), asOfMs: undefined }
}

function copy({ rows, sums, sum, ends, asOfMs }: Contents): Contents {
  return { rows: new Map(rows), sums: new Map(sums), sum, ends: new Map(ends), asOfMs }
}

function set(contents: Contents, key: string, value: Uint8Array | null): void {
  const { rows, sums } = contents
  contents.sum -= sums.get(key) ?? 0
  if (value === null) {
    rows.delete(key)
    sums.delete(key)
  } else {
    const sum = rowSum(key, value)
    rows.set(key, Buffer.from(value))
    sums.set(key, sum)
    contents.sum += sum
  }
  contents.sum = ((contents.sum % SUM_MODULUS) + SUM_MODULUS) % SUM_MODULUS
}

/** 48 bits of a row. */
function rowSum(key: string, value: Uint8Array): number {
  const text = hash('md5', Buffer.concat([Buffer.from(`${key}\0`), value]), 'hex')
  return Number.parseInt(text.slice(0, 12), 16)
}

function lowerBound(keys: readonly string[], key: string): number {
  let low = 0
  let high = keys.length
  while (low < high) {
    const middle = (low + high) >>> 1
    if (compareKeys(keys[middle]!, key) < 0) low = middle + 1
    else high = middle
  }
  return low
}
