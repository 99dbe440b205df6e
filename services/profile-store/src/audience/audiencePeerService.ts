/** AudiencePeerService: what other instances ask of this one's partitions. It never asks on. */
import {
  type AudiencePeerServiceServer,
  AudiencePeerServiceService,
  type CountMembersRequest,
  type CountMembersResponse,
  type ExplainProfileRequest,
  type ExplainProfileResponse,
  type ListPartitionMembersRequest,
  type ListPartitionMembersResponse,
} from '@tributary/contracts/generated/tributary/audience/v1/audience_peers'
import { type GrpcService, type Logger, answering, grpcService } from '@tributary/service-kit'
import { type ProfileViews } from '../grpc/profilePartitions.ts'
import { countMembers, explainProfile, listPartitionMembers } from './audiencePartitions.ts'

export function createAudiencePeerService(views: ProfileViews, logger: Logger): GrpcService {
  const implementation: AudiencePeerServiceServer = {
    countMembers: answering<CountMembersRequest, CountMembersResponse>(logger, ({ partitions }) => ({
      audiences: countMembers(views, partitions),
    })),
    listPartitionMembers: answering<ListPartitionMembersRequest, ListPartitionMembersResponse>(
      logger,
      (asked) => ({ members: listPartitionMembers(views, asked) }),
    ),
    explainProfile: answering<ExplainProfileRequest, ExplainProfileResponse>(logger, (asked) => ({
      explanation: explainProfile(views, asked),
    })),
  }
  return grpcService(AudiencePeerServiceService, implementation)
}
