/** A change of a profile or of an audience as a sync sees it, with the CloudEvents attributes of its record. */
import {
  type AudienceChangeRecord,
  type ProfileChangeRecord,
  changeTypes,
  topics,
  tracesOf,
} from '@tributary/contracts'
import { parseExact } from '@tributary/domain'
import type { InputRecord } from '@tributary/stream-runtime'

interface Common {
  /** ce_id of the record. */
  readonly id: string
  /** ce_type of the record. */
  readonly type: string
  /** The record as it was written: what is sent whole is sent byte for byte. */
  readonly text: string
  /** When the oldest event that caused it was received, ms since 1970; absent: no event did, or nobody wrote it down. */
  readonly receivedTimeMs?: number
  /** Traceparents of events that caused it; absent: none was traced. */
  readonly traces?: readonly string[]
}

export type ProfileChange = Common & { readonly of: 'profile'; readonly record: ProfileChangeRecord }
export type AudienceChange = Common & { readonly of: 'audience'; readonly record: AudienceChangeRecord }
export type Change = ProfileChange | AudienceChange

const profileTypes = {
  c: changeTypes.profileCreated,
  u: changeTypes.profileUpdated,
  d: changeTypes.profileErased,
}
const audienceTypes = {
  entered: changeTypes.audienceEntered,
  left: changeTypes.audienceLeft,
  merged: changeTypes.audienceMerged,
  corrected: changeTypes.audienceCorrected,
}

/** Undefined for a record without a value (nothing writes one; somebody with a console might). */
export function changeOf(input: InputRecord): Change | undefined {
  if (input.value === null) return undefined
  const id = header(input, 'ce_id') ?? `${input.topic.name}-${input.partition}-${input.offset}`
  const text = input.value.toString('utf8')
  const receivedTimeMs = Date.parse(header(input, 'ce_receivedtime') ?? '')
  const traces = tracesOf(input.headers)
  const common = {
    id,
    text,
    ...(receivedTimeMs > 0 && { receivedTimeMs }),
    ...(traces.length > 0 && { traces }),
  }
  // Numbers that JavaScript cannot hold stay as they were written, also where they are mapped.
  const record: unknown = parseExact(text)
  if (input.topic.name === topics.audienceChanges.name) {
    const audience = record as AudienceChangeRecord
    const type = header(input, 'ce_type') ?? audienceTypes[audience.change]
    return { ...common, of: 'audience', type, record: audience }
  }
  const profile = record as ProfileChangeRecord
  const fallback = profile.mergedInto === undefined ? profileTypes[profile.op] : changeTypes.profileMerged
  const type = header(input, 'ce_type') ?? fallback
  return { ...common, of: 'profile', type, record: profile }
}

function header(input: InputRecord, name: string): string | undefined {
  const value = input.headers[name]
  return typeof value === 'string' ? value : value?.toString('utf8')
}
