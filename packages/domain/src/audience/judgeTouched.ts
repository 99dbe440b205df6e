/**
 * Judges audiences after a change by what the change touched: a leaf that reads nothing of it is not read again, and
 * an audience none of whose leaves flipped is not looked at.
 *
 *      touched ──index──▶ reads ──▶ leaves that flipped ──▶ audiences that have them ──▶ memberships that flipped
 *                                        ▲                                                        │
 *                                        └──────────── leaves that read those audiences ──────────┘
 *
 *  J1. The members are those that judgeAudiences gives on the same profile at the same moment. A property test holds
 *      the two together.
 *  J2. What is kept between two judgements is which leaves stand otherwise than on somebody of whom nothing is known,
 *      by place: as much as the profile has, not as there are audiences. Of what other audiences and the profile's id
 *      say nothing is kept: memberships and the id are there.
 *  J3. Places are those of one index. Under another one everything is judged anew (judgeAnew).
 */
import { type Json } from '../event/json.ts'
import { type Aggregate } from '../aggregate/aggregate.ts'
import { type AudienceIndex, type IndexedRead } from './audienceIndex.ts'
import { compares } from './comparison.ts'
import {
  type AudienceInForce,
  type JudgedLeaf,
  type JudgedProfile,
  holds,
  readLeaf,
} from './judgeAudience.ts'
import { type Touched } from './touched.ts'

/** A membership that changed. */
export interface MembershipFlip<A extends AudienceInForce> {
  readonly audience: A
  readonly member: boolean
  /** The leaves that flipped, each with what it saw, in the order of the condition; judged anew: all of them. */
  readonly leaves: readonly JudgedLeaf[]
}

export interface Judged<A extends AudienceInForce> {
  /** Places of the leaves that stand otherwise than at rest, sorted (J2). */
  readonly moved: readonly number[]
  /** In reading order. */
  readonly flips: readonly MembershipFlip<A>[]
}

export interface JudgedBefore {
  readonly moved: readonly number[]
  readonly isMember: (audience: string) => boolean
}

/** Everything, whatever was known before. */
export function judgeAnew<A extends AudienceInForce>(
  index: AudienceIndex<A>,
  profile: JudgedProfile,
  isMember: JudgedBefore['isMember'],
): Judged<A> {
  const judgement = new Judgement(index, profile, { moved: [], isMember })
  index.reads.forEach((_, place) => judgement.readAgain(place))
  index.audiences.forEach((_, place) => judgement.doubt(place))
  return judgement.settle((leaves) => leaves)
}

/** What `touched` names. `aggregates`: those of the profile. */
export function judgeTouched<A extends AudienceInForce>(
  index: AudienceIndex<A>,
  profile: JudgedProfile,
  {
    before,
    touched,
    aggregates,
  }: {
    readonly before: JudgedBefore
    readonly touched: Touched
    readonly aggregates: readonly Pick<Aggregate, 'document'>[]
  },
): Judged<A> {
  const judgement = new Judgement(index, profile, before)
  for (const place of readsTouched(index, touched, aggregates)) judgement.readAgain(place)
  return judgement.settle((leaves) => leaves.filter((place) => judgement.hasFlipped(place)))
}

function readsTouched(
  index: AudienceIndex,
  touched: Touched,
  aggregates: readonly Pick<Aggregate, 'document'>[],
): Iterable<number> {
  if (touched.everything) return index.reads.keys()
  const reads = new Set<number>()
  const add = (places: readonly number[] | undefined) => {
    for (const place of places ?? []) reads.add(place)
  }
  for (const key of touched.traits) add(index.byTrait.get(key))
  for (const document of touched.aggregates) add(index.byAggregate.get(document))
  for (const type of touched.identifiers) add(index.byIdentifier.get(type))
  for (const purpose of touched.consents) add(index.byConsent.get(purpose))
  if (touched.activity || touched.time) add(index.ofActivity)
  if (touched.time)
    for (const { document } of aggregates)
      if (index.windowed.has(document)) add(index.byAggregate.get(document))
  return reads
}

class Judgement<A extends AudienceInForce> {
  readonly #index: AudienceIndex<A>
  readonly #profile: JudgedProfile
  readonly #before: JudgedBefore
  readonly #moved: Set<number>
  /** Leaves whose verdict is another than before. */
  readonly #flipped = new Set<number>()
  /** Read in this judgement, by place. */
  readonly #values = new Map<number, Json | undefined>()
  readonly #memberships = new Map<string, boolean>()
  /** Places of audiences to be looked at, sorted; those before `#done` have been. */
  readonly #doubted: number[] = []
  #done = 0

  constructor(index: AudienceIndex<A>, profile: JudgedProfile, before: JudgedBefore) {
    this.#index = index
    this.#profile = profile
    this.#before = before
    this.#moved = new Set(before.moved)
  }

  /** Reads again, and doubts the audiences of each leaf that flipped by it. */
  readAgain(place: number): void {
    const read = this.#index.reads[place]!
    if (!isKept(read)) return
    const value = this.#value(place)
    for (const leaf of read.leaves) {
      const { comparison, atRest, audiences } = this.#index.leaves[leaf]!
      const moved = compares(value, comparison) !== atRest
      if (moved === this.#moved.has(leaf)) continue
      if (moved) this.#moved.add(leaf)
      else this.#moved.delete(leaf)
      this.#flip(leaf, audiences)
    }
  }

  doubt(place: number): void {
    const at = firstNotBelow(this.#doubted, place, this.#done)
    if (this.#doubted[at] !== place) this.#doubted.splice(at, 0, place)
  }

  hasFlipped(leaf: number): boolean {
    return this.#flipped.has(leaf)
  }

  /** Looks at every audience in doubt, each after those it reads. `told`: which of its leaves a flip tells of. */
  settle(told: (leaves: readonly number[]) => readonly number[]): Judged<A> {
    const flips: MembershipFlip<A>[] = []
    for (; this.#done < this.#doubted.length; this.#done++) {
      const { audience, leaves } = this.#index.audiences[this.#doubted[this.#done]!]!
      if (audience.disabled) continue
      const member = holds(audience.compiled.root, (leaf) => this.#isMet(leaves[leaf]!))
      if (member === this.#before.isMember(audience.id)) continue
      this.#memberships.set(audience.id, member)
      for (const place of this.#index.byAudience.get(audience.id) ?? [])
        for (const leaf of this.#index.reads[place]!.leaves)
          this.#flip(leaf, this.#index.leaves[leaf]!.audiences)
      const ofIt = new Set(told(leaves))
      const because = leaves.flatMap((leaf, i) => {
        if (!ofIt.has(leaf)) return []
        const value = this.#value(this.#index.leaves[leaf]!.read) ?? null
        return [{ condition: audience.compiled.leaves[i]!.text, value, met: this.#isMet(leaf) }]
      })
      flips.push({ audience, member, leaves: because })
    }
    const moved = this.#flipped.size === 0 ? this.#before.moved : [...this.#moved].sort((a, b) => a - b)
    return { moved, flips }
  }

  #flip(leaf: number, audiences: readonly number[]): void {
    this.#flipped.add(leaf)
    for (const audience of audiences) this.doubt(audience)
  }

  #isMet(leaf: number): boolean {
    const { read, comparison, atRest } = this.#index.leaves[leaf]!
    return isKept(this.#index.reads[read]!)
      ? this.#moved.has(leaf) !== atRest
      : compares(this.#value(read), comparison)
  }

  #value(place: number): Json | undefined {
    if (this.#values.has(place)) return this.#values.get(place)
    const { read, blind } = this.#index.reads[place]!
    const value = readLeaf(read, this.#profile, (id) => !blind && this.#isMember(id))
    // Who is a member is not settled before all audiences before this one are.
    if (read.kind !== 'audience') this.#values.set(place, value)
    return value
  }

  #isMember(audience: string): boolean {
    return this.#memberships.get(audience) ?? this.#before.isMember(audience)
  }
}

/** J2. */
function isKept({ read }: IndexedRead): boolean {
  return read.kind !== 'audience' && read.kind !== 'sample'
}

function firstNotBelow(sorted: readonly number[], wanted: number, from: number): number {
  let [low, high] = [from, sorted.length]
  while (low < high) {
    const middle = (low + high) >> 1
    if (sorted[middle]! < wanted) low = middle + 1
    else high = middle
  }
  return low
}
