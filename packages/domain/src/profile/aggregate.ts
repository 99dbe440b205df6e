/**
 * Aggregates that fragments keep: one per adopted Trait document, and one per event leaf of the adopted audiences.
 *
 *  A1. Each event is added once (the fragment task takes duplicates out), in any order, with the same result.
 *  A2. Aggregates of two fragments add up: their events are not the same ones.
 *  A3. An aggregate belongs to the job that adopted it; what is left of an earlier adoption of the same document is
 *      forgotten, so a trait that was removed and comes back does not go on from where it was.
 */
import {
  type EventFilter,
  type EventPath,
  compileEventFilter,
  compileEventPath,
} from '../audience/eventFilter.ts'
import { type Json } from '../event/json.ts'
import { MAX_COMPUTED_VALUE_BYTES, cutValue } from './caps.ts'
import { compareText } from './canonicalJson.ts'
import { type Decimal, ZERO, addDecimals, decimalIn, decimalText, parseDecimal } from './decimal.ts'
import { type FoldableEvent } from './eventFacts.ts'

export type AggregateKind = 'count' | 'sum' | 'first' | 'last'

/** What to count. */
export interface AggregateDefinition {
  /** "trait/<id>", or "leaf/<hash>" for an event condition of an audience. */
  readonly document: string
  readonly hash: string
  readonly kind: AggregateKind
  /** Name of the event, exactly. */
  readonly event: string
  readonly filter?: EventFilter | undefined
  /** Where the value is. For first and last: the time of the event when not given. */
  readonly path?: string | undefined
}

export interface AggregateEnd {
  json: string
  timeMs: number
  messageId: string
}

export interface Aggregate {
  document: string
  hash: string
  /** Events that counted. */
  count: number
  /** Exact decimal as text; empty when there is nothing to sum. */
  sum: string
  first?: AggregateEnd | undefined
  last?: AggregateEnd | undefined
  /** Number of the job that adopted it. */
  job: number
}

/** A definition made ready for a fragment task. */
export interface KeptAggregate {
  readonly document: string
  readonly hash: string
  readonly job: number
  /** The aggregate of just this event, or nothing if it does not count. */
  readonly of: (event: FoldableEvent) => Aggregate | undefined
}

export function keepAggregate(definition: AggregateDefinition, job: number): KeptAggregate {
  const { document, hash, event: name } = definition
  const passes = compileEventFilter(definition.filter)
  const contribution = contributionOf(definition)
  return {
    document,
    hash,
    job,
    of(event) {
      if (event.name !== name || !passes(event)) return undefined
      const found = contribution(event)
      return found && { document, hash, job, count: 1, sum: '', ...found }
    },
  }
}

type Contribution = (event: FoldableEvent) => Partial<Aggregate> | undefined

function contributionOf({ kind, path }: AggregateDefinition): Contribution {
  if (kind === 'count') return () => ({})
  const read: EventPath = path === undefined ? timeOf : compileEventPath(path)
  if (kind === 'sum')
    return (event) => {
      const number = decimalIn(read(event))
      return number && { sum: decimalText(number) }
    }
  return (event) => {
    const value = read(event)
    if (value === undefined || value === null) return undefined
    const end = {
      json: cutValue(value, MAX_COMPUTED_VALUE_BYTES).json,
      timeMs: event.timeMs,
      messageId: event.messageId,
    }
    return kind === 'first' ? { first: end } : { last: end }
  }
}

function timeOf(event: FoldableEvent): Json {
  return new Date(event.timeMs).toISOString()
}

/** Two aggregates of the same document and hash over different events. */
export function addAggregates(a: Aggregate, b: Aggregate): Aggregate {
  if (a.job !== b.job) return a.job > b.job ? a : b
  const first = earlier(a.first, b.first, -1)
  const last = earlier(a.last, b.last, 1)
  return {
    document: a.document,
    hash: a.hash,
    count: a.count + b.count,
    sum: addSums(a.sum, b.sum),
    ...(first && { first }),
    ...(last && { last }),
    job: a.job,
  }
}

function addSums(a: string, b: string): string {
  if (a === '' || b === '') return a + b
  return decimalText(addDecimals(readSum(a), readSum(b)))
}

/** A sum may have more digits than any number in it. */
function readSum(text: string): Decimal {
  return parseDecimal(text, Infinity) ?? ZERO
}

function earlier(
  a: AggregateEnd | undefined,
  b: AggregateEnd | undefined,
  sign: 1 | -1,
): AggregateEnd | undefined {
  if (!a || !b) return a ?? b
  return compareEnds(a, b) * sign >= 0 ? a : b
}

/** By event time, then message id, then value. */
function compareEnds(a: AggregateEnd, b: AggregateEnd): number {
  return a.timeMs - b.timeMs || compareText(a.messageId, b.messageId) || compareText(a.json, b.json)
}

/** The value people see, as JSON text; undefined when nothing counted. */
export function aggregateValue(kind: AggregateKind, aggregate: Aggregate | undefined): string | undefined {
  if (!aggregate || aggregate.count === 0) return undefined
  if (kind === 'count') return String(aggregate.count)
  return kind === 'sum' ? aggregate.sum : aggregate[kind]?.json
}
