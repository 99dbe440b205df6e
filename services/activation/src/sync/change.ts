/** A change of a profile or of an audience as a sync sees it, with the CloudEvents attributes of its record. */
import {
  type AudienceChangeRecord,
  type ProfileChangeRecord,
  changeTypes,
  topics,
} from '@tributary/contracts'
import type { InputRecord } from '@tributary/stream-runtime'

export type Change =
  | {
      readonly of: 'profile'
      readonly id: string
      readonly type: string
      readonly record: ProfileChangeRecord
    }
  | {
      readonly of: 'audience'
      readonly id: string
      readonly type: string
      readonly record: AudienceChangeRecord
    }

const profileTypes = {
  c: changeTypes.profileCreated,
  u: changeTypes.profileUpdated,
  d: changeTypes.profileErased,
}
const audienceTypes = {
  entered: changeTypes.audienceEntered,
  left: changeTypes.audienceLeft,
  corrected: changeTypes.audienceCorrected,
}

/** Undefined for a record without a value (nothing writes one; somebody with a console might). */
export function changeOf(input: InputRecord): Change | undefined {
  if (input.value === null) return undefined
  const id = header(input, 'ce_id') ?? `${input.topic.name}-${input.partition}-${input.offset}`
  if (input.topic.name === topics.audienceChanges.name) {
    const record = JSON.parse(input.value.toString('utf8')) as AudienceChangeRecord
    return { of: 'audience', id, type: header(input, 'ce_type') ?? audienceTypes[record.change], record }
  }
  const record = JSON.parse(input.value.toString('utf8')) as ProfileChangeRecord
  const fallback = record.mergedInto === undefined ? profileTypes[record.op] : changeTypes.profileMerged
  return { of: 'profile', id, type: header(input, 'ce_type') ?? fallback, record }
}

function header(input: InputRecord, name: string): string | undefined {
  const value = input.headers[name]
  return typeof value === 'string' ? value : value?.toString('utf8')
}
