/** Committed state of the partitions that this instance owns and has restored: every answer begins here. */
import { KEY_SEPARATOR, type PartitionCounts, partitionOf } from '@tributary/contracts'
import { type PartitionTotals } from '@tributary/contracts/generated/tributary/profile/v1/profile_service'
import { type ProfileRow } from '@tributary/contracts/generated/tributary/profile/v1/state'
import { unavailable } from '@tributary/service-kit'
import { type StateView } from '@tributary/stream-runtime'
import { fragmentRows } from '../fragment/fragmentRows.ts'
import { counterRows, partRows, profileRows } from '../profile/profileRows.ts'
import { type IdentifierRow } from './findProfile.ts'

/** For people, after "partition 3 of". */
export const IDENTIFIERS = 'the identifiers'
export const PROFILES = 'the profiles'

export interface ProfileViews {
  readonly counts: PartitionCounts
  /** Undefined when the partition is not here. */
  readonly fragment: (partition: number) => StateView | undefined
  readonly profile: (partition: number) => StateView | undefined
}

export function identifierPartition({ counts }: ProfileViews, identifierId: string): number {
  return partitionOf(identifierId, counts.identifier)
}

export function profilePartition({ counts }: ProfileViews, profileId: string): number {
  return partitionOf(profileId, counts.profile)
}

export function lookUpIdentifier(views: ProfileViews, identifierId: string): IdentifierRow | undefined {
  const partition = identifierPartition(views, identifierId)
  return here(views.fragment(partition), partition, IDENTIFIERS).table(fragmentRows).get(identifierId)
}

export function lookUpProfile(views: ProfileViews, profileId: string): ProfileRow | undefined {
  const partition = profilePartition(views, profileId)
  return here(views.profile(partition), partition, PROFILES).table(profileRows).get(profileId)
}

/** Identifiers of one person; more than any that is one. */
const MAX_ANCHORS = 10_000

/** Identifiers whose events are folded into a profile. */
export function listAnchors(views: ProfileViews, profileId: string): string[] {
  const partition = profilePartition(views, profileId)
  const parts = here(views.profile(partition), partition, PROFILES).table(partRows)
  const from = `${profileId}${KEY_SEPARATOR}`
  const to = `${from}~`
  const anchors: string[] = []
  for (const [key, part] of parts.range(from, to, MAX_ANCHORS))
    if (part.fragment) anchors.push(key.slice(from.length))
  return anchors
}

export function countPartitions(views: ProfileViews, partitions: readonly number[]): PartitionTotals[] {
  return partitions.map((partition) => {
    const counters = here(views.profile(partition), partition, PROFILES).table(counterRows).get('counters')
    const { profiles = 0, events = 0, changes = 0, erasedEvents = 0 } = counters ?? {}
    return { partition, profiles, events, changes, erasedEvents }
  })
}

export function here(view: StateView | undefined, partition: number, of: string): StateView {
  if (!view) throw unavailable(`partition ${partition} of ${of}`)
  return view
}
