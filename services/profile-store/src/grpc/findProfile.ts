import { status } from '@grpc/grpc-js'
import { parseProfileId, profileIdOf } from '@tributary/contracts'
import { type ProfileRow } from '@tributary/contracts/generated/tributary/profile/v1/state'
import { type ProfileRef } from '@tributary/contracts/generated/tributary/profile/v1/profile_service'
import {
  type HashIdentifier,
  type IdentityRules,
  type NormalisePhone,
  createIsPlaceholder,
  normaliseIdentifier,
} from '@tributary/domain'
import { Refusal } from '@tributary/service-kit'

/** What is known of an identifier: where its snapshot was last sent, under which generation. */
export interface IdentifierRow {
  readonly generation: number
  /** Empty: nowhere yet. */
  readonly tag: string
}

/** Reads one row of committed state, wherever its partition is; UNAVAILABLE when it is nowhere to be had. */
export interface Lookups {
  identifier(identifierId: string): Promise<IdentifierRow | undefined>
  profile(profileId: string): Promise<ProfileRow | undefined>
}

/** How values become identifier ids, under the rules in force. */
export interface IdentifierReading {
  readonly rules: IdentityRules
  readonly hash: HashIdentifier
  readonly phone: NormalisePhone
}

export interface FoundProfile {
  readonly profileId: string
  readonly row: ProfileRow
}

/**
 * Merges follow one another while a question is asked; an id leads to one that is alive in one step when all is
 * settled, since every id is told anew when its identifier moves on.
 */
const MAX_STEPS = 8

/** The profile id a reference stands for: where its identifier was last sent. */
export async function readProfileRef(
  ref: ProfileRef | undefined,
  lookups: Lookups,
  reading: IdentifierReading,
): Promise<string> {
  const said = ref?.ref
  if (said?.$case === 'profileId') {
    if (!parseProfileId(said.value))
      throw new Refusal(
        status.INVALID_ARGUMENT,
        'a profile id is 32 lower-case hexadecimal digits, a dash and a number',
      )
    return said.value
  }
  if (said?.$case === 'identifier') {
    const identifierId = readIdentifier(said.value, reading)
    const row = await lookups.identifier(identifierId)
    return row && row.tag !== '' ? row.tag : profileIdOf(identifierId, row?.generation ?? 0)
  }
  throw new Refusal(status.INVALID_ARGUMENT, 'give a profile id or an identifier')
}

function readIdentifier(
  { type, value }: { readonly type: string; readonly value: string },
  { rules, hash, phone }: IdentifierReading,
): string {
  const rule = rules.types.find((each) => each.type === type)
  if (!rule) {
    const known = rules.types.map((each) => each.type).join(', ')
    throw new Refusal(
      status.INVALID_ARGUMENT,
      `no identifier type is called "${type.slice(0, 64)}"; there are ${known}`,
    )
  }
  if (createIsPlaceholder(rules.placeholders)(value))
    throw new Refusal(status.INVALID_ARGUMENT, `the value is a placeholder, so no ${type}`)
  const normalised = normaliseIdentifier(rule.normaliser, value, phone)
  if ('failure' in normalised)
    throw new Refusal(status.INVALID_ARGUMENT, `the value is no ${type} (${normalised.failure})`)
  return hash(type, rule.normaliserVersion, normalised.value)
}

/** Follows an id to the profile that is alive. */
export async function findProfile(profileId: string, lookups: Lookups): Promise<FoundProfile> {
  let at = profileId
  for (let step = 0; step < MAX_STEPS; step++) {
    // oxlint-disable-next-line no-await-in-loop -- where to look next is in the row
    const row = await lookups.profile(at)
    if (row && row.publicJson !== '') return { profileId: at, row }
    // oxlint-disable-next-line no-await-in-loop -- see above
    const next = row?.lead || row?.mergedInto || (await leadOf(at, lookups))
    if (!next || next === at) break
    at = next
  }
  throw new Refusal(status.NOT_FOUND, 'no event of that person was ever folded, or the person was erased')
}

/** An id that was never public leads on all the same: by the row of the identifier it is named after. */
async function leadOf(profileId: string, lookups: Lookups): Promise<string | undefined> {
  const parts = parseProfileId(profileId)
  if (!parts) return undefined
  const row = await lookups.identifier(parts.identifierId)
  // An older generation was erased: it leads nowhere.
  return row && row.generation === parts.generation && row.tag !== '' ? row.tag : undefined
}
