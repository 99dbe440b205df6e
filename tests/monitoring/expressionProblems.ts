import type { DeclaredMetric } from './declaredMetrics.ts'
import { readExpression } from './expression.ts'

/** Labels that scraping adds, here and with the Prometheus operator. */
const TARGET_LABELS = ['instance', 'job', 'namespace', 'pod', 'container']

/** Labels that expressions make themselves. */
const MADE_LABELS = ['service']

/** A recorded series: its expression has been examined by itself. */
export interface Recorded {
  readonly name: string
  readonly labels: readonly string[]
}

/** What is wrong with an expression: no PromQL, or a metric or label that does not exist. Empty when nothing is. */
export function expressionProblems(
  text: string,
  declared: readonly DeclaredMetric[],
  recorded: readonly Recorded[] = [],
): string[] {
  const { selectors, groupings, errorAt } = readExpression(text)
  if (errorAt !== undefined) return [`no PromQL at "${text.slice(errorAt, errorAt + 20)}"`]
  if (selectors.length === 0) return ['names no metric']
  const known = new Set([...TARGET_LABELS, ...MADE_LABELS])
  const problems: string[] = []
  for (const { metric, labels } of selectors) {
    const own = labelsOf(metric, declared, recorded)
    if (!own) {
      problems.push(`there is no metric ${metric}`)
      continue
    }
    for (const label of own) known.add(label)
    for (const label of labels)
      if (!own.includes(label) && !TARGET_LABELS.includes(label))
        problems.push(`${metric} has no label ${label}`)
  }
  if (problems.length > 0) return problems
  return groupings.filter((label) => !known.has(label)).map((label) => `none of its metrics has ${label}`)
}

/** Labels of a series, as a histogram has three. Undefined when there is no such series. */
function labelsOf(
  series: string,
  declared: readonly DeclaredMetric[],
  recorded: readonly Recorded[],
): readonly string[] | undefined {
  const known = recorded.find(({ name }) => name === series)
  if (known) return known.labels
  const plain = declared.find(({ name, type }) => name === series && type !== 'histogram')
  if (plain) return plain.labels
  const [, name, part] = /^(.*)_(bucket|sum|count)$/.exec(series) ?? []
  const histogram = declared.find((metric) => metric.name === name && metric.type === 'histogram')
  if (!histogram) return undefined
  return part === 'bucket' ? [...histogram.labels, 'le'] : histogram.labels
}
