import { globSync, readFileSync } from 'node:fs'
import { basename, join } from 'node:path'
import { parse } from 'yaml'
import { readExpression } from './expression.ts'
import type { Recorded } from './expressionProblems.ts'

export const root = join(import.meta.dirname, '../..')

export interface Rule {
  readonly file: string
  readonly alert?: string
  readonly record?: string
  readonly expr: string
  readonly for?: string
  readonly labels?: Readonly<Record<string, string>>
  readonly annotations?: Readonly<Record<string, string>>
}

export interface RuleTest {
  readonly alert_rule_test: readonly { readonly alertname: string; readonly exp_alerts: readonly object[] }[]
}

interface RuleFile {
  readonly groups: readonly { readonly name: string; readonly rules: readonly Omit<Rule, 'file'>[] }[]
}

const folder = join(root, 'deploy/monitoring/rules')

export function readRules(): readonly Rule[] {
  return globSync('*.yaml', { cwd: folder }).flatMap((file) => {
    const { groups } = parse(readFileSync(join(folder, file), 'utf8')) as RuleFile
    return groups.flatMap(({ rules }) => rules.map((rule) => ({ ...rule, file: basename(file, '.yaml') })))
  })
}

/** What promtool runs, by file. */
export function readRuleTests(): ReadonlyMap<string, readonly RuleTest[]> {
  return new Map(
    globSync('tests/*.yaml', { cwd: folder }).map((file) => {
      const { tests } = parse(readFileSync(join(folder, file), 'utf8')) as { tests: readonly RuleTest[] }
      return [join(folder, file), tests]
    }),
  )
}

/** Recorded series; each is a sum or a count by labels. */
export function recordedSeries(rules: readonly Rule[]): readonly Recorded[] {
  return rules.flatMap(({ record, expr }) =>
    record === undefined ? [] : [{ name: record, labels: readExpression(expr).groupings }],
  )
}
