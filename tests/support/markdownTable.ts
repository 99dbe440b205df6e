/** Columns narrower than this the formatter widens: "---", and "---:" where numbers stand to the right. */
const [LEAST_WIDTH, LEAST_WIDTH_RIGHT] = [3, 4]

/**
 * A table of a page that is made, as the formatter writes it: it must find nothing to change. Columns from `rightFrom` on
 * hold numbers and stand to the right.
 */
export function markdownTable(
  head: readonly string[],
  rows: readonly (readonly (string | number)[])[],
  { rightFrom = Infinity }: { readonly rightFrom?: number } = {},
): string {
  const cells = [head, ...rows.map((row) => row.map(String))]
  const isRight = (column: number): boolean => column >= rightFrom
  const widths = head.map((_, column) =>
    Math.max(isRight(column) ? LEAST_WIDTH_RIGHT : LEAST_WIDTH, ...cells.map((row) => row[column]!.length)),
  )
  const padded = (cell: string, column: number): string =>
    isRight(column) ? cell.padStart(widths[column]!) : cell.padEnd(widths[column]!)
  const line = (row: readonly string[]): string => `| ${row.map(padded).join(' | ')} |`
  const rule = widths.map((width, column) =>
    isRight(column) ? `${'-'.repeat(width - 1)}:` : '-'.repeat(width),
  )
  return [line(head), line(rule), ...cells.slice(1).map(line)].join('\n')
}
