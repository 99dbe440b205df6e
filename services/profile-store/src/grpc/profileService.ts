/**
 * ProfileService: answers from the committed state of the partitions, whichever instance owns them.
 *
 *  Q1. An answer holds only what has been committed, and everything that had been when its partition was asked.
 *  Q2. Values come in with a question and go out with its answer; they are neither kept nor logged, and no other
 *      instance sees them: what is asked of the others are ids.
 *  Q3. What cannot be known is not guessed: UNAVAILABLE, with the time after which to ask again.
 */
import { Metadata, type ServerWritableStream, status } from '@grpc/grpc-js'
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
  type WatchRequest,
  type WatchResponse,
} from '@tributary/contracts/generated/tributary/profile/v1/profile_service'
import {
  type GrpcService,
  type Logger,
  Refusal,
  answering,
  grpcService,
  refusalStatus,
  unavailable,
} from '@tributary/service-kit'
import { type PublishedChange } from '../profile/profileProcessor.ts'
import { type Instances, countEverywhere, lookupsFor } from './askInstances.ts'
import { type ChangeFeed } from './changeFeed.ts'
import { type IdentifierReading, type Lookups, findProfile, readProfileRef } from './findProfile.ts'
import { type ProfileViews } from './profilePartitions.ts'
import { type ProfileReads, readingOf } from './profileReads.ts'
import { MAX_BEHIND, type Watcher, type Watchers } from './watchers.ts'

/** Profiles of one Watch; more is a subscriber of the topic. */
const MAX_WATCHED = 1_000

export interface ProfileServiceOptions {
  readonly views: ProfileViews
  readonly instances: Instances
  /** Undefined until the first revision of the configuration has been read. */
  readonly reading: () => IdentifierReading | undefined
  readonly watchers: Watchers
  readonly feed: ChangeFeed
  readonly reads: ProfileReads
  readonly logger: Logger
}

export function createProfileService(options: ProfileServiceOptions): GrpcService {
  const { views, instances, watchers, feed, reads, logger } = options

  async function refOf(ref: GetProfileRequest['ref'], lookups: Lookups): Promise<string> {
    return readProfileRef(ref, lookups, readingOf(options))
  }

  async function watch(call: ServerWritableStream<WatchRequest, WatchResponse>): Promise<void> {
    const { refs } = call.request
    if (refs.length > MAX_WATCHED)
      throw new Refusal(
        status.INVALID_ARGUMENT,
        `${refs.length} refs; watch at most ${MAX_WATCHED}, or read the profile-changes topic`,
      )
    const lookups = lookupsFor(call, views, instances)
    const starts = await Promise.all(refs.map(async (ref) => startOf(await refOf(ref, lookups), lookups)))
    await feed.open().catch((error: unknown) => {
      throw changesUnavailable(error)
    })
    let remove = (): void => {}
    let watching = true
    const stop = (): void => {
      if (!watching) return
      watching = false
      remove()
      feed.close()
    }
    const end = (error: unknown): void => {
      stop()
      call.emit('error', refusalStatus(error, call.getPath(), logger))
    }
    remove = watchers.add({
      profileIds: starts.length === 0 ? undefined : new Set(starts),
      send: boundedSend(call, end),
      fail: (error) => end(changesUnavailable(error)),
    })
    for (const event of ['cancelled', 'close', 'error']) call.on(event, stop)
    if (call.cancelled) stop()
    // The caller now knows that what is committed from here on will come.
    call.sendMetadata(new Metadata())
  }

  function changesUnavailable(error: unknown): Refusal {
    logger.warn({ err: error }, 'the changes of the profiles cannot be read for those who watch')
    return unavailable('the reader of the changes')
  }

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
    watch(call) {
      void watch(call).catch((error: unknown) =>
        call.emit('error', refusalStatus(error, call.getPath(), logger)),
      )
    },
  }
  return grpcService(ProfileServiceService, implementation)
}

/** A profile that has merged is watched under the id it has now; one that does not exist yet under its own. */
async function startOf(profileId: string, lookups: Lookups): Promise<string> {
  try {
    return (await findProfile(profileId, lookups)).profileId
  } catch (error) {
    if (error instanceof Refusal && error.code === status.NOT_FOUND) return profileId
    throw error
  }
}

/** Ends the call of a watcher that does not keep up. */
function boundedSend(
  call: ServerWritableStream<WatchRequest, WatchResponse>,
  end: (error: unknown) => void,
): Watcher['send'] {
  let behind = 0
  return ({ profileId, version, type, json }: PublishedChange) => {
    if (behind >= MAX_BEHIND) {
      end(
        new Refusal(
          status.RESOURCE_EXHAUSTED,
          `more than ${MAX_BEHIND} changes were waiting; get the profile and watch again`,
        ),
      )
      return
    }
    behind++
    call.write({ profileId, version, type, json }, () => behind--)
  }
}
