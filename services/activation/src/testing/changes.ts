/** Change records as the profile task publishes them. */
import { type AudienceChangeRecord, type ProfileChangeRecord, versionOf } from '@tributary/contracts'

export const ADA = `${'a'.repeat(32)}-0`
export const BEA = `${'b'.repeat(32)}-0`

export function profileChange(n: number, over: Partial<ProfileChangeRecord> = {}): ProfileChangeRecord {
  return {
    op: n === 1 ? 'c' : 'u',
    profileId: ADA,
    version: versionOf(1, n),
    previousVersion: n === 1 ? null : versionOf(1, n - 1),
    time: '2026-03-01T10:00:00.000Z',
    changed: Object.keys(over.after ?? {}).sort(),
    before: {},
    after: {},
    identifiers: { added: [], removed: [] },
    mergedFrom: [],
    causedBy: { reason: 'event', messageIds: ['m1'], sources: ['web'] },
    rules: {},
    ...over,
  }
}

export function audienceChange(n: number, over: Partial<AudienceChangeRecord> = {}): AudienceChangeRecord {
  return {
    audience: 'vip',
    profileId: ADA,
    change: 'entered',
    version: versionOf(1, n),
    time: '2026-03-01T10:00:00.000Z',
    reason: 'event',
    because: [],
    causedBy: { messageIds: ['m1'], sources: ['web'] },
    rules: {},
    ...over,
  }
}
