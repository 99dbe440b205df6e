import { changeClasses, type Change, type FieldChange, type Plan } from '@tributary/configuration'
import type { Paint } from './paint.ts'
import { counted, shortened, table } from './table.ts'

const marks = { create: '+', update: '~', delete: '-' } as const

/** Longest value shown in full, characters: a plan is read, not parsed (that is --json). */
const MAX_VALUE = 60

/** What a plan would change, for people. */
export function planText(plan: Plan, paint: Paint): string {
  const lines: string[] = []
  for (const changeClass of changeClasses) {
    const changes = plan.changes.filter((change) => change.class === changeClass)
    if (changes.length === 0) continue
    lines.push(paint.bold(`${changeClass} (${changes.length})`))
    for (const change of changes) lines.push(...changeLines(change, paint))
    lines.push('')
  }
  for (const name of plan.unpruned)
    lines.push(paint.yellow(`  ${name} is in force but not in the files; --prune would delete it`))
  if (plan.unpruned.length > 0) lines.push('')
  lines.push(summary(plan))
  return lines.join('\n')
}

function changeLines(change: Change, paint: Paint): string[] {
  const colour = { create: paint.green, update: paint.yellow, delete: paint.red }[change.action]
  const note = change.note === undefined ? '' : paint.dim(`  ${change.note}`)
  const fields = change.fields.map((field) => fieldRow(field))
  return [
    `  ${colour(`${marks[change.action]} ${change.document}`)}${note}`,
    ...(fields.length > 0 ? [table(fields, { indent: 6 })] : []),
  ]
}

function fieldRow(field: FieldChange): string[] {
  const show = (key: 'before' | 'after') =>
    key in field ? shortened(JSON.stringify(field[key]), MAX_VALUE) : '–'
  return [field.path, `${show('before')} → ${show('after')}`]
}

function summary(plan: Plan): string {
  if (plan.changes.length === 0) return `no changes: revision ${plan.parent} is what the files say`
  const counts = changeClasses
    .filter((each) => plan.counts[each] > 0)
    .map((each) => `${plan.counts[each]} ${each}`)
  return `${counted(plan.changes.length, 'change')} on revision ${plan.parent}: ${counts.join(', ')}`
}
