/**
 * Live profiles beside profiles folded anew from the event log.
 *
 *  P1. Never a false alarm for what is under way. Who differs is looked at again when everything that was in any topic at
 *      the look before has gone through every stage and is in the log. Who then differs still, and of whom neither side has
 *      changed, differs. Who has changed in between is looked at once more, and counted as not judged in the end.
 *  P2. Memory: the people of one question to the profile-store, and the ids of those who differ.
 *  P3. Profiles are named by id, and what differs by its path: no value leaves this file.
 */
import type { PeopleAsked } from '@tributary/clickhouse-log'
import type { DocumentsAsFolded } from './documentsAsFolded.ts'
import type { Person } from './foldPeople.ts'
import { type LiveProfile, compareProfile, fingerprint } from './compareProfile.ts'

export interface ComparePorts {
  /** The documents in force now. */
  definitions(): Promise<DocumentsAsFolded>
  /** By profile id. */
  people(asked: PeopleAsked, definitions: DocumentsAsFolded): AsyncIterable<Person>
  /** Of those ids, who is alive. At most `MAX_ASKED` ids. */
  live(ids: readonly string[]): Promise<ReadonlyMap<string, LiveProfile>>
  /** Resolves when everything that was in a topic at the call has gone through and is in the log. */
  settle(): Promise<void>
  /** Ms since 1970. */
  now(): number
}

export interface DifferingProfile {
  readonly profileId: string
  /** Paths of the public profile, sorted. */
  readonly differs: readonly string[]
}

export interface ProfileComparison {
  /** Profiles folded anew. */
  readonly compared: number
  /** The first ones, by id. */
  readonly differing: readonly DifferingProfile[]
  /** More differed at the first look than are followed. */
  readonly more: boolean
  /** Differed, and changed at every look: nothing can be said of them. */
  readonly unsettled: number
}

/** One question to the profile-store. */
const MAX_ASKED = 100
/** So many are followed: whoever has more to look at has a fault that any of them shows. */
const MAX_FOLLOWED = 1_000
const LOOKS = 4

interface Suspect {
  readonly differs: readonly string[]
  readonly fingerprint: string
}

export async function compareProfiles(ports: ComparePorts, share: PeopleAsked): Promise<ProfileComparison> {
  const first = await look(ports, share)
  let suspects = first.suspects
  const differing = new Map<string, DifferingProfile>()
  for (let n = 1; n < LOOKS && suspects.size > 0; n++) {
    await ports.settle()
    const again = await look(ports, { ids: [...suspects.keys()] })
    for (const [profileId, { differs, fingerprint: text }] of again.suspects) {
      // P1
      if (suspects.get(profileId)?.fingerprint !== text) continue
      differing.set(profileId, { profileId, differs })
      again.suspects.delete(profileId)
    }
    suspects = again.suspects
  }
  return {
    compared: first.compared,
    differing: [...differing.values()].sort((a, b) => (a.profileId < b.profileId ? -1 : 1)),
    more: first.more,
    unsettled: suspects.size,
  }
}

async function look(
  ports: ComparePorts,
  asked: PeopleAsked,
): Promise<{ compared: number; suspects: Map<string, Suspect>; more: boolean }> {
  const definitions = await ports.definitions()
  const suspects = new Map<string, Suspect>()
  let [compared, more] = [0, false]
  const compare = async (people: readonly Person[]): Promise<void> => {
    const live = await ports.live(people.map(({ profileId }) => profileId))
    for (const person of people) {
      compared++
      const served = live.get(person.profileId)
      const differs = compareProfile(person, served, definitions, ports.now())
      if (differs.length === 0) continue
      if (suspects.size === MAX_FOLLOWED) more = true
      else suspects.set(person.profileId, { differs, fingerprint: fingerprint(person, served) })
    }
  }
  let lot: Person[] = []
  for await (const person of ports.people(asked, definitions)) {
    lot.push(person)
    if (lot.length < MAX_ASKED) continue
    await compare(lot)
    lot = []
  }
  if (lot.length > 0) await compare(lot)
  return { compared, suspects, more }
}
