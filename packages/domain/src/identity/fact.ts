import { type EvidenceMember } from './evidence.ts'

/**
 * What an operator said; appended, never edited. Facts are ordered by (time, id), not by arrival:
 *
 *  F1. Of block and unblock, and of shared and not shared, the latest about an identifier counts.
 *  F2. A separation counts whatever joins say; it ends when it is retracted.
 *  F3. A retraction of evidence counts for ever, also when the evidence comes again; a retraction of a fact counts
 *      for facts earlier than itself, so two of them can never cancel each other in a circle. Erasures cannot be
 *      retracted: the data is gone.
 *  F4. Every erasure of an identifier gives it a new generation.
 */
export type FactKind =
  | 'join'
  | 'separate'
  | 'block'
  | 'unblock'
  | 'shared'
  | 'not-shared'
  | 'retract'
  | 'erase'

export interface Fact {
  /** Unique; of two with one id the first to arrive counts. */
  readonly id: string
  readonly kind: FactKind
  /** Two for join and separate; one or more for the others; none for retract. */
  readonly members: readonly EvidenceMember[]
  /** For retract: the id of the evidence or fact to forget. */
  readonly retracts?: string | undefined
  readonly actor: string
  readonly reason: string
  /** When it was said; for erase: what was received until then is forgotten. Ms since 1970. */
  readonly timeMs: number
}

/** Printable and below "|", which separates the ids in the keys of indexes; longer ones are no ids. */
const ID = /^[!-{]{1,128}$/

/** Why a fact cannot be used, or undefined when it can. */
export function factProblem(fact: Fact): string | undefined {
  if (!/^[A-Za-z0-9._:-]{1,64}$/.test(fact.id))
    return 'its id must be 1 to 64 letters, digits, dots, colons or dashes'
  if (!Number.isSafeInteger(fact.timeMs)) return 'its time is no whole number of milliseconds'
  if (fact.members.some((each) => !ID.test(each.id))) return 'it names an identifier id that is none'
  if (fact.kind === 'retract')
    return ID.test(fact.retracts ?? '') ? undefined : 'retract needs the id of evidence or of a fact'
  if (fact.kind === 'join' || fact.kind === 'separate')
    return fact.members.length === 2 && fact.members[0]!.id !== fact.members[1]!.id
      ? undefined
      : `${fact.kind} needs two different identifiers`
  return fact.members.length > 0 ? undefined : `${fact.kind} needs an identifier`
}

/** Whether `a` was said after `b`. */
export function isLater(a: Fact, b: Fact): boolean {
  return a.timeMs > b.timeMs || (a.timeMs === b.timeMs && a.id > b.id)
}

/** What the active facts about one identifier say about it. */
export interface Declared {
  readonly blocked: boolean
  readonly shared: 'shared' | 'not-shared' | undefined
  readonly generation: number
  /** Evidence last received at or before this is forgotten for this identifier; −1 when never erased. */
  readonly erasedUntilMs: number
}

/** `facts`: the active ones that name the identifier, in any order. */
export function declared(facts: Iterable<Fact>): Declared {
  let block: Fact | undefined
  let share: Fact | undefined
  let generation = 0
  let erasedUntilMs = -1
  for (const fact of facts) {
    if (fact.kind === 'block' || fact.kind === 'unblock') {
      if (!block || isLater(fact, block)) block = fact
    } else if (fact.kind === 'shared' || fact.kind === 'not-shared') {
      if (!share || isLater(fact, share)) share = fact
    } else if (fact.kind === 'erase') {
      generation++
      erasedUntilMs = Math.max(erasedUntilMs, fact.timeMs)
    }
  }
  return {
    blocked: block?.kind === 'block',
    shared: share && (share.kind === 'shared' ? 'shared' : 'not-shared'),
    generation,
    erasedUntilMs,
  }
}
