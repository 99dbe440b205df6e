/** Merges two lists sorted by `compare` with no key twice; equal keys are joined. */
export function mergeSorted<T>(
  a: readonly T[],
  b: readonly T[],
  compare: (a: T, b: T) => number,
  join: (a: T, b: T) => T,
): T[] {
  const out: T[] = []
  let [i, j] = [0, 0]
  while (i < a.length && j < b.length) {
    const order = compare(a[i]!, b[j]!)
    if (order < 0) out.push(a[i++]!)
    else if (order > 0) out.push(b[j++]!)
    else out.push(join(a[i++]!, b[j++]!))
  }
  for (; i < a.length; i++) out.push(a[i]!)
  for (; j < b.length; j++) out.push(b[j]!)
  return out
}
