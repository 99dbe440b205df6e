/** Rows as aligned columns; the last column is not padded. Widths count code points. */
export function table(
  rows: readonly (readonly string[])[],
  options: { readonly indent?: number } = {},
): string {
  const widths: number[] = []
  for (const row of rows)
    for (const [i, cell] of row.entries()) widths[i] = Math.max(widths[i] ?? 0, width(cell))
  const indent = ' '.repeat(options.indent ?? 0)
  return rows
    .map((row) =>
      (
        indent +
        row
          .map((cell, i) => (i === row.length - 1 ? cell : cell + ' '.repeat(widths[i]! - width(cell))))
          .join('  ')
      ).trimEnd(),
    )
    .join('\n')
}

// oxlint-disable-next-line no-control-regex -- colours are control sequences
const COLOUR = /\u001b\[\d+m/g

function width(text: string): number {
  return Array.from(text.replaceAll(COLOUR, '')).length
}

/** "1 document", "3 documents". */
export function counted(n: number, one: string, many = `${one}s`): string {
  return `${n} ${n === 1 ? one : many}`
}

/** One line of at most so many characters. */
export function shortened(text: string, length: number): string {
  const line = text.replaceAll(/\s+/g, ' ').trim()
  return line.length > length ? `${line.slice(0, length - 1)}…` : line
}
