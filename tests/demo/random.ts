/** A seeded source of randomness: the same seed gives the same week, on any machine. */
export interface Random {
  /** 0 ≤ x < 1 */
  next(): number
  /** from ≤ integer ≤ to */
  between(from: number, to: number): number
  chance(probability: number): boolean
  pick<T>(of: readonly T[]): T
  /** Hexadecimal digits. */
  hex(digits: number): string
}

/** mulberry32 (Tommy Ettinger, public domain): 32 bits of state, good enough to make up a shop. */
export function createRandom(seed: number): Random {
  let state = seed >>> 0
  const next = (): number => {
    state = (state + 0x6d2b79f5) >>> 0
    let t = state
    t = Math.imul(t ^ (t >>> 15), t | 1)
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61)
    return ((t ^ (t >>> 14)) >>> 0) / 4294967296
  }
  const between = (from: number, to: number): number => from + Math.floor(next() * (to - from + 1))
  return {
    next,
    between,
    chance: (probability) => next() < probability,
    pick: (of) => of[between(0, of.length - 1)]!,
    hex: (digits) => Array.from({ length: digits }, () => between(0, 15).toString(16)).join(''),
  }
}
