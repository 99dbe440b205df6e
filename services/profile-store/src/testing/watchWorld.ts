import { type ServiceError, credentials, status } from '@grpc/grpc-js'
import { partitionOf, topics, versionOf } from '@tributary/contracts'
import {
  ProfileServiceClient,
  ProfileServiceService,
  WatchRequest,
  type WatchResponse,
} from '@tributary/contracts/generated/tributary/profile/v1/profile_service'
import { ProfileRow } from '@tributary/contracts/generated/tributary/profile/v1/state'
import { createHealth, grpcService, startGrpcServer } from '@tributary/service-kit'
import { createRecordingLogger } from '@tributary/service-kit/testing'
import { type InputStream } from '@tributary/stream-runtime'
import { createMemoryLog } from '@tributary/stream-runtime/testing'
import { waitForValue } from '../../../../tests/support/waitUntil.ts'
import { readProfileRef } from '../grpc/findProfile.ts'
import { createChangeFeed } from '../grpc/watch/changeFeed.ts'
import { createWatch } from '../grpc/watch/watchProfiles.ts'
import { Watchers } from '../grpc/watch/watchers.ts'
import { home } from './shopPeople.ts'

export const PARTITIONS = 3
export const people = ['u1', 'u2', 'u3', 'u4', 'a1'].map(home)
export const [ada, bob, cy] = people as [string, string, string]
const stops: (() => Promise<void> | void)[] = []

export async function endWorlds(): Promise<void> {
  for (const stop of stops.splice(0).toReversed())
    // oxlint-disable-next-line no-await-in-loop -- clients before servers
    await stop()
}

interface Links {
  readonly mergedInto?: string
  readonly mergedFrom?: readonly string[]
  readonly splitFrom?: string
}

/** One log with what profile tasks publish, and instances that answer Watch over it. */
export function world() {
  const log = createMemoryLog({ partitions: PARTITIONS })
  const numbers = Array.from({ length: PARTITIONS }, () => 0)
  const current = new Map<string, string>()

  async function instance() {
    const watchers = new Watchers()
    let fault: Error | undefined
    const breaking = {
      ...log,
      openInputs: (positions: Parameters<typeof log.openInputs>[0]): InputStream => {
        const stream = log.openInputs(positions)
        return {
          ...stream,
          check() {
            if (fault) throw fault
            stream.check()
          },
        }
      },
    }
    const { logger } = createRecordingLogger()
    const lookups = {
      identifier: async () => undefined,
      profile: async (profileId: string) => {
        const version = current.get(profileId)
        return version === undefined ? undefined : ProfileRow.create({ version, publicJson: '{}' })
      },
    }
    const watch = createWatch({
      log: breaking,
      watchers,
      feed: createChangeFeed({ log: breaking, partitions: PARTITIONS, watchers }),
      lookups: () => lookups,
      idOf: (ref) => readProfileRef({ ref }, lookups, undefined as never),
      partitionOf: (profileId) => partitionOf(profileId, PARTITIONS),
      logger,
    })
    const none = (): void => {}
    const server = await startGrpcServer({
      host: '127.0.0.1',
      port: 0,
      services: [
        grpcService(ProfileServiceService, {
          watch,
          getProfile: none,
          batchGetProfiles: none,
          listEvents: none,
          getTotals: none,
        }),
      ],
      tokens: undefined,
      health: createHealth(),
      logger,
    })
    const client = new ProfileServiceClient(`127.0.0.1:${server.port}`, credentials.createInsecure())
    stops.push(
      () => server.stop(100),
      () => client.close(),
    )
    return { client, watchers, breakWith: (error: Error | undefined) => (fault = error) }
  }

  return {
    log,
    instance,
    /** Gives the version. */
    publish: (profileId: string, links: Links = {}): string => {
      const partition = partitionOf(profileId, PARTITIONS)
      const version = versionOf(1, ++numbers[partition]!)
      current.set(profileId, version)
      const value = Buffer.from(JSON.stringify({ profileId, version, ...links }))
      log.append(topics.profileChanges, partition, [{ key: profileId, value, headers: { ce_type: 'c' } }])
      return version
    },
    forget: (): void => {
      for (let partition = 0; partition < PARTITIONS; partition++)
        log.expire(topics.profileChanges, partition, log.committed(topics.profileChanges, partition).length)
    },
  }
}

export const byId = (value: string) => ({ ref: { $case: 'profileId' as const, value } })

/** Resolves when the call has begun or has been refused. */
export async function watching(client: ProfileServiceClient, request: Partial<WatchRequest> = {}) {
  const call = client.watch(WatchRequest.create(request as WatchRequest))
  const responses: WatchResponse[] = []
  const ended = new Promise<string>((resolve) => {
    call.on('data', (response: WatchResponse) => responses.push(response))
    call.on('error', (error: ServiceError) => resolve(`${status[error.code]}: ${error.details}`))
  })
  await Promise.race([new Promise((resolve) => call.on('metadata', resolve)), ended])
  const told = (): string[] => responses.filter(({ profileId }) => profileId !== '').map(place)
  return {
    call,
    responses,
    ended,
    told,
    until: async (count: number): Promise<void> => {
      await waitForValue(
        `${count} changes`,
        async () => told().length,
        (length) => length >= count,
      )
    },
    token: () => responses.findLast(({ resumeToken }) => resumeToken.length > 0)?.resumeToken,
  }
}

export const place = ({ profileId, version }: { profileId: string; version: string }) =>
  `${profileId} ${version}`
