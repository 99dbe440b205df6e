/**
 * From what a leaf reads to the audiences that mention it, over all audiences in force.
 *
 *  I1. Equal leaves are one, with one verdict; leaves that read the same share the value they read.
 *  I2. Every leaf whose verdict can change while the definitions stay is found under what it reads: a path of traits,
 *      an aggregate, a type of identifier, a purpose of consent, activity, another audience. A sample never changes.
 *  I3. Places (of leaves, of audiences) are a function of the audiences and the computed traits alone: who keeps
 *      places beside the definitions they were made under can read them again after a restart.
 *  I4. An audience is read by those after it only (inReadingOrder). A leaf that reads one after its own, itself, or
 *      one that is not there reads false.
 */
import { canonicalJsonText } from '../profile/canonicalJson.ts'
import { type ComputedTrait } from '../profile/profile.ts'
import { firstKey } from '../profile/traitPath.ts'
import { type Json } from '../event/json.ts'
import { type CompiledLeaf, type CompiledRead } from './compileAudience.ts'
import { compileComparison } from './comparison.ts'
import { inReadingOrder } from './inReadingOrder.ts'
import { type AudienceInForce, holds, readOfNobody, traitPathOf } from './judgeAudience.ts'

/** What one or more leaves read. */
export interface IndexedRead {
  readonly read: CompiledRead
  /** I4. */
  readonly blind: boolean
  /** Places of the leaves that compare it. */
  readonly leaves: number[]
}

export interface IndexedLeaf {
  readonly compares: (value: Json | undefined) => boolean
  /** Place of what it reads. */
  readonly read: number
  /** Its verdict on somebody of whom nothing is known. */
  readonly atRest: boolean
  /** Places of the audiences that have it. */
  readonly audiences: number[]
}

export interface IndexedAudience<A extends AudienceInForce> {
  readonly audience: A
  /** Place of each leaf of the condition, in its order. */
  readonly leaves: readonly number[]
}

export interface AudienceIndex<A extends AudienceInForce = AudienceInForce> {
  /** Each after those it reads. */
  readonly audiences: readonly IndexedAudience<A>[]
  readonly leaves: readonly IndexedLeaf[]
  readonly reads: readonly IndexedRead[]
  /** Document of an aggregate ("leaf/<hash>", "trait/<id>") → places of reads. */
  readonly byAggregate: ReadonlyMap<string, readonly number[]>
  /** First key of a path of traits → places of reads: which of several values shows is decided within one (foldTraits). */
  readonly byTrait: ReadonlyMap<string, readonly number[]>
  readonly byIdentifier: ReadonlyMap<string, readonly number[]>
  readonly byConsent: ReadonlyMap<string, readonly number[]>
  readonly byAudience: ReadonlyMap<string, readonly number[]>
  /** Reads of silence: any event changes them, and time does. */
  readonly ofActivity: readonly number[]
  /** Places of the audiences that somebody of whom nothing is known may be in, sorted. */
  readonly openAtRest: readonly number[]
  /** Documents of aggregates that change though nothing happens. */
  readonly windowed: ReadonlySet<string>
}

/** `computed`: the computed traits in force; a leaf that names one reads its aggregate. */
export function indexAudiences<A extends AudienceInForce>(
  audiences: readonly A[],
  computed: readonly ComputedTrait[],
): AudienceIndex<A> {
  const ordered = inReadingOrder(audiences)
  const placeOf = new Map(ordered.map(({ id }, place) => [id, place]))
  const index = new IndexBuilder(computed)
  const indexed = ordered.map(({ compiled }, place) =>
    compiled.leaves.map((leaf) => {
      const blind = leaf.kind === 'audience' && !((placeOf.get(leaf.audience) ?? place) < place)
      return index.add(leaf, blind, place)
    }),
  )
  const built = index.built()
  return {
    ...built,
    audiences: ordered.map((audience, i) => ({ audience, leaves: indexed[i]! })),
    openAtRest: openAtRest(ordered, indexed, built),
  }
}

/** Those that hold at rest, where a sample or an audience that is open may be either. */
function openAtRest(
  ordered: readonly AudienceInForce[],
  indexed: readonly (readonly number[])[],
  { leaves, reads }: Pick<AudienceIndex, 'leaves' | 'reads'>,
): number[] {
  const open = new Set<string>()
  const places: number[] = []
  for (const [place, { id, compiled }] of ordered.entries()) {
    const isOpen = indexed[place]!.some((leaf) => {
      const { read, blind } = reads[leaves[leaf]!.read]!
      return read.kind === 'sample' || (read.kind === 'audience' && !blind && open.has(read.audience))
    })
    if (!isOpen && !holds(compiled.root, (leaf) => leaves[indexed[place]![leaf]!]!.atRest)) continue
    open.add(id)
    places.push(place)
  }
  return places
}

class IndexBuilder {
  readonly #computed: ReadonlyMap<string, ComputedTrait>
  readonly #readPlaces = new Map<string, number>()
  readonly #leafPlaces = new Map<string, number>()
  readonly #reads: IndexedRead[] = []
  readonly #leaves: IndexedLeaf[] = []
  readonly #byAggregate = new Map<string, number[]>()
  readonly #byTrait = new Map<string, number[]>()
  readonly #byIdentifier = new Map<string, number[]>()
  readonly #byConsent = new Map<string, number[]>()
  readonly #byAudience = new Map<string, number[]>()
  readonly #ofActivity: number[] = []
  readonly #windowed = new Set<string>()

  constructor(computed: readonly ComputedTrait[]) {
    this.#computed = new Map(computed.map((each) => [each.id, each]))
  }

  /** Gives the place of the leaf. */
  add(leaf: CompiledLeaf, blind: boolean, audience: number): number {
    const { text: _text, comparison, ...read } = leaf
    const readPlace = this.#readPlace(read, blind)
    const key = `${readPlace} ${canonicalJsonText(comparison as Json)}`
    let place = this.#leafPlaces.get(key)
    if (place === undefined) {
      place = this.#leaves.length
      const compares = compileComparison(comparison)
      const atRest = compares(readOfNobody(read, this.#computed))
      this.#leaves.push({ compares, read: readPlace, atRest, audiences: [] })
      this.#leafPlaces.set(key, place)
      this.#reads[readPlace]!.leaves.push(place)
    }
    const { audiences } = this.#leaves[place]!
    if (audiences.at(-1) !== audience) audiences.push(audience)
    return place
  }

  built(): Omit<AudienceIndex, 'audiences' | 'openAtRest'> {
    return {
      leaves: this.#leaves,
      reads: this.#reads,
      byAggregate: this.#byAggregate,
      byTrait: this.#byTrait,
      byIdentifier: this.#byIdentifier,
      byConsent: this.#byConsent,
      byAudience: this.#byAudience,
      ofActivity: this.#ofActivity,
      windowed: this.#windowed,
    }
  }

  /** I1. */
  #readPlace(read: CompiledRead, blind: boolean): number {
    const key = `${blind} ${canonicalJsonText(read as unknown as Json)}`
    const known = this.#readPlaces.get(key)
    if (known !== undefined) return known
    const place = this.#reads.length
    this.#reads.push({ read, blind, leaves: [] })
    this.#readPlaces.set(key, place)
    if (!blind) this.#findable(read, place)
    return place
  }

  /** I2. */
  #findable(read: CompiledRead, place: number): void {
    switch (read.kind) {
      case 'trait': {
        const trait = this.#computed.get(read.trait)
        if (trait) this.#ofAggregate(trait.aggregate, place)
        else listed(this.#byTrait, firstKey(traitPathOf(read.trait))).push(place)
        break
      }
      case 'aggregate':
        this.#ofAggregate(read.aggregate, place)
        break
      case 'inactive':
        this.#ofActivity.push(place)
        break
      case 'audience':
        listed(this.#byAudience, read.audience).push(place)
        break
      case 'identifier':
        listed(this.#byIdentifier, read.type).push(place)
        break
      case 'consent':
        listed(this.#byConsent, read.purpose).push(place)
        break
      case 'sample':
        break
    }
  }

  #ofAggregate({ document, within }: ComputedTrait['aggregate'], place: number): void {
    listed(this.#byAggregate, document).push(place)
    if (within) this.#windowed.add(document)
  }
}

function listed<V>(map: Map<string, V[]>, key: string): V[] {
  const known = map.get(key)
  if (known) return known
  const made: V[] = []
  map.set(key, made)
  return made
}
