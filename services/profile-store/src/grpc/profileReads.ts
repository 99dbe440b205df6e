/** The reads of ProfileService, for whoever asks: gRPC and HTTP answer from here, so they cannot differ. */
import { status } from '@grpc/grpc-js'
import { type AnchoredEvents } from '@tributary/clickhouse-log'
import {
  type BatchGetProfilesRequest,
  type BatchGetProfilesResponse,
  type Freshness,
  type GetProfileRequest,
  type GetProfileResponse,
  type ListEventsRequest,
  type ListEventsResponse,
} from '@tributary/contracts/generated/tributary/profile/v1/profile_service'
import { type Caller, Refusal, unavailable } from '@tributary/service-kit'
import {
  MAX_BATCH,
  type FreshRead,
  answerProfile,
  answerProfiles,
  readFresh,
  waitUntilMs,
} from './answerProfiles.ts'
import { type Instances, anchorsOf, lookupsFor } from './askInstances.ts'
import { type WritePorts } from './awaitWrite.ts'
import { type FieldMask, readFieldMask } from './fieldMask.ts'
import { type IdentifierReading, findProfile, readProfileRef } from './findProfile.ts'
import { listEvents } from './listEvents.ts'
import { type ProfileViews } from './profilePartitions.ts'

export interface ProfileReadsOptions {
  readonly views: ProfileViews
  readonly instances: Instances
  /** Undefined until the first revision of the configuration has been read. */
  readonly reading: () => IdentifierReading | undefined
  /** Layout epoch of the positions that callers bring. */
  readonly epoch: number
  readonly nowMs: () => number
  /** How far tasks have read, asked for one caller until a time by `nowMs`. */
  readonly writes: (call: Caller, deadlineMs: number) => WritePorts
  readonly log: AnchoredEvents
}

/** Each answers or throws a Refusal; see the service's proto. */
export interface ProfileReads {
  getProfile(request: GetProfileRequest, call: Caller): Promise<GetProfileResponse>
  batchGetProfiles(request: BatchGetProfilesRequest, call: Caller): Promise<BatchGetProfilesResponse>
  listEvents(request: ListEventsRequest, call: Caller): Promise<ListEventsResponse>
}

export function createProfileReads(options: ProfileReadsOptions): ProfileReads {
  const { views, instances } = options

  /** As it is now, or as fresh as was asked for. */
  async function read(freshness: Freshness | undefined, call: Caller): Promise<FreshRead> {
    const lookups = lookupsFor(call, views, instances)
    if (!freshness) return { lookups, behind: [] }
    const untilMs = waitUntilMs(freshness, options.nowMs(), Number(call.getDeadline()))
    const from = { lookups, counts: views.counts, epoch: options.epoch }
    return readFresh(freshness, options.writes(call, untilMs), from)
  }

  return {
    async getProfile(request, call) {
      const mask = maskOf(request.fieldMask)
      const reading = readingOf(options)
      const { lookups, behind } = await read(request.freshness, call)
      try {
        const profile = await answerProfile(request.ref, { lookups, reading, mask })
        return { profile, behind: [...behind] }
      } catch (error) {
        // Nobody known yet is no answer to a question that came too early.
        if (!(error instanceof Refusal) || error.code !== status.NOT_FOUND || behind.length === 0) throw error
        return { profile: undefined, behind: [...behind] }
      }
    },
    async batchGetProfiles({ refs, fieldMask, freshness }, call) {
      if (refs.length === 0 || refs.length > MAX_BATCH)
        throw new Refusal(status.INVALID_ARGUMENT, `${refs.length} refs; give 1 to ${MAX_BATCH}`)
      const mask = maskOf(fieldMask)
      const reading = readingOf(options)
      const { lookups, behind } = await read(freshness, call)
      const results = await answerProfiles(refs, { lookups, reading, mask })
      return { results, behind: [...behind] }
    },
    async listEvents(request, call) {
      const lookups = lookupsFor(call, views, instances)
      const asked = await readProfileRef(request.ref, lookups, readingOf(options))
      const { profileId } = await findProfile(asked, lookups)
      return listEvents(request, await anchorsOf(profileId, call, views, instances), options.log)
    },
  }
}

export function readingOf({ reading }: Pick<ProfileReadsOptions, 'reading'>): IdentifierReading {
  const known = reading()
  if (!known) throw unavailable('the configuration')
  return known
}

function maskOf(paths: readonly string[] | undefined): FieldMask {
  const mask = readFieldMask(paths)
  if (typeof mask === 'function') return mask
  throw new Refusal(status.INVALID_ARGUMENT, mask.problem)
}
