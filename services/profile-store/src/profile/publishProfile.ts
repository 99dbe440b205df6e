/**
 * Decides what one profile has to tell after a batch, and tells it.
 *
 *   before \ now   alive                                  no part left
 *   never public   created, or split (H1)                 nothing
 *   alive          updated, when something public did     merged {into}, or erased
 *   merged         created, or split                      merged {into} again, when the lead moved on
 *
 * Alive: an event was folded into one of its parts; or it was public and has parts still; or it was public and the
 * identifier it is named after has come back. The latter two may be empty: their events went elsewhere.
 */
import { parseProfileId } from '@tributary/contracts'
import { type ProfileRow } from '@tributary/contracts/generated/tributary/profile/v1/state'
import {
  type JsonObject,
  type Profile,
  type ProfilePart,
  foldProfile,
  parseExact,
  publicProfile,
} from '@tributary/domain'
import { type StepContext } from '@tributary/stream-runtime'
import { type ChangedProfile } from './changedProfiles.ts'
import { type Definitions } from './definitions.ts'
import { judgeInForce, leaveAudiences } from './judgeInForce.ts'
import { type ProfileObservations } from './profileProcessor.ts'
import { counterRows, emptyCounters, emptyRow, profileRows } from './profileRows.ts'
import { emptyProfile, partsOf } from './parts.ts'
import { rowInPublic } from './takeOver.ts'
import { moveDue, nextDue } from './windows.ts'
import { type Publication, tellGone, tellMerged, tellProfile } from './publication.ts'

export interface PublishInput {
  readonly context: StepContext
  readonly profileId: string
  readonly changed: ChangedProfile
  readonly definitions: Definitions
  readonly nowMs: number
  /** What it is judged for: parts of it, a definition that changed, or a window that moved. */
  readonly occasion: 'parts' | 'definition' | 'time'
  readonly observations: ProfileObservations
}

export function publishProfile(input: PublishInput): void {
  const { context, profileId, changed, definitions } = input
  const rows = context.table(profileRows)
  const known = rows.get(profileId)
  const kept: ProfileRow = {
    ...(known ?? emptyRow),
    ...(changed.lead !== undefined && { lead: changed.lead }),
  }
  const row = rowInPublic(context, profileId, kept)
  const parts = partsOf(context, profileId)
  const wasAlive = row.publicJson !== ''
  const profile =
    foldProfile(parts, { ...definitions, nowMs: input.nowMs }) ??
    (staysAlive(profileId, row, parts) ? emptyProfile(row) : undefined)
  const publication: Publication = { ...input, row, judgedInSilence: row !== kept }
  const dueMs = profile ? nextDue(profile, definitions, input.nowMs) : 0
  moveDue(context, profileId, row.dueMs, dueMs)

  let next: ProfileRow
  if (profile) next = { ...alive(publication, profile, definitions), dueMs }
  else if (wasAlive) next = gone(publication)
  else next = waiting(publication)
  if (next !== known && (known || !isEmpty(next))) rows.put(profileId, next)
  count(context, kept, next)
}

function staysAlive(profileId: string, row: ProfileRow, parts: readonly ProfilePart[]): boolean {
  if (row.publicJson !== '') return parts.length > 0
  const naming = parseProfileId(profileId)?.identifierId
  return row.version !== '' && parts.some(({ identifierId }) => identifierId === naming)
}

function alive(publication: Publication, profile: Profile, definitions: Definitions): ProfileRow {
  const { row, profileId } = publication
  const judged = judgeInForce(publication, profile, definitions)
  const before = row.publicJson === '' ? undefined : (parseExact(row.publicJson) as JsonObject)
  const after = publicProfile({ profileId, version: '', profile, audiences: judged.shown })
  const told = tellProfile(publication, { before, after, flips: judged.flips, definitions })
  return {
    ...row,
    ...told,
    events: profile.events,
    firstSeenMs: profile.firstSeenMs,
    lastSeenMs: profile.lastSeenMs,
    audiences: judged.rows,
    judgedUnder: judged.judgedUnder,
    movedLeaves: judged.movedLeaves,
  }
}

function gone(publication: Publication): ProfileRow {
  const { row, changed } = publication
  const flips = leaveAudiences(publication, changed.erased ? 'erasure' : 'merged')
  const into = row.lead === '' ? (changed.lastLeftTo ?? '') : row.lead
  // It led nowhere in this layout epoch: nothing of it was rebuilt.
  const isGone = changed.erased || into === ''
  const told = isGone ? tellGone(publication, flips) : tellMerged(publication, into, flips)
  const { firstSeenMs, lastSeenMs, lead } = row
  return { ...emptyRow, ...told, firstSeenMs, lastSeenMs, lead }
}

/** Not alive before and not now. */
function waiting(publication: Publication): ProfileRow {
  const { row } = publication
  const movedOn = row.mergedInto !== '' && row.lead !== '' && row.lead !== row.mergedInto
  return movedOn ? { ...row, ...tellMerged(publication, row.lead, []) } : row
}

function isEmpty(row: ProfileRow): boolean {
  return row.version === '' && row.lead === '' && row.events === 0
}

function count(context: StepContext, before: ProfileRow, after: ProfileRow): void {
  const profiles = Number(after.publicJson !== '') - Number(before.publicJson !== '')
  const events = after.events - before.events
  if (profiles === 0 && events === 0) return
  const counters = context.table(counterRows)
  const now = counters.get('counters') ?? emptyCounters
  counters.put('counters', { ...now, profiles: now.profiles + profiles, events: now.events + events })
}
