import { status } from '@grpc/grpc-js'
import { type PartitionCounts, parseProfileId, partitionOf, profileIdOf } from '@tributary/contracts'
import { type ProfileRow } from '@tributary/contracts/generated/tributary/profile/v1/state'
import { type ProfileRef } from '@tributary/contracts/generated/tributary/profile/v1/profile_service'
import {
  type HashIdentifier,
  type IdentityRules,
  type NormalisePhone,
  createIsPlaceholder,
  normaliseIdentifier,
} from '@tributary/domain'
import { type StateView } from '@tributary/stream-runtime'
import { fragmentRows } from '../fragment/fragmentRows.ts'
import { profileRows } from '../profile/profileRows.ts'
import { Refusal, unavailable } from './refusal.ts'

/** Committed state of the partitions that this instance owns. */
export interface ProfileViews {
  readonly counts: PartitionCounts
  readonly fragment: (partition: number) => StateView | undefined
  readonly profile: (partition: number) => StateView | undefined
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
export function readProfileRef(
  ref: ProfileRef | undefined,
  views: ProfileViews,
  reading: IdentifierReading,
): string {
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
    return profileOf(identifierId, views)
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

function profileOf(identifierId: string, { counts, fragment }: ProfileViews): string {
  const partition = partitionOf(identifierId, counts.identifier)
  const view = fragment(partition)
  if (!view) throw unavailable(`partition ${partition} of the identifiers`)
  const row = view.table(fragmentRows).get(identifierId)
  return row && row.tag !== '' ? row.tag : profileIdOf(identifierId, row?.generation ?? 0)
}

function rowOf(profileId: string, { counts, profile }: ProfileViews): ProfileRow | undefined {
  const partition = partitionOf(profileId, counts.profile)
  const view = profile(partition)
  if (!view) throw unavailable(`partition ${partition} of the profiles`)
  return view.table(profileRows).get(profileId)
}

/** Follows an id to the profile that is alive. */
export function findProfile(profileId: string, views: ProfileViews): FoundProfile {
  let at = profileId
  for (let step = 0; step < MAX_STEPS; step++) {
    const row = rowOf(at, views)
    if (row && row.publicJson !== '') return { profileId: at, row }
    const next = row?.lead || row?.mergedInto || leadOf(at, views)
    if (!next || next === at) break
    at = next
  }
  throw new Refusal(status.NOT_FOUND, 'no event of that person was ever folded, or the person was erased')
}

/** An id that was never public leads on all the same: by the row of the identifier it is named after. */
function leadOf(profileId: string, views: ProfileViews): string | undefined {
  const parts = parseProfileId(profileId)
  if (!parts) return undefined
  const partition = partitionOf(parts.identifierId, views.counts.identifier)
  const view = views.fragment(partition)
  if (!view) throw unavailable(`partition ${partition} of the identifiers`)
  const row = view.table(fragmentRows).get(parts.identifierId)
  // An older generation was erased: it leads nowhere.
  return row && row.generation === parts.generation && row.tag !== '' ? row.tag : undefined
}
