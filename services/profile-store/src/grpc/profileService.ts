/**
 * ProfileService: answers from the committed state of the partitions that this instance owns.
 *
 *  Q1. An answer holds only what has been committed, and everything that has.
 *  Q2. Values come in with a question and go out with its answer; they are neither kept nor logged.
 *  Q3. What this instance cannot know it does not guess: UNAVAILABLE, with the time after which to ask again.
 */
import {
  Metadata,
  type ServerUnaryCall,
  type ServerWritableStream,
  type sendUnaryData,
  status,
} from '@grpc/grpc-js'
import {
  type GetProfileRequest,
  type GetProfileResponse,
  type GetTotalsRequest,
  type GetTotalsResponse,
  type ProfileServiceServer,
  ProfileServiceService,
  type WatchRequest,
  type WatchResponse,
} from '@tributary/contracts/generated/tributary/profile/v1/profile_service'
import { type GrpcService, type Logger, grpcService } from '@tributary/service-kit'
import { type PublishedChange } from '../profile/profileProcessor.ts'
import { counterRows } from '../profile/profileRows.ts'
import { type IdentifierReading, type ProfileViews, findProfile, readProfileRef } from './findProfile.ts'
import { publicToGrpc } from './publicToGrpc.ts'
import { Refusal, unavailable } from './refusal.ts'
import { MAX_BEHIND, type Watchers } from './watchers.ts'

/** Profiles of one Watch; more is a subscriber of the topic. */
const MAX_WATCHED = 1_000

export interface ProfileServiceOptions {
  readonly views: ProfileViews
  /** Undefined until the first revision of the configuration has been read. */
  readonly reading: () => IdentifierReading | undefined
  readonly watchers: Watchers
  readonly logger: Logger
}

export function createProfileService({
  views,
  reading,
  watchers,
  logger,
}: ProfileServiceOptions): GrpcService {
  const refOf = (ref: GetProfileRequest['ref']): string => {
    const known = reading()
    if (!known) throw unavailable('the configuration')
    return readProfileRef(ref, views, known)
  }

  const unary =
    <Q, A>(answer: (request: Q) => A) =>
    (call: ServerUnaryCall<Q, A>, callback: sendUnaryData<A>): void => {
      try {
        callback(null, answer(call.request))
      } catch (error) {
        callback(answerOf(error, call.getPath()))
      }
    }

  function answerOf(error: unknown, path: string) {
    if (error instanceof Refusal)
      return { code: error.code, details: error.message, metadata: error.metadata }
    logger.error({ err: error, path }, 'a question could not be answered')
    return { code: status.INTERNAL, details: 'the answer failed; the service log says why' }
  }

  function watch(call: ServerWritableStream<WatchRequest, WatchResponse>): void {
    try {
      const { refs } = call.request
      if (refs.length > MAX_WATCHED)
        throw new Refusal(
          status.INVALID_ARGUMENT,
          `${refs.length} refs; watch at most ${MAX_WATCHED}, or read the profile-changes topic`,
        )
      const profileIds = refs.length === 0 ? undefined : new Set(refs.map((ref) => startOf(refOf(ref))))
      const stop = watchers.add({ profileIds, send: boundedSend(call, () => stop()) })
      for (const event of ['cancelled', 'close', 'error']) call.on(event, stop)
      // Headers at once: the caller then knows that what is committed from now on will come.
      call.sendMetadata(new Metadata())
    } catch (error) {
      call.emit('error', answerOf(error, call.getPath()))
    }
  }

  /** A profile that has merged is watched under the id it has now; one that does not exist yet under its own. */
  function startOf(profileId: string): string {
    try {
      return findProfile(profileId, views).profileId
    } catch (error) {
      if (error instanceof Refusal && error.code === status.NOT_FOUND) return profileId
      throw error
    }
  }

  const implementation: ProfileServiceServer = {
    getProfile: unary<GetProfileRequest, GetProfileResponse>(({ ref }) => ({
      profile: publicToGrpc(findProfile(refOf(ref), views)),
    })),
    getTotals: unary<GetTotalsRequest, GetTotalsResponse>(() => totals(views)),
    watch,
  }
  return grpcService(ProfileServiceService, implementation)
}

/** Ends the call of a watcher that does not keep up. */
function boundedSend(
  call: ServerWritableStream<WatchRequest, WatchResponse>,
  stop: () => void,
): (change: PublishedChange) => void {
  let behind = 0
  return ({ profileId, version, type, json }) => {
    if (behind >= MAX_BEHIND) {
      stop()
      call.emit('error', {
        code: status.RESOURCE_EXHAUSTED,
        details: `more than ${MAX_BEHIND} changes were waiting; get the profile and watch again`,
      })
      return
    }
    behind++
    call.write({ profileId, version, type, json }, () => behind--)
  }
}

function totals({ counts, profile }: ProfileViews): GetTotalsResponse {
  const partitions: GetTotalsResponse['partitions'] = []
  for (let partition = 0; partition < counts.profile; partition++) {
    const view = profile(partition)
    if (!view) continue
    const { profiles = 0, events = 0, changes = 0 } = view.table(counterRows).get('counters') ?? {}
    partitions.push({ partition, profiles, events, changes })
  }
  return { partitions, partitionCount: counts.profile }
}
