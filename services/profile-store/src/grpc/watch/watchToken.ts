import { parseProfileId } from '@tributary/contracts'
import { WatchToken } from '@tributary/contracts/generated/tributary/profile/v1/profile_service'
import { MAX_FOLLOWED } from './followedProfiles.ts'

/** Where a watch goes on, and with whom. */
export interface WatchPlace {
  /** Next offset of each partition of profile-changes. */
  readonly offsets: readonly number[]
  /** Undefined: every profile. */
  readonly profileIds: readonly string[] | undefined
}

export function writeWatchToken({ offsets, profileIds }: WatchPlace): Buffer {
  const token: WatchToken = { offsets: [...offsets], profileIds: [...(profileIds ?? [])] }
  return Buffer.from(WatchToken.encode(token).finish())
}

/** Undefined: not written by an installation with so many partitions. */
export function readWatchToken(token: Uint8Array, partitions: number): WatchPlace | undefined {
  let read: WatchToken
  try {
    read = WatchToken.decode(token)
  } catch {
    return undefined
  }
  const { offsets, profileIds } = read
  const valid =
    offsets.length === partitions &&
    offsets.every((offset) => offset >= 0) &&
    profileIds.length <= MAX_FOLLOWED &&
    profileIds.every((id) => parseProfileId(id))
  return valid ? { offsets, profileIds: profileIds.length === 0 ? undefined : profileIds } : undefined
}
