/** The sentence back-end: a condition in words, which no other code reads again. */
import { type Comparison, comparisonOperators } from './comparison.ts'
import {
  type Condition,
  type EventLeaf,
  type InactiveLeaf,
  type Leaf,
  type SequenceLeaf,
} from './condition.ts'
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

/**
 * The whole condition, groups in brackets where they stand in another group: "plan is "pro" and (has an identifier of
 * type email or not (consents to sms))".
 */
export function describeCondition(condition: Condition): string {
  if ('all' in condition) return joined(condition.all, ' and ')
  if ('any' in condition) return joined(condition.any, ' or ')
  if ('not' in condition) return `not (${describeCondition(condition.not)})`
  return describeLeaf(condition)
}

function joined(conditions: readonly Condition[], word: string): string {
  return conditions
    .map((each) => {
      const text = describeCondition(each)
      return isGroup(each) && conditions.length > 1 ? `(${text})` : text
    })
    .join(word)
}

/** A group of one is what is in it. */
function isGroup(condition: Condition): boolean {
  const group = 'all' in condition ? condition.all : 'any' in condition ? condition.any : []
  return group.length === 1 ? isGroup(group[0]!) : group.length > 1
}

/** "spend_90d is at least 200"; "count of Order Completed where source is "web" within 30d is at least 3" */
export function describeLeaf(leaf: Leaf): string {
  if ('trait' in leaf) return describe(leaf.trait, leaf)
  if ('event' in leaf) return describeEventLeaf(leaf)
  if ('sequence' in leaf) return describeSequence(leaf)
  if ('inactive' in leaf) return describeInactive(leaf)
  if ('audience' in leaf) return `is in the audience ${leaf.audience}`
  if ('identifier' in leaf)
    return `has ${(leaf.exists ?? true) ? 'an' : 'no'} identifier of type ${leaf.identifier}`
  if ('consent' in leaf) return `${(leaf.granted ?? true) ? 'consents to' : 'has refused'} ${leaf.consent}`
  const { percent, salt } = leaf.sample
  return `is in the sample of ${percent} percent${salt === undefined ? '' : ` with salt ${JSON.stringify(salt)}`}`
}

function describeEventLeaf(leaf: EventLeaf): string {
  const events = `${leaf.event}${describeFilter(leaf.filter)}${describeWindow(leaf)}`
  for (const kind of ['sum', 'average', 'min', 'max', 'distinct'] as const) {
    const asked = leaf[kind]
    if (asked)
      return describe(`${kind === 'distinct' ? 'distinct count' : kind} of ${asked.path} of ${events}`, asked)
  }
  return describe(`count of ${events}`, leaf.count ?? { gte: 1 })
}

function describeWindow({ within, between, since }: EventLeaf): string {
  if (within !== undefined) return ` within ${within}`
  if (between) return ` from ${between.from} until ${between.to}`
  return since === undefined ? '' : ` since ${since}`
}

function describeSequence({ sequence: { steps, within } }: SequenceLeaf): string {
  const told = steps.map(({ event, filter }) => `${event}${describeFilter(filter)}`).join(', then ')
  return `${told}${within === undefined ? '' : `, all within ${within}`}`
}

function describeInactive({ inactive }: InactiveLeaf): string {
  return `no ${inactive.event ?? 'event'} for ${inactive.for}`
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
