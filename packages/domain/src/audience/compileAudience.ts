/**
 * Makes the condition of an Audience document ready to be judged.
 *
 *  U1. An audience keeps no state of its own: each event leaf becomes an aggregate that fragments keep, so a merge or
 *      a split of profiles needs nothing but a new fold.
 *  U2. Equal event leaves (same events, same value, same window) share one aggregate, whoever asks: its name is the
 *      hash of what it keeps. How much of it is the leaf's business, not the aggregate's.
 *  U3. A leaf without an event reads what the profile is by itself: traits, identifiers, consent, the last time it was
 *      seen, its id, and the other audiences.
 */
import { type AggregateDefinition, type AggregateKind } from '../aggregate/aggregateDefinition.ts'
import { type Window, durationMs, parseWindow } from '../aggregate/window.ts'
import { readTime } from '../event/readTime.ts'
import { canonicalJsonText } from '../profile/canonicalJson.ts'
import { type Json } from '../event/json.ts'
import { type Comparison } from './comparison.ts'
import {
  type Condition,
  type EventLeaf,
  type InactiveLeaf,
  type Leaf,
  type SequenceLeaf,
} from './condition.ts'
import { describeLeaf } from './describeCondition.ts'

/** What a leaf reads of a profile. */
export type CompiledRead =
  | { readonly kind: 'trait'; readonly trait: string }
  /** Its document is "leaf/<hash>". */
  | { readonly kind: 'aggregate'; readonly aggregate: AggregateDefinition }
  /** True when no event of any name is in the window. */
  | { readonly kind: 'inactive'; readonly window: Window }
  | { readonly kind: 'audience'; readonly audience: string }
  | { readonly kind: 'identifier'; readonly type: string }
  | { readonly kind: 'consent'; readonly purpose: string }
  /** Where in the hundred the profile stands, 0 up to, not including, 100. */
  | { readonly kind: 'sample'; readonly salt: string }

export type CompiledLeaf = CompiledRead & {
  /** In words. */
  readonly text: string
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
  /** Ids of the audiences it reads, none twice. */
  readonly reads: readonly string[]
}

/** Hash of a text, 32 hexadecimal digits or so: names an aggregate. */
export type HashText = (text: string) => string

/** The kinds of a leaf's value, in the order a leaf is looked through; at most one stands in a leaf. */
export const eventLeafKinds = ['count', 'sum', 'average', 'min', 'max', 'distinct'] as const

/** Throws a RangeError for a window or date that validation would have refused. */
export function compileAudience(where: Condition, hash: HashText): CompiledAudience {
  const leaves: CompiledLeaf[] = []
  const compile = (condition: Condition): CompiledNode => {
    if ('all' in condition) return { all: condition.all.map(compile) }
    if ('any' in condition) return { any: condition.any.map(compile) }
    if ('not' in condition) return { not: compile(condition.not) }
    leaves.push({ ...compileLeaf(condition, hash), text: describeLeaf(condition) })
    return { leaf: leaves.length - 1 }
  }
  const root = compile(where)
  const aggregates = new Map<string, AggregateDefinition>()
  const reads = new Set<string>()
  for (const leaf of leaves) {
    if (leaf.kind === 'aggregate') aggregates.set(leaf.aggregate.document, leaf.aggregate)
    if (leaf.kind === 'audience') reads.add(leaf.audience)
  }
  return { leaves, root, aggregates: [...aggregates.values()], reads: [...reads] }
}

const IS_TRUE: Comparison = { eq: true }

function compileLeaf(leaf: Leaf, hash: HashText): CompiledRead & { comparison: Comparison } {
  if ('trait' in leaf) {
    const { trait, ...comparison } = leaf
    return { kind: 'trait', trait, comparison }
  }
  if ('event' in leaf) return eventLeaf(leaf, hash)
  if ('sequence' in leaf) return sequenceLeaf(leaf, hash)
  if ('inactive' in leaf) return inactiveLeaf(leaf, hash)
  if ('audience' in leaf) return { kind: 'audience', audience: leaf.audience, comparison: IS_TRUE }
  if ('identifier' in leaf)
    return { kind: 'identifier', type: leaf.identifier, comparison: { eq: leaf.exists ?? true } }
  if ('consent' in leaf)
    return { kind: 'consent', purpose: leaf.consent, comparison: { eq: leaf.granted ?? true } }
  const { percent, salt = '' } = leaf.sample
  return { kind: 'sample', salt, comparison: { lt: percent } }
}

function eventLeaf(leaf: EventLeaf, hash: HashText): CompiledRead & { comparison: Comparison } {
  const kind = eventLeafKinds.find((each) => leaf[each] !== undefined) ?? 'count'
  const { path, ...comparison } = { path: undefined, ...(leaf[kind] ?? { gte: 1 }) }
  return {
    kind: 'aggregate',
    aggregate: leafAggregate(hash, {
      kind,
      event: leaf.event,
      filter: leaf.filter ?? {},
      ...(path !== undefined && { path }),
      ...(leaf.within !== undefined && { within: windowOf(leaf.within) }),
      ...(leaf.since !== undefined && { fromMs: instantOf(leaf.since) }),
      ...(leaf.between && { fromMs: instantOf(leaf.between.from), toMs: instantOf(leaf.between.to) }),
    }),
    comparison,
  }
}

function sequenceLeaf({ sequence }: SequenceLeaf, hash: HashText): CompiledRead & { comparison: Comparison } {
  const steps = sequence.steps.map(({ event, filter = {} }) => ({ event, filter }))
  return {
    kind: 'aggregate',
    aggregate: leafAggregate(hash, {
      kind: 'sequence',
      ...steps[0]!,
      steps,
      ...(sequence.within !== undefined && { takesAtMostMs: durationOf(sequence.within) }),
    }),
    comparison: IS_TRUE,
  }
}

function inactiveLeaf({ inactive }: InactiveLeaf, hash: HashText): CompiledRead & { comparison: Comparison } {
  if (inactive.event !== undefined)
    return eventLeaf({ event: inactive.event, within: inactive.for, count: { eq: 0 } }, hash)
  return { kind: 'inactive', window: windowOf(inactive.for), comparison: IS_TRUE }
}

/** U2. */
function leafAggregate(
  hash: HashText,
  kept: Omit<AggregateDefinition, 'document' | 'hash'> & { kind: AggregateKind },
): AggregateDefinition {
  const name = hash(canonicalJsonText(kept as unknown as Json))
  return { document: `leaf/${name}`, hash: name, ...kept }
}

function windowOf(text: string): Window {
  const window = parseWindow(text)
  if (!window) throw new RangeError(`no window: ${text}`)
  return window
}

function durationOf(text: string): number {
  const ms = durationMs(text)
  if (ms === undefined) throw new RangeError(`no duration: ${text}`)
  return ms
}

/** A day is its beginning, and a time without a zone is UTC's. */
function instantOf(text: string): number {
  const time = readTime(text)
  if (!time) throw new RangeError(`no date: ${text}`)
  return time.ms
}
