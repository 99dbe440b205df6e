/**
 * What arrived at a destination against what was published. Pure.
 *
 *  A1. Every change arrived, or ended as filtered because something newer was sent.
 *  A2. Per person, changes arrived for the first time in their order.
 *  A3. What arrived twice has the same idempotency key, and a key stands for one change.
 */
export interface Arrival {
  /** Idempotency key. */
  readonly id: string
  readonly person: string
  /** Number of the person's change, 1 at first. */
  readonly step: number
  readonly atMs: number
}

export interface Judged {
  /** Different changes. */
  readonly arrived: number
  readonly repeated: number
  readonly lost: number
  readonly outOfOrder: number
  /** Changes under two keys, and keys of two changes. */
  readonly wrongKeys: number
}

/** `published`: person → number of changes; `superseded`: changes that ended as filtered. */
export function judgeArrivals(
  arrivals: readonly Arrival[],
  published: ReadonlyMap<string, number>,
  superseded: number,
): Judged {
  const keyOf = new Map<string, string>()
  const changeOf = new Map<string, string>()
  const last = new Map<string, number>()
  let repeated = 0
  let outOfOrder = 0
  let wrongKeys = 0
  for (const { id, person, step } of arrivals) {
    const change = `${person} ${step}`
    if ((keyOf.get(change) ?? id) !== id || (changeOf.get(id) ?? change) !== change) wrongKeys++
    if (changeOf.has(id)) repeated++
    else if (step < (last.get(person) ?? 0)) outOfOrder++
    keyOf.set(change, id)
    changeOf.set(id, change)
    last.set(person, Math.max(step, last.get(person) ?? 0))
  }
  const all = [...published.values()].reduce((sum, steps) => sum + steps, 0)
  return { arrived: keyOf.size, repeated, lost: all - keyOf.size - superseded, outOfOrder, wrongKeys }
}

/** Milliseconds below which so many of a hundred lie; 0 of none. */
export function percentile(values: readonly number[], hundredths: number): number {
  const sorted = values.toSorted((a, b) => a - b)
  return sorted[Math.min(sorted.length - 1, Math.floor((sorted.length * hundredths) / 100))] ?? 0
}
