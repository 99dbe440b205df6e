import { alignRows } from './alignRows.ts'

/** Prints what was measured beside a bar, for people: a name, then numbers. */
export function printTable(head: readonly string[], rows: readonly (readonly string[])[]): void {
  process.stderr.write(`${alignRows([head, ...rows], (column) => column > 0).join('\n')}\n`)
}
