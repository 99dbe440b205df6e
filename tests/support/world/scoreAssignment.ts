/**
 * How near an assignment of identifiers to profiles comes to the truth.
 *
 *  C1. An identifier's owner is who did most of the events that carry it. One that four or more used, nobody for half of
 *      its events, is nobody's: its truth is to stand alone.
 *  C2. B³ (Bagga and Baldwin 1998): precision and recall of each identifier's cluster, averaged over identifiers.
 *      Pairwise: over all pairs of identifiers. Both say what the other hides: pairs weigh large clusters, B³ persons.
 *  C3. An event is attributed to the right person when it lies in a profile most of whose events are that person's, and
 *      that is the profile with most of that person's events: neither strangers in it nor the person in pieces.
 */
import type { ReadEvent } from './readWorld.ts'

export interface Ratio {
  readonly precision: number
  readonly recall: number
  readonly f1: number
}

export interface Score {
  readonly bCubed: Ratio
  readonly pairwise: Ratio
  /** Share of events. */
  readonly attributed: number
  readonly identifiers: number
  readonly profiles: number
}

const NOBODYS_USERS = 4
const NOBODYS_SHARE = 0.5

/** `profileOf`: identifier id → name of its profile; what is missing is its own. */
export function scoreAssignment(
  events: readonly ReadEvent[],
  profileOf: (identifierId: string) => string,
): Score {
  const owners = ownersOf(events)
  const both = new Map<string, number>()
  const truth = new Map<string, number>()
  const found = new Map<string, number>()
  const items = [...owners].map(([id, owner]) => ({ owner, profile: profileOf(id) }))
  for (const { owner, profile } of items) {
    count(both, `${owner} ${profile}`)
    count(truth, owner)
    count(found, profile)
  }
  let [precision, recall] = [0, 0]
  for (const { owner, profile } of items) {
    const together = both.get(`${owner} ${profile}`)!
    precision += together / found.get(profile)!
    recall += together / truth.get(owner)!
  }
  const [inBoth, inTruth, inFound] = [both, truth, found].map(pairsOf) as [number, number, number]
  return {
    bCubed: ratio(precision / items.length, recall / items.length),
    pairwise: ratio(inFound === 0 ? 1 : inBoth / inFound, inTruth === 0 ? 1 : inBoth / inTruth),
    attributed: attributedShare(events, profileOf),
    identifiers: items.length,
    profiles: found.size,
  }
}

/** Identifier id → its owner (C1). */
function ownersOf(events: readonly ReadEvent[]): ReadonlyMap<string, string> {
  const uses = new Map<string, Map<number, number>>()
  for (const { person, identifiers } of events)
    for (const id of identifiers) {
      const known = uses.get(id) ?? new Map<number, number>()
      uses.set(id, known.set(person, (known.get(person) ?? 0) + 1))
    }
  return new Map(
    [...uses].map(([id, persons]) => {
      const all = [...persons.values()].reduce((sum, each) => sum + each, 0)
      const person = most(persons)
      const nobodys = persons.size >= NOBODYS_USERS && persons.get(person)! / all < NOBODYS_SHARE
      return [id, nobodys ? `nobody's ${id}` : `person ${person}`]
    }),
  )
}

function attributedShare(events: readonly ReadEvent[], profileOf: (id: string) => string): number {
  const inProfile = new Map<string, Map<number, number>>()
  const ofPerson = new Map<number, Map<string, number>>()
  const anchored = events.filter((each) => each.identifiers.length > 0)
  for (const { person, identifiers } of anchored) {
    const profile = profileOf(identifiers[0]!)
    const persons = inProfile.get(profile) ?? new Map<number, number>()
    inProfile.set(profile, persons.set(person, (persons.get(person) ?? 0) + 1))
    const profiles = ofPerson.get(person) ?? new Map<string, number>()
    ofPerson.set(person, profiles.set(profile, (profiles.get(profile) ?? 0) + 1))
  }
  const right = anchored.filter(({ person, identifiers }) => {
    const profile = profileOf(identifiers[0]!)
    return most(inProfile.get(profile)!) === person && most(ofPerson.get(person)!) === profile
  })
  return right.length / anchored.length
}

function most<K>(counts: ReadonlyMap<K, number>): K {
  return [...counts].reduce((best, each) => (each[1] > best[1] ? each : best))[0]
}

function count(counts: Map<string, number>, key: string): void {
  counts.set(key, (counts.get(key) ?? 0) + 1)
}

function pairsOf(counts: ReadonlyMap<string, number>): number {
  let pairs = 0
  for (const size of counts.values()) pairs += (size * (size - 1)) / 2
  return pairs
}

function ratio(precision: number, recall: number): Ratio {
  return { precision, recall, f1: (2 * precision * recall) / (precision + recall) }
}
