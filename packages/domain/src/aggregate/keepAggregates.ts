/** What a fragment task does with each event: adds it to the aggregates it counts for, and to no other. */
import { compileEventFilter, compileEventPath, type EventPath } from '../audience/eventFilter.ts'
import { type Json } from '../event/json.ts'
import { canonicalJsonText } from '../profile/canonicalJson.ts'
import { cutValue } from '../profile/caps.ts'
import { decimalIn, decimalText } from '../profile/decimal.ts'
import { type FoldableEvent } from '../profile/eventFacts.ts'
import { type Aggregate, compareAggregates, trimAggregate } from './aggregate.ts'
import { MAX_COMPUTED_VALUE_BYTES, MAX_LISTED_VALUE_BYTES } from './aggregateCaps.ts'
import { type AggregateDefinition, type EventSelection } from './aggregateDefinition.ts'
import { hashText64 } from './hashText64.ts'
import { type SeenValue } from './seenValues.ts'
import { NO_TOTALS, type Totals } from './totals.ts'
import { unitStart } from './window.ts'

/** A definition and the number of the job that adopted it. */
export interface OwnedAggregate {
  readonly definition: AggregateDefinition
  readonly job: number
}

export interface KeptAggregates {
  /** The aggregates of just this event, sorted. */
  readonly of: (event: FoldableEvent) => Aggregate[]
  /** Whether it is still adopted, and by the same job. */
  readonly keeps: (aggregate: Aggregate) => boolean
  /** Without what is beyond its caps. */
  readonly trim: (aggregate: Aggregate) => Aggregate
}

interface Kept extends OwnedAggregate {
  readonly of: (event: FoldableEvent) => Aggregate | undefined
}

export function keepAggregates(owned: readonly OwnedAggregate[]): KeptAggregates {
  /** While a document is being replaced it has two forms. */
  const byDocument = new Map<string, Kept[]>()
  /** Event name → what counts it: an event looks at no other. */
  const byEvent = new Map<string, Kept[]>()
  for (const each of owned) {
    const kept: Kept = { ...each, of: contributionOf(each) }
    const { document, event, steps } = each.definition
    byDocument.set(document, [...(byDocument.get(document) ?? []), kept])
    for (const name of new Set(steps ? steps.map((step) => step.event) : [event]))
      byEvent.set(name, [...(byEvent.get(name) ?? []), kept])
  }
  const find = ({ document, hash }: Aggregate) =>
    byDocument.get(document)?.find(({ definition }) => definition.hash === hash)
  return {
    of: (event) =>
      (byEvent.get(event.name) ?? []).flatMap((kept) => kept.of(event) ?? []).sort(compareAggregates),
    keeps: (aggregate) => find(aggregate)?.job === aggregate.job,
    trim(aggregate) {
      const kept = find(aggregate)
      return kept ? trimAggregate(kept.definition, aggregate) : aggregate
    },
  }
}

/** What one event adds: totals, or values. */
interface Contribution {
  readonly totals?: Totals
  readonly values?: SeenValue[]
}

function contributionOf({ definition, job }: OwnedAggregate): Kept['of'] {
  const { document, hash, within, fromMs = -Infinity, toMs = Infinity, steps } = definition
  const passes = steps ? () => true : compileSelection(definition)
  const contribute = contributionsOf(definition)
  return (event) => {
    if (event.timeMs < fromMs || event.timeMs >= toMs || !passes(event)) return undefined
    const found = contribute(event)
    if (!found) return undefined
    const { totals, values = [] } = found
    const units = within && totals ? [{ startMs: unitStart(within, event.timeMs), ...totals }] : []
    return {
      document,
      hash,
      ...(totals && !within ? totals : NO_TOTALS),
      job,
      units,
      values,
      filled: false,
    }
  }
}

function compileSelection({ event: name, filter }: EventSelection): (event: FoldableEvent) => boolean {
  const passes = compileEventFilter(filter)
  return (event) => event.name === name && passes(event)
}

function contributionsOf(
  definition: AggregateDefinition,
): (event: FoldableEvent) => Contribution | undefined {
  const { kind, path, within, steps = [] } = definition
  const read: EventPath = path === undefined ? timeOf : compileEventPath(path)
  const one = { ...NO_TOTALS, count: 1 }
  switch (kind) {
    case 'count':
      return () => ({ totals: one })
    case 'sum':
    case 'average':
      return numberOf(read, (text) => ({ ...one, sum: text }))
    case 'min':
      return numberOf(read, (text) => ({ ...one, min: text }))
    case 'max':
      return numberOf(read, (text) => ({ ...one, max: text }))
    case 'first':
    case 'last':
      return (event) => {
        const value = read(event)
        if (isNothing(value)) return undefined
        const { timeMs, messageId } = event
        const end = { json: cutValue(value, MAX_COMPUTED_VALUE_BYTES).json, timeMs, messageId }
        return { totals: kind === 'first' ? { ...one, first: end } : { ...one, last: end } }
      }
    case 'mostFrequent':
      return listed(read, ({ timeMs }) => ({ timeMs: within ? unitStart(within, timeMs) : 0, count: 1 }))
    case 'uniqueList':
      return listed(read, ({ timeMs }) => ({ timeMs, count: 0 }))
    case 'distinct':
      return (event) => {
        const value = read(event)
        if (isNothing(value)) return undefined
        return { values: [{ json: hashText64(canonicalJsonText(value)), timeMs: event.timeMs, count: 0 }] }
      }
    case 'sequence': {
      const passing = steps.map(compileSelection)
      return (event) => {
        const values = passing.flatMap((passes, step) =>
          passes(event) ? [{ json: String(step), timeMs: event.timeMs, count: 1 }] : [],
        )
        return values.length === 0 ? undefined : { values }
      }
    }
  }
}

function numberOf(read: EventPath, totals: (text: string) => Totals) {
  return (event: FoldableEvent): Contribution | undefined => {
    const number = decimalIn(read(event))
    return number && { totals: totals(decimalText(number)) }
  }
}

/** A value too long to be kept, and no text or list whose beginning could stand for it, counts as none. */
function listed(read: EventPath, seen: (event: FoldableEvent) => Omit<SeenValue, 'json'>) {
  return (event: FoldableEvent): Contribution | undefined => {
    const value = read(event)
    if (isNothing(value)) return undefined
    const { json } = cutValue(value, MAX_LISTED_VALUE_BYTES)
    return json === 'null' ? undefined : { values: [{ json, ...seen(event) }] }
  }
}

function isNothing(value: Json | undefined): value is null | undefined {
  return value === undefined || value === null
}

function timeOf(event: FoldableEvent): Json {
  return new Date(event.timeMs).toISOString()
}
