import { expect, test } from '@jest/globals'
import { globSync, readFileSync } from 'node:fs'
import { basename, join } from 'node:path'
import { declaredMetrics } from './declaredMetrics.ts'
import { expressionProblems } from './expressionProblems.ts'
import { readExpression } from './expression.ts'
import { readRules, recordedSeries, root } from './ruleFiles.ts'

interface Panel {
  readonly id: number
  readonly type: string
  readonly title: string
  readonly description?: string
  readonly gridPos: { readonly h: number; readonly w: number; readonly x: number; readonly y: number }
  readonly targets?: readonly { readonly expr: string; readonly legendFormat: string }[]
}

interface Dashboard {
  readonly uid: string
  readonly title: string
  readonly panels: readonly Panel[]
  readonly templating: { readonly list: readonly { readonly name: string; readonly definition?: string }[] }
}

const folder = join(root, 'deploy/monitoring/dashboards')
const dashboards = globSync('*.json', { cwd: folder })
  .sort()
  .map((file) => [file, JSON.parse(readFileSync(join(folder, file), 'utf8')) as Dashboard] as const)
const declared = declaredMetrics()
const recorded = recordedSeries(readRules())
const names = ['collector', 'deliveries', 'identity', 'overview', 'profiles']

test('there is a dashboard for each part, named as its file', () => {
  expect(dashboards.map(([file]) => file)).toEqual(names.map((name) => `tributary-${name}.json`))
  for (const [file, { uid }] of dashboards) expect(uid).toBe(basename(file, '.json'))
})

test.each(dashboards)(
  'every expression of %s is PromQL and names metrics and labels that exist',
  (_, dashboard) => {
    const expressions = dashboard.panels.flatMap(({ title, targets = [] }) =>
      targets.map(({ expr }) => ({ title, expr })),
    )
    expect(expressions.length).toBeGreaterThan(10)
    const problems = expressions.flatMap(({ title, expr }) =>
      expressionProblems(expr, declared, recorded).map((problem) => `${title}: ${problem}`),
    )
    for (const { definition } of dashboard.templating.list)
      if (definition !== undefined) {
        const [, metric = '', label = ''] = /^label_values\((\w+), (\w+)\)$/.exec(definition) ?? []
        problems.push(...expressionProblems(`sum by (${label}) (${metric})`, declared))
      }
    expect(problems).toEqual([])
  },
)

test.each(dashboards)('a legend of %s shows labels that its series still have', (_, dashboard) => {
  for (const { title, targets = [] } of dashboard.panels)
    for (const { expr, legendFormat } of targets) {
      const shown = [...legendFormat.matchAll(/\{\{(\w+)\}\}/g)].map(([, label]) => label!)
      const { groupings } = readExpression(expr)
      const isAggregated = /\b(?:sum|max|min|count)\b/.test(expr)
      const kept = isAggregated ? groupings : ['pod', 'instance']
      expect([title, shown.filter((label) => !kept.includes(label))]).toEqual([title, []])
    }
})

test.each(dashboards)(
  'the panels of %s have an id of their own, say what they show, and do not lie on each other',
  (_, { panels }) => {
    expect(new Set(panels.map(({ id }) => id)).size).toBe(panels.length)
    const taken = new Set<string>()
    for (const { type, title, description, gridPos } of panels) {
      expect([title, type === 'row' || description?.endsWith('.')]).toEqual([title, true])
      expect(gridPos.x + gridPos.w).toBeLessThanOrEqual(24)
      for (let x = gridPos.x; x < gridPos.x + gridPos.w; x++)
        for (let y = gridPos.y; y < gridPos.y + gridPos.h; y++) {
          expect([title, taken.has(`${x},${y}`)]).toEqual([title, false])
          taken.add(`${x},${y}`)
        }
    }
  },
)

test('every metric of the reference is on a dashboard or in a rule, apart from those that only a question needs', () => {
  const text = [
    ...dashboards.flatMap(([, { panels }]) =>
      panels.flatMap(({ targets = [] }) => targets.map(({ expr }) => expr)),
    ),
    ...readRules().map(({ expr }) => expr),
  ].join('\n')
  const unused = declared.map(({ name }) => name).filter((name) => !text.includes(name))
  expect(
    unused.filter(
      (name) =>
        !/_event_log_(rows|ranges)_total$|_event_log_freshness_seconds$|_grpc_in_flight_records$/.test(name),
    ),
  ).toEqual([])
})
