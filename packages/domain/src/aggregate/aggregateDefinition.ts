import { type EventFilter } from '../audience/eventFilter.ts'
import { type Window } from './window.ts'

export const aggregateKinds = [
  'count',
  'sum',
  'min',
  'max',
  'average',
  'first',
  'last',
  'mostFrequent',
  'uniqueList',
  'distinct',
  'sequence',
] as const
export type AggregateKind = (typeof aggregateKinds)[number]

/** Which events: by name, exactly, and what must hold in them. */
export interface EventSelection {
  readonly event: string
  readonly filter?: EventFilter | undefined
}

/** What fragments keep of the events of one person. */
export interface AggregateDefinition extends EventSelection {
  /** "trait/<id>", or "leaf/<hash>" for an event condition of an audience. */
  readonly document: string
  readonly hash: string
  readonly kind: AggregateKind
  /** Where the value is. For first and last: the time of the event when not given. */
  readonly path?: string | undefined
  /** Only events of this last while; all when not given. */
  readonly within?: Window | undefined
  /** Only events from this time on, ms since 1970. */
  readonly fromMs?: number | undefined
  /** Only events before this time, ms since 1970. */
  readonly toMs?: number | undefined
  /** For a sequence: the steps, of which `event` and `filter` are the first; and how long they may take, ms. */
  readonly steps?: readonly EventSelection[] | undefined
  readonly takesAtMostMs?: number | undefined
}
