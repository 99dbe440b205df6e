/** `tributary audit --profiles`: opens what the comparison needs, and says what came of it. */
import { type ClickHouse, type PeopleAsked, createPeople } from '@tributary/clickhouse-log'
import {
  ProfileServiceClient,
  type BatchGetProfilesRequest,
  type BatchGetProfilesResponse,
} from '@tributary/contracts/generated/tributary/profile/v1/profile_service'
import { createAdmin, createKafka } from '@tributary/kafka'
import { documentsInForce } from '../configurationAccess.ts'
import { type ConnectionFlags, kafkaTarget, serviceTarget } from '../connections.ts'
import type { Context } from '../context.ts'
import { ask } from '../grpcCall.ts'
import { JobReader } from '../jobs.ts'
import { counted, table } from '../output/table.ts'
import { withDoor, type OpenDoor } from '../withDoor.ts'
import { type LiveProfile } from './compareProfile.ts'
import { type ProfileComparison, compareProfiles } from './compareProfiles.ts'
import { documentsAsFolded } from './documentsAsFolded.ts'
import { foldPeople } from './foldPeople.ts'
import { settle } from './settle.ts'

export interface ProfileCheck extends ProfileComparison {
  /** Profiles that were ever public. */
  readonly of: number
}

/** `limit`: about so many profiles, others in each run; undefined: all. Undefined, with the reason, when none can be. */
export async function auditProfiles(
  context: Context,
  clickhouse: ClickHouse,
  flags: ConnectionFlags & { readonly address?: string },
  open: OpenDoor,
  limit: number | undefined,
): Promise<ProfileCheck | undefined> {
  const target = kafkaTarget(context, flags)
  const store = serviceTarget(context, 'profile-store', flags.address)
  const people = createPeople(clickhouse)
  const expired = await people.expired()
  if (expired > 0) {
    context.err(
      `no profile is folded anew: ${counted(expired, 'event has', 'events have')} left the log by its retention, and profiles keep what they made of them`,
    )
    return undefined
  }
  const kafka = createKafka(target.connection)
  const admin = await createAdmin(kafka)
  const of = await people.count()
  const { now, interrupted, err: say } = context
  const world = { kafka, admin, target, to: target.epoch, now, interrupted, say }
  try {
    const comparison = await withDoor(context, flags, open, (door) =>
      compareProfiles(
        {
          definitions: async () => documentsAsFolded(await documentsInForce(context, flags, open)),
          people: (asked, { kept }) => foldPeople(people.read(asked), kept),
          live: async (ids) =>
            liveIn(
              await ask<ProfileServiceClient, BatchGetProfilesRequest, BatchGetProfilesResponse>(
                store,
                'profile-store',
                ProfileServiceClient,
                (client) => client.batchGetProfiles.bind(client),
                {
                  refs: ids.map((value) => ({ ref: { $case: 'profileId' as const, value } })),
                  fieldMask: undefined,
                  freshness: undefined,
                },
              ),
              ids,
            ),
          settle: () => settle(world, new JobReader(door)),
          now,
        },
        shareOf(of, limit, now()),
      ),
    )
    return { ...comparison, of }
  } finally {
    await admin.close()
  }
}

/** One of so many equal shares, another one each time. */
export function shareOf(profiles: number, limit: number | undefined, nowMs: number): PeopleAsked {
  const parts = limit === undefined ? 1 : Math.max(1, Math.ceil(profiles / Math.max(limit, 1)))
  return { part: Math.floor(nowMs / 1000) % parts, parts }
}

/** Who was merged into another profile is not alive: the answer is that other one. */
function liveIn({ results }: BatchGetProfilesResponse, ids: readonly string[]): Map<string, LiveProfile> {
  const live = new Map<string, LiveProfile>()
  for (const [i, { profile }] of results.entries()) {
    if (!profile || profile.profileId !== ids[i]) continue
    live.set(profile.profileId, {
      json: profile.json,
      firstSeenMs: profile.firstSeen?.getTime() ?? 0,
      lastSeenMs: profile.lastSeen?.getTime() ?? 0,
      events: profile.events,
    })
  }
  return live
}

/** Profiles that are named to people; `--json` has all. */
const NAMED = 20

export function profilesText({ compared, of, differing, more, unsettled }: ProfileCheck): string {
  const asked = `${counted(compared, 'profile', 'profiles')} of ${of} folded anew from the event log`
  const some = unsettled === 0 ? '' : `; ${unsettled} changed at every look and could not be judged`
  if (differing.length === 0) return `${asked}: each is as the profile-store has it${some}`
  const rows = differing
    .slice(0, NAMED)
    .map(({ profileId, differs }) => [
      profileId,
      differs.slice(0, 5).join(' ') + (differs.length > 5 ? ' …' : ''),
    ])
  return [
    `${asked}: ${differing.length}${more ? ' or more' : ''} are not as the profile-store has them${some}`,
    '',
    table([['PROFILE', 'DIFFERS IN'], ...rows]),
    ...(differing.length > NAMED ? [`… and ${differing.length - NAMED} more, see --json`] : []),
  ].join('\n')
}
