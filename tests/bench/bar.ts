/**
 * A bar: one number of ours beside the same number of a reference, and how they must relate.
 *
 * 1. Both sides do the same work on the same input in the same process, in turns, so that a slow minute of the machine
 *    hits both.
 * 2. The number is a median of the runs; the ratio is the median of the ratios of neighbouring runs, not of the two
 *    medians.
 * 3. A goal is written down before it is measured, with its reason, and is not moved to fit.
 */
export interface Bar {
  name: string
  /** What is measured, in one sentence; both sides. */
  about: string
  unit: string
  /** Which way is better. */
  better: 'higher' | 'lower'
  /** Ours must be at least (higher) or at most (lower) this many times the reference. */
  goal: number
  runs?: number
  /** Prepares both sides; each call of a side does one run and gives its number. */
  prepare(): Promise<Sides>
}

export interface Sides {
  ours(): Promise<number> | number
  reference(): Promise<number> | number
  close?(): Promise<void>
}

export interface Measured {
  name: string
  about: string
  unit: string
  ours: number
  reference: number
  ratio: number
  goal: number
  better: Bar['better']
  holds: boolean
  runs: number
}

/** Odd, so that a median is a number that was measured; enough for one disturbed run to fall out. */
const RUNS = 7

export async function measure(
  bar: Bar,
  onRun: (run: number, of: number) => void = () => undefined,
): Promise<Measured> {
  const runs = bar.runs ?? RUNS
  const sides = await bar.prepare()
  const ours: number[] = []
  const reference: number[] = []
  try {
    // The first pair warms caches and compilers up, and is not counted.
    await sides.ours()
    await sides.reference()
    for (let run = 0; run < runs; run++) {
      onRun(run + 1, runs)
      const oursFirst = run % 2 === 0
      if (oursFirst) ours.push(await sides.ours())
      reference.push(await sides.reference())
      if (!oursFirst) ours.push(await sides.ours())
    }
  } finally {
    await sides.close?.()
  }
  const ratio = median(ours.map((value, index) => value / (reference[index] as number)))
  const { name, about, unit, goal, better } = bar
  const holds = better === 'higher' ? ratio >= goal : ratio <= goal
  return {
    name,
    about,
    unit,
    ours: median(ours),
    reference: median(reference),
    ratio,
    goal,
    better,
    holds,
    runs,
  }
}

export function median(values: readonly number[]): number {
  const sorted = values.toSorted((a, b) => a - b)
  const middle = sorted.length >> 1
  const upper = sorted[middle]
  if (upper === undefined) throw new Error('a median needs at least one value')
  return sorted.length % 2 === 1 ? upper : ((sorted[middle - 1] as number) + upper) / 2
}
