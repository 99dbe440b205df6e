/** Measured bars as aligned lines for people. */
import { alignRows } from './alignRows.ts'
import type { Measured } from './bar.ts'

export function barTable(bars: readonly Measured[]): string[] {
  const rows = bars.map((bar) => [
    bar.name,
    `${number(bar.ours)} ${bar.unit}`,
    `${number(bar.reference)} ${bar.unit}`,
    bar.ratio.toFixed(2),
    `${bar.better === 'higher' ? '≥' : '≤'} ${bar.goal}`,
    bar.holds ? 'holds' : 'short',
  ])
  const all = [['name', 'ours', 'reference', 'ratio', 'goal', ''], ...rows]
  return alignRows(all, (column) => column >= 1 && column <= 3)
}

function number(value: number): string {
  if (value >= 1000) return Math.round(value).toLocaleString('en-US')
  return value >= 100 ? value.toFixed(0) : value >= 1 ? value.toFixed(1) : value.toPrecision(2)
}
