/**
 * Where a watch begins.
 *
 *  B1. Whatever is committed after the ends were noted is told. So the ends are noted first, then it is looked up who
 *      is meant and which version is current.
 *  B2. A version that is current leaves nothing out, however old it is; any other is looked for in the log.
 */
import { status } from '@grpc/grpc-js'
import { topics } from '@tributary/contracts'
import {
  type ProfileRef,
  type WatchRequest,
} from '@tributary/contracts/generated/tributary/profile/v1/profile_service'
import { Refusal } from '@tributary/service-kit'
import { type RuntimeLog } from '@tributary/stream-runtime'
import { type Lookups, findProfile } from '../findProfile.ts'
import { FollowedProfiles } from './followedProfiles.ts'
import { offsetAfter } from './offsetAfter.ts'
import { readWatchToken } from './watchToken.ts'

/** Profiles asked for in one Watch; more is a subscriber of the topic. */
const MAX_WATCHED = 1_000

export interface WatchBeginning {
  readonly followed: FollowedProfiles
  readonly offsets: readonly number[]
}

export interface BeginWatchPorts {
  readonly log: Pick<RuntimeLog, 'bounds' | 'read'>
  readonly lookups: Lookups
  /** The profile id that a reference stands for. */
  readonly idOf: (ref: ProfileRef['ref']) => Promise<string>
  readonly partitionOf: (profileId: string) => number
  /** Of each partition of profile-changes, noted before (B1). */
  readonly noted: readonly number[]
}

export async function beginWatch(request: WatchRequest, ports: BeginWatchPorts): Promise<WatchBeginning> {
  const { refs, resumeToken, afterVersions } = request
  if (refs.length > MAX_WATCHED)
    throw refused(`${refs.length} refs; watch at most ${MAX_WATCHED}, or read the profile-changes topic`)
  if (resumeToken.length > 0) {
    if (refs.length > 0) throw refused('a resume_token says which profiles are watched; give no refs with it')
    return resume(resumeToken, ports)
  }
  if (afterVersions.length > 0) return fromVersions(request, ports)
  if (refs.length === 0) return { followed: new FollowedProfiles(undefined), offsets: ports.noted }
  const ids = await Promise.all(refs.map(async ({ ref }) => aliveOf(await ports.idOf(ref), ports.lookups)))
  return { followed: new FollowedProfiles(ids.map((id) => [id, ''])), offsets: ports.noted }
}

async function resume(token: Uint8Array, { log, noted }: BeginWatchPorts): Promise<WatchBeginning> {
  const place = readWatchToken(token, noted.length)
  if (!place) throw refused('the resume_token is none of this installation')
  await Promise.all(
    place.offsets.map(async (offset, partition) => {
      if (offset === noted[partition]) return
      const { start, end } = await log.bounds(topics.profileChanges, partition)
      if (offset < start || offset > end) throw expired()
    }),
  )
  const followed = new FollowedProfiles(place.profileIds?.map((id) => [id, '']))
  return { followed, offsets: place.offsets }
}

async function fromVersions(
  { refs, afterVersions }: WatchRequest,
  ports: BeginWatchPorts,
): Promise<WatchBeginning> {
  if (afterVersions.length !== refs.length)
    throw refused(`${afterVersions.length} after_versions for ${refs.length} refs; give one for each`)
  const held = refs.map(({ ref }, i): [string, string] => {
    if (ref?.$case !== 'profileId')
      throw refused('with after_versions each ref is the profile id of a version')
    if (!/^\d{4}-\d{18}$/.test(afterVersions[i]!))
      throw refused('after_versions holds something that is no version')
    return [ref.value, afterVersions[i]!]
  })
  const oldest = new Map<number, string>()
  await Promise.all(
    held.map(async ([profileId, version]) => {
      const row = await ports.lookups.profile(await ports.idOf({ $case: 'profileId', value: profileId }))
      // B2.
      if (row?.version === version) return
      const partition = ports.partitionOf(profileId)
      const known = oldest.get(partition)
      if (known === undefined || version < known) oldest.set(partition, version)
    }),
  )
  const offsets = [...ports.noted]
  await Promise.all(
    [...oldest].map(async ([partition, version]) => {
      const found = await offsetAfter(ports.log, partition, version)
      if (found === undefined) throw expired()
      offsets[partition] = Math.min(found, offsets[partition]!)
    }),
  )
  return { followed: new FollowedProfiles(held), offsets }
}

/** A profile that has merged is watched under the id it has now; one that does not exist yet under its own. */
async function aliveOf(profileId: string, lookups: Lookups): Promise<string> {
  try {
    return (await findProfile(profileId, lookups)).profileId
  } catch (error) {
    if (error instanceof Refusal && error.code === status.NOT_FOUND) return profileId
    throw error
  }
}

function refused(message: string): Refusal {
  return new Refusal(status.INVALID_ARGUMENT, message)
}

export function expired(): Refusal {
  return new Refusal(
    status.OUT_OF_RANGE,
    'the changes since then are no longer kept; get the profiles and watch from their versions',
  )
}
