/**
 * What a back-fill adds: the events of the log from before an adoption, counted as the stream would have counted them.
 *
 *  L1. The same code counts: `keepAggregates`, over the same bytes.
 *  L2. Each aggregate has exactly the events below the offset its task counts from: none twice, none left out.
 */
import { type Aggregate, type OwnedAggregate, addAggregates, keepAggregates } from '@tributary/domain'
import { EventRecord } from '@tributary/contracts/generated/tributary/event/v1/event'
import { type FoldedEvent } from '@tributary/clickhouse-log'
import { type AdoptedDocument, aggregatesOf } from '../adoption.ts'
import { foldable } from '../fragment/readEvent.ts'
import { type PartitionFill, type RunningJob } from './jobRows.ts'

export interface FillPlan {
  /** Names of the events that anything counts. */
  readonly names: readonly string[]
  /** Events below this offset are looked at. */
  readonly below: number
  readonly owned: readonly OwnedAggregate[]
  /** "document@hash" of an aggregate → the offset its events lie below (L2). */
  readonly belowOf: ReadonlyMap<string, number>
}

const nameOf = ({ document, hash }: { document: string; hash: string }) => `${document}@${hash}`

/** What is to be counted in a partition. */
export function planFill({ job, adopt }: RunningJob, fill: PartitionFill): FillPlan {
  const owned = new Map<string, OwnedAggregate>()
  const belowOf = new Map<string, number>()
  for (const each of adopt) {
    const definition = JSON.parse(each.definition) as AdoptedDocument['definition']
    const below = fill.below[nameOf(each)] ?? 0
    for (const aggregate of aggregatesOf({ definition, hash: each.hash })) {
      const name = nameOf(aggregate)
      owned.set(name, { definition: aggregate, job })
      // Two audiences may share one: it is kept from the first of their control records on.
      belowOf.set(name, Math.min(below, belowOf.get(name) ?? below))
    }
  }
  const names = [...owned.values()].flatMap(({ definition: { event, steps } }) =>
    steps ? steps.map((step) => step.event) : [event],
  )
  return {
    names: [...new Set(names)].sort(),
    below: Math.max(0, ...belowOf.values()),
    owned: [...owned.values()],
    belowOf,
  }
}

/** What the events of one anchor after the other add up to. `events`: sorted by anchor. */
export class FillFold {
  readonly #plan: FillPlan
  readonly #kept: ReturnType<typeof keepAggregates>
  #anchor = ''
  readonly #held = new Map<string, Aggregate>()

  constructor(plan: FillPlan) {
    this.#plan = plan
    this.#kept = keepAggregates(plan.owned)
  }

  /** Gives the anchor before, when the event is of another one and that had anything. */
  take(event: FoldedEvent): FilledAnchor | undefined {
    const before = event.anchor === this.#anchor ? undefined : this.end()
    this.#anchor = event.anchor
    for (const one of this.#kept.of(foldable(event))) {
      const name = nameOf(one)
      if (event.offset >= this.#plan.belowOf.get(name)!) continue
      const held = this.#held.get(name)
      this.#held.set(name, this.#kept.trim(held ? addAggregates(held, one) : one))
    }
    return before
  }

  /** The anchor that is open. */
  end(): FilledAnchor | undefined {
    if (this.#held.size === 0) return undefined
    const filled = { anchor: this.#anchor, aggregates: [...this.#held.values()] }
    this.#held.clear()
    return filled
  }
}

export interface FilledAnchor {
  readonly anchor: string
  readonly aggregates: Aggregate[]
}

/** A record for the partition of the anchor. */
export function fillRecord(job: number, { anchor, aggregates }: FilledAnchor): Uint8Array {
  return EventRecord.encode({ record: { $case: 'fill', value: { job, anchor, aggregates } } }).finish()
}
