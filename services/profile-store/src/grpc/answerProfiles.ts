/**
 * Answers for one or many references, as fresh as was asked for. Reads go through `lookups`; a partition of the profiles
 * is first awaited where freshness is asked for, each once per call (W1 in awaitWrite.ts).
 */
import { status } from '@grpc/grpc-js'
import { type PartitionCounts, partitionOf } from '@tributary/contracts'
import {
  type Behind,
  type Freshness,
  type Profile,
  type ProfileRef,
  type ProfileResult,
} from '@tributary/contracts/generated/tributary/profile/v1/profile_service'
import { Refusal } from '@tributary/service-kit'
import { type WritePorts, awaitEvents, awaitProfile, readPositionToken } from './awaitWrite.ts'
import { type FieldMask } from './fieldMask.ts'
import { type IdentifierReading, type Lookups, findProfile, readProfileRef } from './findProfile.ts'
import { publicToGrpc } from './publicToGrpc.ts'

/** References of one call: with profiles of a few KB far below what one message may hold. */
export const MAX_BATCH = 100
/** Bytes of one answer of many: below the 8 MiB of a message, with room for the rest of it. */
const MAX_BATCH_BYTES = 7 * 1024 * 1024
const DEFAULT_WAIT_MS = 2_000
const MAX_WAIT_MS = 10_000
/** Left of the caller's deadline for the answer itself, ms. */
const ANSWER_MS = 100

export interface Reading {
  readonly lookups: Lookups
  readonly reading: IdentifierReading
  readonly mask: FieldMask
}

export interface FreshRead {
  readonly lookups: Lookups
  /** What was not reached, when all has been read. */
  readonly behind: readonly Behind[]
}

/** When to stop waiting, by the clock that `nowMs` was read from. */
export function waitUntilMs(freshness: Freshness, nowMs: number, callDeadlineMs: number): number {
  const waitMs = Math.min(freshness.maxWaitMs || DEFAULT_WAIT_MS, MAX_WAIT_MS)
  return Math.min(nowMs + waitMs, callDeadlineMs - ANSWER_MS)
}

/** Waits for the events of the token; the lookups it gives wait for the partitions they read. */
export async function readFresh(
  freshness: Freshness,
  ports: WritePorts,
  from: { readonly lookups: Lookups; readonly counts: PartitionCounts; readonly epoch: number },
): Promise<FreshRead> {
  const { counts, lookups } = from
  const positions = readPositionToken(freshness.minPosition, from.epoch, counts.identifier)
  if (!positions)
    throw new Refusal(
      status.INVALID_ARGUMENT,
      'min_position is no position of this installation; give the `position` of an answer of its collector as it is',
    )
  const behind: Behind[] = await awaitEvents(ports, {
    positions,
    withIdentity: freshness.withIdentity,
    counts,
  })
  if (behind.length > 0) return { lookups, behind }
  const awaited = new Map<number, Promise<void>>()
  const fresh = async (partition: number): Promise<void> => {
    behind.push(...(await awaitProfile(ports, partition)))
  }
  return {
    behind,
    lookups: {
      identifier: (identifierId) => lookups.identifier(identifierId),
      async profile(profileId) {
        const partition = partitionOf(profileId, counts.profile)
        if (!awaited.has(partition)) awaited.set(partition, fresh(partition))
        await awaited.get(partition)
        return lookups.profile(profileId)
      },
    },
  }
}

export async function answerProfile(
  ref: ProfileRef | undefined,
  { lookups, reading, mask }: Reading,
): Promise<Profile> {
  const found = await findProfile(await readProfileRef(ref, lookups, reading), lookups)
  return mask(publicToGrpc(found))
}

/** One result for each reference, in order; what is wrong with one is its own. */
export async function answerProfiles(refs: readonly ProfileRef[], asked: Reading): Promise<ProfileResult[]> {
  let bytes = 0
  return Promise.all(
    refs.map(async (ref): Promise<ProfileResult> => {
      try {
        const profile = await answerProfile(ref, asked)
        // Traits are in the answer twice: as JSON and as a Struct, which is at most as long again.
        bytes += 2 * profile.json.length + JSON.stringify(profile.traits ?? {}).length
        if (bytes > MAX_BATCH_BYTES)
          throw new Refusal(
            status.RESOURCE_EXHAUSTED,
            'the answer would be too large; ask for this one in another call, or for fewer fields',
          )
        return { code: status.OK, message: '', profile }
      } catch (error) {
        if (!(error instanceof Refusal)) throw error
        return { code: error.code, message: error.message, profile: undefined }
      }
    }),
  )
}
