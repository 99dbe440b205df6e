import { type Placement } from './assignmentChanges.ts'
import { type EvidenceMember } from './evidence.ts'
import { type Explanation } from './explainIdentity.ts'
import { type ProfileName, type Standing, profileText } from './identityState.ts'

/** A change of the rules erases nobody. */
const plannedKinds = ['merge', 'split', 'rename'] as const
export type PlannedKind = (typeof plannedKinds)[number]

/** Identifiers of one profile that would go to another together. */
export interface PlannedMove {
  readonly kind: PlannedKind
  readonly from: ProfileName
  readonly into: ProfileName
  /** How many would move, and the best of them. */
  readonly identifiers: number
  readonly members: readonly EvidenceMember[]
  /** What joins the two, or keeps them apart, under the proposed rules. */
  readonly because: Explanation | undefined
}

export interface SizedProfile {
  readonly name: ProfileName
  readonly identifiers: number
}

/** What a change of the rules would do. */
export interface RulesPlan {
  /** Identifiers known. */
  readonly lookedAt: number
  /** How many would move, by kind. */
  readonly identifiers: Readonly<Record<PlannedKind, number>>
  /** Profiles that would come whole into another, fall apart, or only be called otherwise. */
  readonly profiles: Readonly<Record<PlannedKind, number>>
  /** Identifiers whose standing would change, by what it is and would be: "linked → shared". */
  readonly standings: ReadonlyMap<`${Standing} → ${Standing}`, number>
  /** Refused links, now and then. */
  readonly conflicts: { readonly before: number; readonly after: number }
  /** The largest profile, now and then; undefined where nobody is known. */
  readonly largest: { readonly before: SizedProfile | undefined; readonly after: SizedProfile | undefined }
  /** The largest moves of each kind. */
  readonly samples: Readonly<Record<PlannedKind, readonly PlannedMove[]>>
  /** Groups that were too large to be worked out, and how many of their identifiers were seen until then. */
  readonly tooLarge: { readonly groups: number; readonly identifiers: number }
}

/** Adds up a plan, in memory that does not grow with what is added. */
export class RulesTally {
  readonly #samplesOfEach: number
  readonly #identifiers = { merge: 0, split: 0, rename: 0 }
  readonly #profiles = { merge: 0, split: 0, rename: 0 }
  readonly #samples: Record<PlannedKind, PlannedMove[]> = { merge: [], split: [], rename: [] }
  readonly #standings = new Map<`${Standing} → ${Standing}`, number>()
  #conflicts = { before: 0, after: 0 }
  #largest: RulesPlan['largest'] = { before: undefined, after: undefined }
  #tooLarge = { groups: 0, identifiers: 0 }

  constructor(samplesOfEach: number) {
    this.#samplesOfEach = samplesOfEach
  }

  addPlacements(placements: readonly Placement[]): void {
    this.#largest = {
      before: largerOf(this.#largest.before, largestOf(placements.map((each) => each.before))),
      after: largerOf(this.#largest.after, largestOf(placements.map((each) => each.after))),
    }
  }

  addConflicts(before: number, after: number): void {
    this.#conflicts = { before: this.#conflicts.before + before, after: this.#conflicts.after + after }
  }

  addStanding(before: Standing, after: Standing): void {
    const key = `${before} → ${after}` as const
    this.#standings.set(key, (this.#standings.get(key) ?? 0) + 1)
  }

  /** `profiles`: how many profiles these are the moves of. */
  addMoves(kind: PlannedKind, profiles: number, identifiers: number): void {
    this.#profiles[kind] += profiles
    this.#identifiers[kind] += identifiers
  }

  /** Those among the moves of a group that belong to the samples as far as is known. */
  samplesAmong(moves: readonly PlannedMove[]): readonly PlannedMove[] {
    return plannedKinds.flatMap((kind) => {
      const known = this.#samples[kind]
      const best = moves.filter((each) => each.kind === kind).sort(compareMoves)
      return best
        .slice(0, this.#samplesOfEach)
        .filter((each) => known.length < this.#samplesOfEach || compareMoves(each, known.at(-1)!) < 0)
    })
  }

  addSample(move: PlannedMove): void {
    this.#samples[move.kind] = [...this.#samples[move.kind], move]
      .sort(compareMoves)
      .slice(0, this.#samplesOfEach)
  }

  addTooLarge(identifiers: number): void {
    const { groups, identifiers: before } = this.#tooLarge
    this.#tooLarge = { groups: groups + 1, identifiers: before + identifiers }
  }

  plan(lookedAt: number): RulesPlan {
    return {
      lookedAt,
      identifiers: this.#identifiers,
      profiles: this.#profiles,
      standings: this.#standings,
      conflicts: this.#conflicts,
      largest: this.#largest,
      samples: this.#samples,
      tooLarge: this.#tooLarge,
    }
  }
}

/** Largest first; then in an order that is the same each time. */
function compareMoves(a: PlannedMove, b: PlannedMove): number {
  return (
    b.identifiers - a.identifiers ||
    (profileText(a.from) + profileText(a.into) < profileText(b.from) + profileText(b.into) ? -1 : 1)
  )
}

function largestOf(names: readonly ProfileName[]): SizedProfile | undefined {
  const sizes = new Map<string, number>()
  let largest: SizedProfile | undefined
  for (const name of names) {
    const identifiers = (sizes.get(profileText(name)) ?? 0) + 1
    sizes.set(profileText(name), identifiers)
    if (identifiers > (largest?.identifiers ?? 0)) largest = { name, identifiers }
  }
  return largest
}

function largerOf(a: SizedProfile | undefined, b: SizedProfile | undefined): SizedProfile | undefined {
  if (!a || !b) return a ?? b
  return a.identifiers > b.identifiers ||
    (a.identifiers === b.identifiers && profileText(a.name) < profileText(b.name))
    ? a
    : b
}
