/**
 * What a condition means, written as plainly as it can be: over the events themselves, all of them, each time. The
 * reference that the streaming evaluator, which never sees an event twice, is compared with.
 */
import { type Json } from '../../event/json.ts'
import { canonicalJsonText } from '../../profile/canonicalJson.ts'
import { addDecimals, compareDecimals, decimalIn, decimalText, divideDecimal } from '../../profile/decimal.ts'
import { type FoldableEvent } from '../../profile/eventFacts.ts'
import { compares } from '../comparison.ts'
import { type Condition, type EventLeaf } from '../condition.ts'
import { compileEventFilter, compileEventPath } from '../eventFilter.ts'

export interface KnownPerson {
  readonly events: readonly FoldableEvent[]
  readonly nowMs: number
  readonly trait: (name: string) => Json | undefined
  readonly consent: Readonly<Record<string, boolean>>
  readonly identifierTypes: readonly string[]
  readonly audiences: readonly string[]
  /** 0 up to 100, of a salt. */
  readonly sample: (salt: string) => number
}

const UNITS: Record<string, number> = { m: 60_000, h: 3_600_000, d: 86_400_000 }
const length = (text: string) => Number(text.slice(0, -1)) * UNITS[text.at(-1)!]!

/** From its unit's beginning on, an event counts for the window and one unit more. */
const stillIn = (text: string, timeMs: number, nowMs: number) => {
  const unit = UNITS[text.at(-1)!]!
  return nowMs < Math.floor(timeMs / unit) * unit + length(text) + unit
}

export function holdsByEvents(where: Condition, person: KnownPerson): boolean {
  if ('all' in where) return where.all.every((each) => holdsByEvents(each, person))
  if ('any' in where) return where.any.some((each) => holdsByEvents(each, person))
  if ('not' in where) return !holdsByEvents(where.not, person)
  if ('trait' in where) {
    const { trait, ...comparison } = where
    return compares(person.trait(trait), comparison)
  }
  if ('event' in where) return eventHolds(where, person)
  if ('sequence' in where) return sequenceHolds(where.sequence, person)
  if ('inactive' in where) {
    const { for: window, event } = where.inactive
    return !person.events.some(
      ({ name, timeMs }) => (event === undefined || event === name) && stillIn(window, timeMs, person.nowMs),
    )
  }
  if ('audience' in where) return person.audiences.includes(where.audience)
  if ('identifier' in where)
    return person.identifierTypes.includes(where.identifier) === (where.exists ?? true)
  if ('consent' in where) return person.consent[where.consent] === (where.granted ?? true)
  return person.sample(where.sample.salt ?? '') < where.sample.percent
}

function eventHolds(leaf: EventLeaf, { events, nowMs }: KnownPerson): boolean {
  const passes = compileEventFilter(leaf.filter)
  const fromMs = Date.parse(leaf.since ?? leaf.between?.from ?? '0001-01-01')
  const toMs = Date.parse(leaf.between?.to ?? '9999-01-01')
  const chosen = events.filter(
    (event) =>
      event.name === leaf.event &&
      passes(event) &&
      event.timeMs >= fromMs &&
      event.timeMs < toMs &&
      (leaf.within === undefined || stillIn(leaf.within, event.timeMs, nowMs)),
  )
  for (const kind of ['sum', 'average', 'min', 'max', 'distinct'] as const) {
    const asked = leaf[kind]
    if (!asked) continue
    const { path, ...comparison } = asked
    const values = chosen.map(compileEventPath(path)).filter((value) => value !== undefined && value !== null)
    return compares(valueOf(kind, values), comparison)
  }
  return compares(chosen.length, leaf.count ?? { gte: 1 })
}

function valueOf(
  kind: 'sum' | 'average' | 'min' | 'max' | 'distinct',
  values: readonly Json[],
): Json | undefined {
  if (kind === 'distinct') return new Set(values.map(canonicalJsonText)).size
  const numbers = values.flatMap((value) => decimalIn(value) ?? []).sort(compareDecimals)
  const asJson = (decimal: (typeof numbers)[number]) => JSON.parse(decimalText(decimal)) as Json
  if (numbers.length === 0) return kind === 'sum' ? 0 : undefined
  if (kind === 'min') return asJson(numbers[0]!)
  if (kind === 'max') return asJson(numbers.at(-1)!)
  const sum = numbers.reduce(addDecimals)
  return asJson(kind === 'sum' ? sum : divideDecimal(sum, numbers.length, 10))
}

/** Every way to choose a later event for each step. */
function sequenceHolds(
  { steps, within }: { steps: { event: string; filter?: EventLeaf['filter'] }[]; within?: string },
  { events }: KnownPerson,
): boolean {
  const most = within === undefined ? Infinity : length(within)
  const goesOn = (step: number, firstMs: number, lastMs: number): boolean => {
    const wanted = steps[step]
    if (!wanted) return lastMs - firstMs <= most
    const passes = compileEventFilter(wanted.filter)
    return events.some(
      (event) =>
        event.name === wanted.event &&
        passes(event) &&
        event.timeMs > lastMs &&
        goesOn(step + 1, step === 0 ? event.timeMs : firstMs, event.timeMs),
    )
  }
  return goesOn(0, 0, -Infinity)
}
