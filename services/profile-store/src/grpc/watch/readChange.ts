import { type ProfileChangeRecord } from '@tributary/contracts'
import { type InputRecord } from '@tributary/stream-runtime'

/** A public change as those who watch get it. */
export interface ToldChange {
  readonly profileId: string
  readonly version: string
  readonly type: string
  /** The value of the record, as it is in the topic. */
  readonly json: string
  readonly mergedInto?: string
  /** Profiles whose events came with it, by a merge or a split. */
  readonly cameFrom: readonly string[]
}

/** Where a change lies in profile-changes. */
export interface ChangePlace {
  readonly partition: number
  readonly offset: number
}

/** Undefined for a record without a value. */
export function readChange({
  value,
  headers,
}: Pick<InputRecord, 'value' | 'headers'>): ToldChange | undefined {
  if (value === null) return undefined
  const json = value.toString()
  const { profileId, version, mergedInto, mergedFrom, splitFrom } = JSON.parse(json) as ProfileChangeRecord
  return {
    profileId,
    version,
    type: String(headers['ce_type'] ?? ''),
    json,
    ...(mergedInto !== undefined && { mergedInto }),
    cameFrom: splitFrom === undefined ? (mergedFrom ?? []) : [...(mergedFrom ?? []), splitFrom],
  }
}
