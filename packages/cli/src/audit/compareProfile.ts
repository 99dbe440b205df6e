/**
 * One profile as it is served beside a fold of the log: which of its fields differ, by path and never by value.
 *
 *  C1. The fold is the one the tasks use, with the documents in force; so are the judgements of the audiences.
 *  C2. Since when somebody is a member, and versions, are how it came about and not what is: they are left out.
 *  C3. A window may move a moment before the task is told the time: what a window gives counts as the same when it was
 *      so a moment ago.
 */
import {
  type Json,
  type JsonObject,
  type Profile,
  canonicalJsonText,
  foldProfile,
  isJsonObject,
  isoTime,
  judgeAudiences,
  parseExact,
  publicDiff,
  publicProfile,
} from '@tributary/domain'
import type { DocumentsAsFolded } from './documentsAsFolded.ts'
import type { Person } from './foldPeople.ts'

/** A profile as the profile-store answers. */
export interface LiveProfile {
  /** As in the profiles topic. */
  readonly json: string
  /** As of now, where the public record may be older. */
  readonly firstSeenMs: number
  readonly lastSeenMs: number
  readonly events: number
}

/** So long ago windows are judged a second time, ms: a task that has to judge thousands at midnight is done by then. */
const A_MOMENT_MS = 600_000

/** Paths that differ, sorted; `(missing)` and `(not in the log)` when one side has nothing. */
export function compareProfile(
  person: Person,
  live: LiveProfile | undefined,
  definitions: DocumentsAsFolded,
  nowMs: number,
): readonly string[] {
  const served = live && publicOf(live)
  const differing = differences(person, live, served, definitions, nowMs)
  if (differing.length === 0) return []
  // C3
  const before = new Set(differences(person, live, served, definitions, nowMs - A_MOMENT_MS))
  return differing.filter((path) => before.has(path))
}

function differences(
  person: Person,
  live: LiveProfile | undefined,
  served: JsonObject | undefined,
  definitions: DocumentsAsFolded,
  nowMs: number,
): readonly string[] {
  const profile = foldProfile(person.parts, { ...definitions, nowMs })
  if (!profile) {
    // One whose events all went elsewhere stays, empty, for those who have its id.
    const isEmpty = live === undefined || live.events === 0
    return isEmpty ? [] : ['(not in the log)']
  }
  if (!live || !served) return ['(missing)']
  const members = isJsonObject(served['audiences'] ?? null) ? (served['audiences'] as JsonObject) : {}
  const expected = publicProfile({
    profileId: person.profileId,
    version: '',
    profile,
    audiences: audiencesOf(person.profileId, profile, members, definitions, nowMs),
  })
  const shown = { ...served, audiences: onlyNames(members) }
  return publicDiff(expected, shown).changed
}

/** C2. */
function audiencesOf(
  profileId: string,
  profile: Profile,
  members: JsonObject,
  { audiences, judged }: DocumentsAsFolded,
  nowMs: number,
): Record<string, { since: string }> {
  const found = judgeAudiences(audiences, judged(profileId, profile, nowMs), (id) =>
    Object.hasOwn(members, id),
  )
  return Object.fromEntries(
    found.filter(({ judgement }) => judgement.member).map(({ audience }) => [audience.id, { since: '' }]),
  )
}

function onlyNames(members: JsonObject): JsonObject {
  return Object.fromEntries(Object.keys(members).map((id): [string, Json] => [id, { since: '' }]))
}

function publicOf({ json, firstSeenMs, lastSeenMs, events }: LiveProfile): JsonObject {
  const read = parseExact(json)
  if (!isJsonObject(read)) return {}
  return { ...read, firstSeen: isoTime(firstSeenMs), lastSeen: isoTime(lastSeenMs), events }
}

/** The same text exactly when nothing of it changed between two looks. */
export function fingerprint(person: Person, live: LiveProfile | undefined): string {
  return canonicalJsonText([
    live ? { ...live } : null,
    person.parts.map(({ identifierId, fragment }) => [identifierId, (fragment ?? null) as unknown as Json]),
  ] as Json)
}
