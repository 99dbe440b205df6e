import { type Profile } from '@tributary/contracts/generated/tributary/profile/v1/profile_service'
import { type ProfileRecord } from '@tributary/contracts'
import { type FoundProfile } from './findProfile.ts'

/** The answer: the public profile as it was last published, and what is exact besides. */
export function publicToGrpc({ row }: FoundProfile): Profile {
  // Numbers that JavaScript cannot hold are whole in `json`; a Struct holds doubles and cannot.
  const published = JSON.parse(row.publicJson) as ProfileRecord
  return {
    profileId: published.profileId,
    version: published.version,
    firstSeen: new Date(row.firstSeenMs),
    lastSeen: new Date(row.lastSeenMs),
    identifiers: published.identifiers,
    traits: published.traits,
    computed: published.computed,
    audiences: Object.fromEntries(
      Object.entries(published.audiences).map(([id, { since }]) => [id, { since: new Date(since) }]),
    ),
    events: row.events,
    json: row.publicJson,
  }
}
