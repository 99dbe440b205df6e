/**
 * Makes the condition of an Audience document ready to be judged.
 *
 *  U1. An audience keeps no state of its own: each event leaf becomes an aggregate that fragments keep, so a merge or
 *      a split of profiles needs nothing but a new fold.
 *  U2. Equal event leaves (same event, same filter) share one aggregate, whoever asks: its name is the hash of what
 *      it counts. How often is the leaf's business, not the aggregate's.
 *  U3. What this version does not run is said by name, never judged as if it were not there.
 */
import { type AggregateDefinition } from '../aggregate/aggregateDefinition.ts'
import { canonicalJsonText } from '../profile/canonicalJson.ts'
import { type Json } from '../event/json.ts'
import { type Comparison } from './comparison.ts'
import { type Condition, type EventLeaf, type TraitLeaf } from './condition.ts'
import { describeEventLeaf, describeTraitLeaf } from './describeCondition.ts'

export type CompiledLeaf =
  | { readonly kind: 'trait'; readonly text: string; readonly trait: string; readonly comparison: Comparison }
  | {
      readonly kind: 'count'
      readonly text: string
      /** "leaf/<hash>" */
      readonly document: string
      readonly comparison: Comparison
    }

/** The tree, its leaves by their place in `leaves`. */
export type CompiledNode =
  | { readonly all: readonly CompiledNode[] }
  | { readonly any: readonly CompiledNode[] }
  | { readonly not: CompiledNode }
  | { readonly leaf: number }

export interface CompiledAudience {
  readonly leaves: readonly CompiledLeaf[]
  readonly root: CompiledNode
  /** What fragments must keep for it, no document twice. */
  readonly aggregates: readonly AggregateDefinition[]
}

export interface NotYet {
  /** For example "sequence". */
  readonly notYet: string
}

/** Hash of a text, 32 hexadecimal digits or so: names an aggregate. */
export type HashText = (text: string) => string

export function compileAudience(where: Condition, hash: HashText): CompiledAudience | NotYet {
  const notYet = firstNotYet(where)
  if (notYet !== undefined) return { notYet }
  const leaves: CompiledLeaf[] = []
  const aggregates = new Map<string, AggregateDefinition>()
  const compile = (condition: Condition): CompiledNode => {
    if ('all' in condition) return { all: condition.all.map(compile) }
    if ('any' in condition) return { any: condition.any.map(compile) }
    if ('not' in condition) return { not: compile(condition.not) }
    if ('trait' in condition) leaves.push(traitLeaf(condition))
    if ('event' in condition) {
      const aggregate = leafAggregate(condition, hash)
      aggregates.set(aggregate.document, aggregate)
      leaves.push({
        kind: 'count',
        text: describeEventLeaf(condition),
        document: aggregate.document,
        comparison: condition.count ?? { gte: 1 },
      })
    }
    return { leaf: leaves.length - 1 }
  }
  const root = compile(where)
  return { leaves, root, aggregates: [...aggregates.values()] }
}

function traitLeaf({ trait, ...comparison }: TraitLeaf): CompiledLeaf {
  return { kind: 'trait', text: describeTraitLeaf({ trait, ...comparison }), trait, comparison }
}

/** U2. */
function leafAggregate({ event, filter = {} }: EventLeaf, hash: HashText): AggregateDefinition {
  const name = hash(canonicalJsonText({ event, filter } as unknown as Json))
  return { document: `leaf/${name}`, hash: name, kind: 'count', event, filter }
}

const eventLeafNotYet = ['sum', 'average', 'min', 'max', 'distinct', 'within', 'between', 'since'] as const

/** U3. */
function firstNotYet(condition: Condition): string | undefined {
  if ('all' in condition) return firstOf(condition.all)
  if ('any' in condition) return firstOf(condition.any)
  if ('not' in condition) return firstNotYet(condition.not)
  if ('trait' in condition) return undefined
  if ('event' in condition) {
    const asked = eventLeafNotYet.find((key) => condition[key] !== undefined)
    return asked && `${asked} of an event`
  }
  return Object.keys(condition).find((key) =>
    ['sequence', 'inactive', 'audience', 'identifier', 'consent', 'sample'].includes(key),
  )
}

function firstOf(conditions: readonly Condition[]): string | undefined {
  for (const each of conditions) {
    const found = firstNotYet(each)
    if (found !== undefined) return found
  }
  return undefined
}
