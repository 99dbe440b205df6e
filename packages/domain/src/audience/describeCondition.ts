import { type Comparison, comparisonOperators } from './comparison.ts'
import { type EventLeaf, type TraitLeaf } from './condition.ts'
import { type EventFilter } from './eventFilter.ts'

const words: Record<(typeof comparisonOperators)[number], string> = {
  eq: 'is',
  ne: 'is not',
  gt: 'is more than',
  gte: 'is at least',
  lt: 'is less than',
  lte: 'is at most',
  in: 'is one of',
  notIn: 'is none of',
  contains: 'contains',
  startsWith: 'begins with',
  endsWith: 'ends with',
  exists: 'exists',
}

/** "spend_90d is at least 200" */
export function describeTraitLeaf(leaf: TraitLeaf): string {
  return describe(leaf.trait, leaf)
}

/** "count of Order Completed where properties.channel is \"web\" is at least 3" */
export function describeEventLeaf(leaf: EventLeaf): string {
  return describe(`count of ${leaf.event}${describeFilter(leaf.filter)}`, leaf.count ?? { gte: 1 })
}

function describeFilter(filter: EventFilter | undefined): string {
  const parts = Object.entries(filter ?? {}).map(([path, given]) =>
    describe(path, typeof given === 'object' ? given : { eq: given }),
  )
  return parts.length === 0 ? '' : ` where ${parts.join(' and ')}`
}

function describe(subject: string, comparison: Comparison): string {
  const parts = comparisonOperators.flatMap((operator) => {
    const operand = comparison[operator]
    if (operand === undefined) return []
    if (operator === 'exists') return [operand ? 'has a value' : 'has no value']
    return [`${words[operator]} ${JSON.stringify(operand)}`]
  })
  return `${subject} ${parts.length === 0 ? 'has a value' : parts.join(' and ')}`
}
