import { type Json, type JsonObject } from '../event/json.ts'
import { parseExact } from '../event/exactJson.ts'
import { type Profile } from './profile.ts'
import { buildTree } from './traitPath.ts'

export interface PublicAudience {
  readonly since: string
}

export interface PublicProfileInput {
  readonly profileId: string
  readonly version: string
  readonly profile: Profile
  readonly audiences: Readonly<Record<string, PublicAudience>>
}

/** The value of the profiles topic, ready for canonicalJsonText: its keys in order. */
export function publicProfile({ profileId, version, profile, audiences }: PublicProfileInput): JsonObject {
  return {
    audiences: Object.fromEntries(Object.entries(audiences).map(([id, { since }]) => [id, { since }])),
    computed: Object.fromEntries(profile.computed.map(({ id, json }) => [id, parseExact(json)])),
    consent: Object.fromEntries(profile.consent.map(({ purpose, granted }) => [purpose, granted])) as Json,
    events: profile.events,
    firstSeen: isoTime(profile.firstSeenMs),
    identifiers: profile.identifiers.map(({ type, value }) => ({ type, value })),
    lastSeen: isoTime(profile.lastSeenMs),
    profileId,
    traits: buildTree(profile.traits.map(({ path, json }) => ({ path, value: parseExact(json) }))),
    ...(profile.truncated && { truncated: true }),
    version,
  }
}

export function isoTime(ms: number): string {
  return new Date(ms).toISOString()
}
