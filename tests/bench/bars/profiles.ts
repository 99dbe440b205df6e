/** What profiles cost: an event through fragment and profile, and the answer to a question about one. */
import { rm } from 'node:fs/promises'
import { join } from 'node:path'
import { type ServiceDefinition, Server, ServerCredentials, credentials } from '@grpc/grpc-js'
import { identityRules } from '@tributary/configuration'
import { topics } from '@tributary/contracts'
import { EventRecord, EventType } from '@tributary/contracts/generated/tributary/event/v1/event'
import { ProfilePeerServiceClient } from '@tributary/contracts/generated/tributary/profile/v1/profile_peers'
import {
  type GetProfileResponse,
  GetProfileResponse as Response,
  ProfileServiceClient,
  ProfileServiceService,
} from '@tributary/contracts/generated/tributary/profile/v1/profile_service'
import {
  bearerCredentials,
  callUnary,
  createHealth,
  createPeerClients,
  startGrpcServer,
} from '@tributary/service-kit'
import { createRecordingLogger, noOwners } from '@tributary/service-kit/testing'
import { createLmdbStores } from '@tributary/state-lmdb'
import { type StateStore } from '@tributary/stream-runtime'
import { fragmentTopology } from '../../../services/profile-store/src/fragment/fragmentTopology.ts'
import { createProfileReads } from '../../../services/profile-store/src/grpc/profileReads.ts'
import { createProfileService } from '../../../services/profile-store/src/grpc/profileService.ts'
import { unwatched } from '../../../services/profile-store/src/testing/unwatched.ts'
import { profileTopology } from '../../../services/profile-store/src/profile/profileTopology.ts'
import { eventOf, home, identifierId } from '../../../services/profile-store/src/testing/shopPeople.ts'
import { type TaskOnLmdb, openTaskOnLmdb } from '../../support/taskOnLmdb.ts'
import type { Bar } from '../bar.ts'
import { BENCH_FOLDER } from '../benchStack.ts'

const PERSONS = 20_000
/** One run: some seconds. */
const EVENTS_PER_RUN = 10_000
const QUESTIONS_PER_RUN = 4_000
/** Questions under way at a time: enough that neither side waits for the other. */
const AT_ONCE = 32
/** The runtime's batch, for the reference too. */
const ROWS_PER_BATCH = 500
const FOLDER = join(BENCH_FOLDER, 'profiles')

const personOf = (n: number): string => `u${n % PERSONS}`
let made = 0

function event(person: string, n: number): Uint8Array {
  const value = eventOf({
    messageId: `m-${n}`,
    identifiers: [person],
    type: EventType.EVENT_TYPE_IDENTIFY,
    timeMs: 1_767_225_600_000 + n,
    payload: { traits: { plan: n % 2 === 0 ? 'pro' : 'free', city: `c${n % 100}`, first_name: 'Ada' } },
  })
  return EventRecord.encode({ record: { $case: 'event', value } }).finish()
}

interface Tasks {
  readonly fragment: TaskOnLmdb
  readonly profile: TaskOnLmdb
  readonly reference: StateStore
}

/** Stores with all persons in them, for one bar. */
async function fill(): Promise<Tasks> {
  await rm(FOLDER, { recursive: true, force: true })
  const sink = { opened() {}, computed() {} }
  const fragment = await openTaskOnLmdb(fragmentTopology(sink), join(FOLDER, 'fragment'))
  const profile = await openTaskOnLmdb(profileTopology(sink) as never, join(FOLDER, 'profile'))
  const reference = await createLmdbStores({ directory: join(FOLDER, 'reference') }).open({
    group: 'reference',
    partition: 0,
  })
  apply({ fragment, profile }, PERSONS)
  // Fragment, part and profile: about what the answer of one profile has, thrice.
  const rowBytes = 3 * 250
  for (let from = 0; from < PERSONS; from += ROWS_PER_BATCH)
    reference.write({
      rows: Array.from({ length: ROWS_PER_BATCH }, (_, n) => ({
        key: `rows/${identifierId(personOf(from + n))}`,
        value: Buffer.alloc(rowBytes, 1),
      })),
      ends: new Map(),
      asOfMs: 0,
    })
  return { fragment, profile, reference }
}

async function closeAll({ fragment, profile, reference }: Tasks): Promise<void> {
  await Promise.all([fragment.close(), profile.close(), reference.close()])
}

/** So many events through both tasks. */
function apply({ fragment, profile }: Pick<Tasks, 'fragment' | 'profile'>, count: number): void {
  const events = Array.from({ length: count }, (_, n) => event(personOf((made + n) * 7), made + n))
  made += count
  const sent = fragment.feed(topics.events, events)
  const parts = sent.flatMap(({ topic, value }) => (topic === topics.profileParts && value ? [value] : []))
  profile.feed(topics.profileParts, parts)
}

function readModifyWrite(store: StateStore, count: number): void {
  for (let from = 0; from < count; from += ROWS_PER_BATCH)
    store.write({
      rows: Array.from({ length: ROWS_PER_BATCH }, (_, n) => {
        const key = `rows/${identifierId(personOf((from + n) * 7))}`
        const value = Buffer.from(store.get(key)!)
        value[0] = (value[0]! + 1) & 0xff
        return { key, value }
      }),
      ends: new Map(),
      asOfMs: 0,
    })
}

async function perSecond(count: number, run: () => unknown): Promise<number> {
  const started = process.hrtime.bigint()
  await run()
  return count / (Number(process.hrtime.bigint() - started) / 1e9)
}

const metadata = bearerCredentials('t0ken')

async function ask(client: ProfileServiceClient): Promise<void> {
  let n = 0
  await Promise.all(
    Array.from({ length: AT_ONCE }, async () => {
      while (n < QUESTIONS_PER_RUN) {
        const ref = { $case: 'profileId' as const, value: home(personOf(n++ * 13)) }
        // oxlint-disable-next-line no-await-in-loop -- so many at a time
        await callUnary(client.getProfile.bind(client), { ref: { ref } }, { deadlineMs: 10_000, metadata })
      }
    }),
  )
}

async function startOurs({ fragment, profile }: Tasks): Promise<{ port: number; stop(): Promise<void> }> {
  const { logger } = createRecordingLogger()
  const instances = {
    nodeId: 'n1',
    peers: createPeerClients(ProfilePeerServiceClient),
    identifierOwners: noOwners,
    profileOwners: noOwners,
  }
  // One partition's store has all of them: where a row would be is worked out all the same.
  const views = {
    counts: { identifier: 4, profile: 4, delivery: 4 },
    fragment: () => fragment.view(),
    profile: () => profile.view(),
  }
  const reading = () => ({
    rules: identityRules(undefined),
    hash: (_type: string, _version: number, value: string) => identifierId(value),
    phone: () => undefined,
  })
  const reads = createProfileReads({
    views,
    instances,
    reading,
    epoch: 1,
    nowMs: Date.now,
    writes: () => ({ reach: async ({ offset }) => offset, end: async () => 0 }),
    log: { read: async () => [] },
  })
  return startGrpcServer({
    host: '127.0.0.1',
    port: 0,
    services: [createProfileService({ views, instances, reading, ...unwatched(), reads, logger })],
    tokens: ['t0ken'],
    health: createHealth(),
    logger,
  })
}

/** grpc-js that answers the same bytes whatever it is asked. */
async function startConstant(answer: GetProfileResponse): Promise<{ port: number; stop(): Promise<void> }> {
  const bytes = Buffer.from(Response.encode(answer).finish())
  const { getProfile } = ProfileServiceService
  const definition: ServiceDefinition = { getProfile: { ...getProfile, responseSerialize: () => bytes } }
  const server = new Server()
  server.addService(definition, {
    getProfile: (_call: unknown, callback: (error: null, value: object) => void) => callback(null, answer),
  })
  const port = await new Promise<number>((resolve, reject) => {
    server.bindAsync('127.0.0.1:0', ServerCredentials.createInsecure(), (error, bound) =>
      error ? reject(error) : resolve(bound),
    )
  })
  return { port, stop: async () => server.forceShutdown() }
}

export const bars: Bar[] = [
  {
    name: 'profiles-apply',
    about: `Events per second through fragment and profile, each a public change, with ${PERSONS} profiles known, beside reading, changing and writing one row of LMDB as large as the three that an event changes.`,
    unit: 'events/s',
    better: 'higher',
    // Parsing, folding, deduplication and two public records are as much again as storing.
    goal: 0.5,
    async prepare() {
      const all = await fill()
      return {
        ours: () => perSecond(EVENTS_PER_RUN, () => apply(all, EVENTS_PER_RUN)),
        reference: () => perSecond(EVENTS_PER_RUN, () => readModifyWrite(all.reference, EVENTS_PER_RUN)),
        close: () => closeAll(all),
      }
    },
  },
  {
    name: 'profiles-get',
    about: `GetProfile answers per second by profile id, ${AT_ONCE} at a time, client and server in one process, beside a grpc-js server that answers constant bytes of the same size.`,
    unit: 'answers/s',
    better: 'higher',
    // What gRPC costs is most of it.
    goal: 0.85,
    async prepare() {
      const all = await fill()
      const ours = await startOurs(all)
      const address = (port: number) => `127.0.0.1:${port}`
      const client = new ProfileServiceClient(address(ours.port), credentials.createInsecure())
      const ref = { $case: 'profileId' as const, value: home(personOf(0)) }
      const answer = await callUnary(
        client.getProfile.bind(client),
        { ref: { ref } },
        { deadlineMs: 5_000, metadata },
      )
      const constant = await startConstant(answer)
      const other = new ProfileServiceClient(address(constant.port), credentials.createInsecure())
      return {
        ours: () => perSecond(QUESTIONS_PER_RUN, () => ask(client)),
        reference: () => perSecond(QUESTIONS_PER_RUN, () => ask(other)),
        async close() {
          client.close()
          other.close()
          await Promise.all([ours.stop(), constant.stop()])
          await closeAll(all)
        },
      }
    },
  },
]
