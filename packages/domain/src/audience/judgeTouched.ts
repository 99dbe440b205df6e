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
  /** The leaves that flipped, each with what it saw, in the order of the condition; at first and anew: all of them. */
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

/** Somebody of whom nothing was known until now: `touched` names all that is. */
export function judgeFirst<A extends AudienceInForce>(
  index: AudienceIndex<A>,
  profile: JudgedProfile,
  touched: Touched,
): Judged<A> {
  const judgement = new Judgement(index, profile, { moved: [], isMember: () => false })
  for (const place of readsTouched(index, touched, [])) judgement.readAgain(place)
  for (const place of index.openAtRest) judgement.doubt(place)
  return judgement.settle(() => true)
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
  return judgement.settle(() => true)
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
  return judgement.settle((leaf) => judgement.hasFlipped(leaf))
}

/** Some may be named twice. */
function readsTouched(
  index: AudienceIndex,
  touched: Touched,
  aggregates: readonly Pick<Aggregate, 'document'>[],
): Iterable<number> {
  if (touched.everything) return index.reads.keys()
  const reads: number[] = []
  const add = (places: readonly number[] | undefined) => {
    if (places) for (const place of places) reads.push(place)
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
  /** Sorted; that of before until a leaf flips. */
  #moved: readonly number[]
  /** Leaves whose verdict is another than before. */
  readonly #flipped: number[] = []
  /** Read in this judgement, by place. */
  readonly #values = new Map<number, Json | undefined>()
  /** Those that changed. */
  #memberships: Map<string, boolean> | undefined
  /** Places of audiences to be looked at, sorted; those before `#done` have been. */
  readonly #doubted: number[] = []
  #done = 0

  constructor(index: AudienceIndex<A>, profile: JudgedProfile, before: JudgedBefore) {
    this.#index = index
    this.#profile = profile
    this.#before = before
    this.#moved = before.moved
  }

  /** Reads again, and doubts the audiences of each leaf that flipped by it. */
  readAgain(place: number): void {
    const read = this.#index.reads[place]!
    if (!isKept(read) || this.#values.has(place)) return
    const value = this.#value(place)
    for (const leaf of read.leaves) {
      const { compares, atRest, audiences } = this.#index.leaves[leaf]!
      if ((compares(value) !== atRest) === isIn(this.#moved, leaf)) continue
      this.#moved = toggled(this.#moved, leaf)
      this.#flip(leaf, audiences)
    }
  }

  doubt(place: number): void {
    const at = firstNotBelow(this.#doubted, place, this.#done)
    if (this.#doubted[at] !== place) this.#doubted.splice(at, 0, place)
  }

  hasFlipped(leaf: number): boolean {
    return this.#flipped.includes(leaf)
  }

  /** Looks at every audience in doubt, each after those it reads. `tells`: whether a flip tells of a leaf it has. */
  settle(tells: (leaf: number) => boolean): Judged<A> {
    const flips: MembershipFlip<A>[] = []
    for (; this.#done < this.#doubted.length; this.#done++) {
      const { audience, leaves } = this.#index.audiences[this.#doubted[this.#done]!]!
      if (audience.disabled) continue
      const member = holds(audience.compiled.root, (leaf) => this.#isMet(leaves[leaf]!))
      if (member === this.#before.isMember(audience.id)) continue
      this.#memberships ??= new Map()
      this.#memberships.set(audience.id, member)
      for (const place of this.#index.byAudience.get(audience.id) ?? [])
        for (const leaf of this.#index.reads[place]!.leaves)
          this.#flip(leaf, this.#index.leaves[leaf]!.audiences)
      const because = leaves.flatMap((leaf, i) => {
        if (!tells(leaf)) return []
        const value = this.#value(this.#index.leaves[leaf]!.read) ?? null
        return [{ condition: audience.compiled.leaves[i]!.text, value, met: this.#isMet(leaf) }]
      })
      flips.push({ audience, member, leaves: because })
    }
    return { moved: this.#moved, flips }
  }

  #flip(leaf: number, audiences: readonly number[]): void {
    this.#flipped.push(leaf)
    for (const audience of audiences) this.doubt(audience)
  }

  #isMet(leaf: number): boolean {
    const { read, compares, atRest } = this.#index.leaves[leaf]!
    return isKept(this.#index.reads[read]!) ? isIn(this.#moved, leaf) !== atRest : compares(this.#value(read))
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
    return this.#memberships?.get(audience) ?? this.#before.isMember(audience)
  }
}

/** J2. */
function isKept({ read }: IndexedRead): boolean {
  return read.kind !== 'audience' && read.kind !== 'sample'
}

function isIn(sorted: readonly number[], value: number): boolean {
  return sorted[firstNotBelow(sorted, value, 0)] === value
}

/** With it where it was not in, without it where it was. */
function toggled(sorted: readonly number[], value: number): number[] {
  const at = firstNotBelow(sorted, value, 0)
  return sorted[at] === value ? sorted.toSpliced(at, 1) : sorted.toSpliced(at, 0, value)
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
