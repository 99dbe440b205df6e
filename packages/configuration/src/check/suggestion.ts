/** How many single-letter changes (insert, remove, replace, swap of neighbours) lead from one word to the other. */
function distance(a: string, b: string): number {
  const rows = Array.from({ length: a.length + 1 }, (_, i) =>
    Array.from({ length: b.length + 1 }, (__, j) => (i === 0 ? j : j === 0 ? i : 0)),
  )
  for (let i = 1; i <= a.length; i++)
    for (let j = 1; j <= b.length; j++) {
      const same = a[i - 1] === b[j - 1]
      let best = Math.min(rows[i - 1]![j]! + 1, rows[i]![j - 1]! + 1, rows[i - 1]![j - 1]! + (same ? 0 : 1))
      if (i > 1 && j > 1 && a[i - 1] === b[j - 2] && a[i - 2] === b[j - 1])
        best = Math.min(best, rows[i - 2]![j - 2]! + 1)
      rows[i]![j] = best
    }
  return rows[a.length]![b.length]!
}

/** Longest word worth comparing: nobody mistypes a longer one, and the table grows with its square. */
const MAX_LENGTH = 64

/** The known word somebody most likely meant; undefined when none is near. */
export function suggestion(word: string, known: Iterable<string>): string | undefined {
  if (word.length > MAX_LENGTH) return undefined
  let best: { word: string; cost: number } | undefined
  for (const each of known) {
    if (each.length > MAX_LENGTH) continue
    const cost =
      each.toLowerCase().replaceAll(/[-_]/g, '') === word.toLowerCase().replaceAll(/[-_]/g, '')
        ? 0
        : distance(word.toLowerCase(), each.toLowerCase())
    // One change for a short word, two for a longer one: more would suggest what was never meant.
    if (
      cost <= Math.min(2, Math.floor(Math.max(word.length, each.length) / 3)) &&
      (!best || cost < best.cost)
    )
      best = { word: each, cost }
  }
  return best?.word
}

/** " Did you mean `x`?", or the known words when there are few, or nothing. */
export function didYouMean(word: string, known: readonly string[]): string {
  const meant = suggestion(word, known)
  if (meant !== undefined) return `: did you mean \`${meant}\`?`
  return known.length > 0 && known.length <= 12 ? `; known are ${known.join(', ')}` : ''
}
