/** ProfilePeerService: what other instances ask of this one's partitions. It never asks on. */
import {
  type CountPartitionsRequest,
  type CountPartitionsResponse,
  type ListAnchorsRequest,
  type ListAnchorsResponse,
  type LookUpIdentifierRequest,
  type LookUpIdentifierResponse,
  type LookUpProfileRequest,
  type LookUpProfileResponse,
  type ProfilePeerServiceServer,
  ProfilePeerServiceService,
} from '@tributary/contracts/generated/tributary/profile/v1/profile_peers'
import { type GrpcService, type Logger, answering, grpcService } from '@tributary/service-kit'
import {
  type ProfileViews,
  countPartitions,
  listAnchors,
  lookUpIdentifier,
  lookUpProfile,
} from './profilePartitions.ts'

export function createProfilePeerService(views: ProfileViews, logger: Logger): GrpcService {
  const implementation: ProfilePeerServiceServer = {
    lookUpIdentifier: answering<LookUpIdentifierRequest, LookUpIdentifierResponse>(
      logger,
      ({ identifierId }) => {
        const row = lookUpIdentifier(views, identifierId)
        return { found: row !== undefined, generation: row?.generation ?? 0, tag: row?.tag ?? '' }
      },
    ),
    lookUpProfile: answering<LookUpProfileRequest, LookUpProfileResponse>(logger, ({ profileId }) => ({
      row: lookUpProfile(views, profileId),
    })),
    listAnchors: answering<ListAnchorsRequest, ListAnchorsResponse>(logger, ({ profileId }) => ({
      identifierIds: listAnchors(views, profileId),
    })),
    countPartitions: answering<CountPartitionsRequest, CountPartitionsResponse>(logger, ({ partitions }) => ({
      partitions: countPartitions(views, partitions),
    })),
  }
  return grpcService(ProfilePeerServiceService, implementation)
}
