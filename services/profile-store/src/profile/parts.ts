import { KEY_SEPARATOR } from '@tributary/contracts'
import { type ProfileRow } from '@tributary/contracts/generated/tributary/profile/v1/state'
import { type Profile, type ProfilePart } from '@tributary/domain'
import { type ReadableState } from '../adoption.ts'
import { partRows } from './profileRows.ts'

/** The next character after the separator: ends the range of one profile's parts. */
const AFTER_SEPARATOR = String.fromCharCode(KEY_SEPARATOR.charCodeAt(0) + 1)

/** The parts of one profile, sorted by identifier id. */
export function partsOf(state: ReadableState, profileId: string): ProfilePart[] {
  const rows = state.table(partRows)
  return [...rows.range(`${profileId}${KEY_SEPARATOR}`, `${profileId}${AFTER_SEPARATOR}`)].map(
    ([key, { fragment }]) => ({ identifierId: key.slice(profileId.length + 1), fragment }),
  )
}

/** No event is left with it: they went with an identifier that left. */
export function emptyProfile(row: ProfileRow): Profile {
  return {
    firstSeenMs: row.firstSeenMs,
    lastSeenMs: row.lastSeenMs,
    events: 0,
    identifiers: [],
    traits: [],
    computed: [],
    consent: [],
    aggregates: [],
    truncated: false,
  }
}
