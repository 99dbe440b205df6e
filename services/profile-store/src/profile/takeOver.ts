/**
 * How the tasks of a new layout epoch take over from those of the one before: they fold all events anew in silence, are
 * told what is public already, and then publish what differs from it.
 *
 *  O1. Until TAKE_OVER nothing public is sent and no number is taken: versions have the number 0.
 *  O2. What is public is kept as it was told, the last record of each key, and replaces what silence had made up when
 *      the profile is next judged: its version, what its subscribers hold, since when it is a member of what.
 *  O3. TAKE_OVER says where the numbers go on, and every profile is judged anew, vanished ones included; only what
 *      differs is told. One that changes before its turn is compared then. A second TAKE_OVER changes nothing.
 */
import { KEY_SEPARATOR, type AudienceMembershipRecord, versionOf } from '@tributary/contracts'
import { type Published } from '@tributary/contracts/generated/tributary/profile/v1/part'
import {
  type JudgedAudience,
  type ProfileRow,
} from '@tributary/contracts/generated/tributary/profile/v1/state'
import { type StepContext } from '@tributary/stream-runtime'
import { keepMember } from './members.ts'
import {
  counterRows,
  emptyCounters,
  emptyRow,
  memberRows,
  profileRows,
  publishedRows,
  takeOverRows,
} from './profileRows.ts'

/** The epoch of an installation that was never rebuilt: there is nobody to take over from. */
const FIRST_EPOCH = 1

/** O1. */
export function isSilent(context: StepContext): boolean {
  return context.epoch > FIRST_EPOCH && context.table(takeOverRows).get('changes') === undefined
}

/** O2. */
export function keepPublished(context: StepContext, { profileId, audience, json }: Published): void {
  if (!isSilent(context)) return
  const key = audience === '' ? profileId : `${profileId}${KEY_SEPARATOR}${audience}`
  if (json === '') context.table(publishedRows).delete(key)
  else context.table(publishedRows).put(key, json)
  // One that this epoch does not know has to be told of as well.
  const rows = context.table(profileRows)
  if (audience === '' && json !== '' && !rows.get(profileId)) rows.put(profileId, emptyRow)
}

/** O3. False when it was taken over before. */
export function takeOver(context: StepContext, changes: number): boolean {
  if (!isSilent(context)) return false
  context.table(takeOverRows).put('changes', changes)
  const counters = context.table(counterRows)
  counters.put('counters', { ...(counters.get('counters') ?? emptyCounters), changes })
  return true
}

/** O2: the row to compare with: the one that is there, or what was public before this epoch. */
export function rowInPublic(context: StepContext, profileId: string, row: ProfileRow): ProfileRow {
  if (context.epoch === FIRST_EPOCH || isSilent(context)) return row
  const published = context.table(publishedRows)
  const told = published.get(profileId)
  const madeUp = row.version === versionOf(context.epoch, 0)
  if (told === undefined && !madeUp) return row

  const prefix = `${profileId}${KEY_SEPARATOR}`
  const audiences: Record<string, JudgedAudience> = {}
  // Taken before any is deleted.
  const memberships = [...published.range(prefix, `${prefix}~`)]
  for (const [key, json] of memberships) {
    const id = key.slice(prefix.length)
    const { member, since, rules } = JSON.parse(json) as AudienceMembershipRecord
    audiences[id] = { member, sinceMs: Date.parse(since), hash: rules[`audience/${id}`] ?? '' }
    published.delete(key)
  }
  published.delete(profileId)
  moveMembers(context, profileId, row.audiences, audiences)
  const { version = '', mergedInto = '' } = (told === undefined ? {} : JSON.parse(told)) as PublicVersion
  const publicJson = mergedInto === '' ? (told ?? '') : ''
  // What silence judged says nothing of what was told before.
  return { ...row, version, publicJson, mergedInto, audiences, judgedUnder: '', movedLeaves: [] }
}

interface PublicVersion {
  readonly version?: string
  readonly mergedInto?: string
}

function moveMembers(
  context: StepContext,
  profileId: string,
  from: Readonly<Record<string, JudgedAudience>>,
  to: Readonly<Record<string, JudgedAudience>>,
): void {
  for (const audience of new Set([...Object.keys(from), ...Object.keys(to)])) {
    const member = to[audience]?.member ?? false
    const sinceMs = to[audience]?.sinceMs ?? 0
    if (member !== (from[audience]?.member ?? false))
      keepMember(context, profileId, { audience, member }, sinceMs)
    else if (member) context.table(memberRows).put(`${audience}${KEY_SEPARATOR}${profileId}`, sinceMs)
  }
}
