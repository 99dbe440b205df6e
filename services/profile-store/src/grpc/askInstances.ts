/** The same reads over the partitions of all instances: from this one's state, or by one hop to the owner. */
import { type PartitionTotals } from '@tributary/contracts/generated/tributary/profile/v1/profile_service'
import { type ProfilePeerServiceClient } from '@tributary/contracts/generated/tributary/profile/v1/profile_peers'
import {
  type Caller,
  type OwnerLookup,
  type PeerClients,
  askOwner,
  askOwners,
  callPeer,
} from '@tributary/service-kit'
import { type Lookups } from './findProfile.ts'
import {
  IDENTIFIERS,
  PROFILES,
  type ProfileViews,
  countPartitions,
  identifierPartition,
  listAnchors,
  lookUpIdentifier,
  lookUpProfile,
  profilePartition,
} from './profilePartitions.ts'

export interface Instances {
  readonly nodeId: string
  readonly peers: PeerClients<ProfilePeerServiceClient>
  /** Owners of the fragment tasks' partitions, and of the profile tasks'. */
  readonly identifierOwners: OwnerLookup
  readonly profileOwners: OwnerLookup
}

/** Lookups made for one caller: its deadline and its token go with them. */
export function lookupsFor(call: Caller, views: ProfileViews, instances: Instances): Lookups {
  return {
    async identifier(identifierId) {
      // Most are here: nothing is set up to ask somebody else.
      if (views.fragment(identifierPartition(views, identifierId)))
        return lookUpIdentifier(views, identifierId)
      return askOwner(instances, {
        call,
        partition: identifierPartition(views, identifierId),
        of: IDENTIFIERS,
        owners: instances.identifierOwners,
        has: (partition) => views.fragment(partition) !== undefined,
        here: () => lookUpIdentifier(views, identifierId),
        async there(peer) {
          const { found, ...row } = await callPeer(peer.lookUpIdentifier.bind(peer), { identifierId }, call)
          return found ? row : undefined
        },
      })
    },
    async profile(profileId) {
      if (views.profile(profilePartition(views, profileId))) return lookUpProfile(views, profileId)
      return askOwner(instances, {
        call,
        partition: profilePartition(views, profileId),
        of: PROFILES,
        owners: instances.profileOwners,
        has: (partition) => views.profile(partition) !== undefined,
        here: () => lookUpProfile(views, profileId),
        there: async (peer) => (await callPeer(peer.lookUpProfile.bind(peer), { profileId }, call)).row,
      })
    },
  }
}

/** Identifiers whose events are folded into a profile. */
export function anchorsOf(
  profileId: string,
  call: Caller,
  views: ProfileViews,
  instances: Instances,
): Promise<readonly string[]> {
  return askOwner<ProfilePeerServiceClient, readonly string[]>(instances, {
    call,
    partition: profilePartition(views, profileId),
    of: PROFILES,
    owners: instances.profileOwners,
    has: (partition) => views.profile(partition) !== undefined,
    here: () => listAnchors(views, profileId),
    there: async (peer) => (await callPeer(peer.listAnchors.bind(peer), { profileId }, call)).identifierIds,
  })
}

/** What every partition of the profiles holds, in order. */
export async function countEverywhere(
  call: Caller,
  views: ProfileViews,
  instances: Instances,
): Promise<PartitionTotals[]> {
  const answers = await askOwners(instances, {
    call,
    partitions: Array.from({ length: views.counts.profile }, (_, partition) => partition),
    of: PROFILES,
    owners: instances.profileOwners,
    has: (partition) => views.profile(partition) !== undefined,
    here: (partitions) => countPartitions(views, partitions),
    there: async (peer, partitions) =>
      (await callPeer(peer.countPartitions.bind(peer), { partitions: [...partitions] }, call)).partitions,
  })
  return answers.flat().sort((a, b) => a.partition - b.partition)
}
