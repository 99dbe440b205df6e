/** What a PromQL expression names: to hold rules and dashboards to the metrics there are. Pure. */
import { parser } from '@prometheus-io/lezer-promql'

export interface Expression {
  /** Selectors, with the labels they match. */
  readonly selectors: readonly { readonly metric: string; readonly labels: readonly string[] }[]
  /** Labels of `by`, `without`, `on`, `ignoring`, `group_left` and `group_right`. */
  readonly groupings: readonly string[]
  /** Offset of the first thing that is no PromQL. */
  readonly errorAt?: number
}

export function readExpression(text: string): Expression {
  const selectors: { metric: string; labels: string[] }[] = []
  const groupings: string[] = []
  let errorAt: number | undefined
  let inMatching = false
  parser.parse(text).iterate({
    enter(node) {
      const words = text.slice(node.from, node.to)
      if (node.type.isError) errorAt ??= node.from
      else if (node.name === 'VectorSelector') selectors.push({ metric: '', labels: [] })
      else if (node.name === 'LabelMatchers') inMatching = true
      else if (node.name === 'LabelName' && inMatching) selectors.at(-1)!.labels.push(words)
      else if (node.name === 'LabelName') groupings.push(words)
      else if (node.name === 'Identifier' && selectors.length > 0) selectors.at(-1)!.metric ||= words
    },
    leave(node) {
      if (node.name === 'LabelMatchers') inMatching = false
    },
  })
  return { selectors, groupings, ...(errorAt !== undefined && { errorAt }) }
}
