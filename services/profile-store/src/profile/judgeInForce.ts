import { type JudgedAudience } from '@tributary/contracts/generated/tributary/profile/v1/state'
import { type Profile, type PublicAudience, isoTime, judgeAudiences } from '@tributary/domain'
import { type AudienceChangeRecord } from '@tributary/contracts'
import { type Definitions } from './definitions.ts'
import { type Publication, reasonOf, timeOf } from './publication.ts'

/** A membership that changed. */
export interface Flip {
  readonly audience: string
  readonly member: boolean
  readonly hash: string
  readonly reason: AudienceChangeRecord['reason']
  readonly because: AudienceChangeRecord['because']
}

export interface JudgedAudiences {
  readonly rows: Record<string, JudgedAudience>
  /** For the public profile. */
  readonly shown: Record<string, PublicAudience>
  readonly flips: readonly Flip[]
}

/** Judges every audience in force; one that is no longer in force is left, and one that is disabled stays as it is. */
export function judgeInForce(
  publication: Publication,
  profile: Profile,
  { audiences, judged }: Definitions,
): JudgedAudiences {
  const { row } = publication
  const reason = reasonOf(publication)
  const nowMs = timeOf(publication)
  const rows: Record<string, JudgedAudience> = {}
  const shown: Record<string, PublicAudience> = {}
  const flips: Flip[] = []
  const reader = judged(publication.profileId, profile, publication.nowMs)
  for (const { audience, judgement } of judgeAudiences(
    audiences,
    reader,
    (id) => row.audiences[id]?.member,
  )) {
    const { id, hash } = audience
    const { member, leaves } = judgement
    const before = row.audiences[id]
    const met = leaves.map((leaf) => (leaf.met ? '1' : '0')).join('')
    const changed = member !== (before?.member ?? false)
    const sinceMs = changed ? nowMs : (before?.sinceMs ?? 0)
    rows[id] = { member, sinceMs, hash, met }
    if (member) shown[id] = { since: isoTime(sinceMs) }
    if (!changed) continue
    // Under another form of the document the conditions cannot be compared one by one: all are told.
    const comparable = before !== undefined && before.hash === hash
    const because = leaves.filter((_, i) => !comparable || before.met[i] !== met[i])
    const sameRules = before === undefined || comparable
    flips.push({
      audience: id,
      member,
      hash,
      reason: sameRules ? reason : 'definition',
      because: [...because],
    })
  }
  const inForce = new Set(audiences.map(({ id }) => id))
  for (const [audience, before] of Object.entries(row.audiences))
    if (before.member && !inForce.has(audience))
      flips.push({ audience, member: false, hash: before.hash, reason: 'definition', because: [] })
  return { rows, shown, flips }
}

/** The profile is gone: its memberships end, for that reason and not because a condition failed. */
export function leaveAudiences(
  { row }: Publication,
  reason: Extract<AudienceChangeRecord['reason'], 'merged' | 'erasure'>,
): Flip[] {
  return Object.entries(row.audiences)
    .filter(([, { member }]) => member)
    .map(([audience, { hash }]) => ({ audience, member: false, hash, reason, because: [] }))
    .sort((a, b) => (a.audience < b.audience ? -1 : 1))
}
