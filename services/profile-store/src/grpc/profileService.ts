/**
 * ProfileService: answers from the committed state of the partitions, whichever instance owns them.
 *
 *  Q1. An answer holds only what has been committed, and everything that had been when its partition was asked.
 *  Q2. Values come in with a question and go out with its answer; they are neither kept nor logged, and no other
 *      instance sees them: what is asked of the others are ids.
 *  Q3. What cannot be known is not guessed: UNAVAILABLE, with the time after which to ask again.
 */
import {
  type BatchGetProfilesRequest,
  type BatchGetProfilesResponse,
  type GetProfileRequest,
  type GetProfileResponse,
  type GetTotalsRequest,
  type GetTotalsResponse,
  type ListEventsRequest,
  type ListEventsResponse,
  type ProfileServiceServer,
  ProfileServiceService,
} from '@tributary/contracts/generated/tributary/profile/v1/profile_service'
import { type GrpcService, type Logger, answering, grpcService } from '@tributary/service-kit'
import { type Instances, countEverywhere, lookupsFor } from './askInstances.ts'
import { type IdentifierReading, readProfileRef } from './findProfile.ts'
import { type ProfileViews, profilePartition } from './profilePartitions.ts'
import { type ProfileReads, readingOf } from './profileReads.ts'
import { type ChangeFeed } from './watch/changeFeed.ts'
import { type WatchOptions, createWatch } from './watch/watchProfiles.ts'
import { type Watchers } from './watch/watchers.ts'

export interface ProfileServiceOptions {
  readonly views: ProfileViews
  readonly instances: Instances
  /** Undefined until the first revision of the configuration has been read. */
  readonly reading: () => IdentifierReading | undefined
  readonly log: WatchOptions['log']
  readonly watchers: Watchers
  readonly feed: ChangeFeed
  readonly reads: ProfileReads
  readonly logger: Logger
}

export function createProfileService(options: ProfileServiceOptions): GrpcService {
  const { views, instances, reads, logger } = options

  const watch = createWatch({
    log: options.log,
    watchers: options.watchers,
    feed: options.feed,
    lookups: (call) => lookupsFor(call, views, instances),
    idOf: (ref, lookups) => readProfileRef({ ref }, lookups, readingOf(options)),
    partitionOf: (profileId) => profilePartition(views, profileId),
    logger,
  })

  const implementation: ProfileServiceServer = {
    getProfile: answering<GetProfileRequest, GetProfileResponse>(logger, (request, call) =>
      reads.getProfile(request, call),
    ),
    batchGetProfiles: answering<BatchGetProfilesRequest, BatchGetProfilesResponse>(logger, (request, call) =>
      reads.batchGetProfiles(request, call),
    ),
    listEvents: answering<ListEventsRequest, ListEventsResponse>(logger, (request, call) =>
      reads.listEvents(request, call),
    ),
    getTotals: answering<GetTotalsRequest, GetTotalsResponse>(logger, async (_request, call) => ({
      partitions: await countEverywhere(call, views, instances),
      partitionCount: views.counts.profile,
    })),
    watch,
  }
  return grpcService(ProfileServiceService, implementation)
}
