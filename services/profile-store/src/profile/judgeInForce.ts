import { type JudgedAudience } from '@tributary/contracts/generated/tributary/profile/v1/state'
import {
  type Judged,
  type Profile,
  type PublicAudience,
  isoTime,
  judgeAnew,
  judgeFirst,
  judgeTouched,
} from '@tributary/domain'
import { type AudienceChangeRecord } from '@tributary/contracts'
import { type Definitions, type HashedAudience } from './definitions.ts'
import { type Publication, reasonOf, timeOf } from './publication.ts'

/** A membership that changed. */
export interface Flip {
  readonly audience: string
  readonly member: boolean
  readonly hash: string
  readonly reason: AudienceChangeRecord['reason']
  readonly because: AudienceChangeRecord['because']
  /** That of the definition it was judged under; absent: not known. */
  readonly revision?: number
  /** What was told before was told without the events that cause it, though they had happened. */
  readonly late?: true
}

/**
 * An event is late when it happened so long before what the profile was judged on already: senders hold events back for
 * some seconds, and what arrives within a minute in another order takes nothing back.
 */
const LATE_BY_MS = 60_000

export interface JudgedAudiences {
  readonly rows: Record<string, JudgedAudience>
  /** For the public profile. */
  readonly shown: Record<string, PublicAudience>
  readonly flips: readonly Flip[]
  /** What the next judgement begins from (judgeTouched). */
  readonly judgedUnder: string
  readonly movedLeaves: number[]
}

/**
 * Judges the audiences in force by what the change touched; all of them when the profile was last judged under other
 * definitions. One that is no longer in force is left, and one that is disabled stays as it is.
 */
export function judgeInForce(
  publication: Publication,
  profile: Profile,
  definitions: Definitions,
): JudgedAudiences {
  const { row } = publication
  const sameRules = row.judgedUnder === definitions.name
  const { moved, flips: flipped } = judge(publication, profile, definitions, sameRules)
  const kept = sameRules ? row.audiences : membershipsInForce(row.audiences, definitions)
  const rows = flipped.length > 0 ? { ...kept } : kept
  const reason = reasonOf(publication)
  const nowMs = timeOf(publication)
  const flips: Flip[] = flipped.map(({ audience: { id, hash, revision }, member, leaves }) => {
    const late = isLate(publication, row.audiences[id]?.sinceMs ?? 0)
    rows[id] = { member, sinceMs: nowMs, hash }
    return {
      audience: id,
      member,
      hash,
      reason,
      because: [...leaves],
      ...(revision > 0 && { revision }),
      ...(late && { late }),
    }
  })
  if (!sameRules)
    for (const [audience, before] of Object.entries(row.audiences))
      if (before.member && !rows[audience])
        flips.push({ audience, member: false, hash: before.hash, reason: 'definition', because: [] })
  const shown: Record<string, PublicAudience> = {}
  for (const [id, { member, sinceMs }] of Object.entries(rows))
    if (member) shown[id] = { since: isoTime(sinceMs) }
  return { rows, shown, flips, judgedUnder: definitions.name, movedLeaves: [...moved] }
}

/** `toldMs`: when the membership was told last; 0: never. */
function isLate({ row, changed: { causes } }: Publication, toldMs: number): boolean {
  const horizonMs = Math.max(toldMs, row.lastSeenMs) - LATE_BY_MS
  return causes.length > 0 && causes.every(({ timeMs }) => timeMs !== undefined && timeMs < horizonMs)
}

function judge(
  { row, changed, profileId, nowMs, judgedInSilence }: Publication,
  profile: Profile,
  { index, judged }: Definitions,
  sameRules: boolean,
): Judged<HashedAudience> {
  const reader = judged(profileId, profile, nowMs)
  const isMember = (id: string) => row.audiences[id]?.member ?? false
  const touched = {
    ...changed.touched,
    time: row.dueMs > 0 && row.dueMs <= nowMs,
    // What is beyond the caps of a profile may show now, or no longer.
    everything: profile.truncated || row.publicJson.includes('"truncated":true'),
  }
  // All of its fragments came in this batch: one that was there before would have made it public.
  if (row.publicJson === '' && !judgedInSilence) return judgeFirst(index(), reader, touched)
  if (!sameRules) return judgeAnew(index(), reader, isMember)
  return judgeTouched(index(), reader, {
    before: { moved: row.movedLeaves, isMember },
    touched,
    aggregates: profile.aggregates,
  })
}

/** Of the memberships there were, those of audiences in force, under their hashes of now. */
function membershipsInForce(
  before: Readonly<Record<string, JudgedAudience>>,
  { audiences }: Definitions,
): Record<string, JudgedAudience> {
  const rows: Record<string, JudgedAudience> = {}
  for (const { id, hash } of audiences) {
    const known = before[id]
    if (known && known.sinceMs > 0) rows[id] = { ...known, hash }
  }
  return rows
}

/** The profile is gone: its memberships end, for that reason and not because a condition failed (nobody left anything). */
export function leaveAudiences(
  { row }: Publication,
  reason: Extract<AudienceChangeRecord['reason'], 'merged' | 'erasure'>,
): Flip[] {
  return Object.entries(row.audiences)
    .filter(([, { member }]) => member)
    .map(([audience, { hash }]) => ({ audience, member: false, hash, reason, because: [] }))
    .sort((a, b) => (a.audience < b.audience ? -1 : 1))
}
