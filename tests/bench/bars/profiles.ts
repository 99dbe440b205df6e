/** What profiles cost: an event through fragment and profile, and the answer to a question about one. */
import { hash } from 'node:crypto'
import { rm } from 'node:fs/promises'
import { join } from 'node:path'
import { credentials } from '@grpc/grpc-js'
import { KEY_SEPARATOR, topics } from '@tributary/contracts'
import { EventRecord, EventType } from '@tributary/contracts/generated/tributary/event/v1/event'
import { ProfilePeerServiceClient } from '@tributary/contracts/generated/tributary/profile/v1/profile_peers'
import {
  GetProfileResponse as Response,
  ProfileServiceClient,
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
import { shopReading } from '../../../services/profile-store/src/testing/shopReading.ts'
import { type TaskOnLmdb, openTaskOnLmdb } from '../../support/taskOnLmdb.ts'
import type { Bar } from '../bar.ts'
import { BENCH_FOLDER } from '../benchStack.ts'
import { startConstantServer } from '../constantServer.ts'

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
/** Events of the reference. */
let stored = 0
/** 64 bits of what an event says. */
const SEEN = Buffer.alloc(8, 1)

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
}

/** Stores with all persons in them, for one bar. */
async function fill(): Promise<Tasks> {
  await rm(FOLDER, { recursive: true, force: true })
  const sink = { opened() {}, computed() {} }
  const fragment = await openTaskOnLmdb(fragmentTopology(sink), join(FOLDER, 'fragment'))
  const profile = await openTaskOnLmdb(profileTopology(sink) as never, join(FOLDER, 'profile'))
  apply({ fragment, profile }, nextEvents(PERSONS))
  return { fragment, profile }
}

interface ReferenceStores {
  readonly fragment: StateStore
  readonly profile: StateStore
}

/** Two stores with the rows of the tasks' own, key by key and value by value. */
async function copyStores({ fragment, profile }: Tasks): Promise<ReferenceStores> {
  const copyOf = async (task: TaskOnLmdb, name: string): Promise<StateStore> => {
    const copy = await createLmdbStores({ directory: join(FOLDER, 'reference') }).open({
      group: name,
      partition: 0,
    })
    const rows = [...task.dump()].map(([key, value]) => ({ key, value }))
    for (let from = 0; from < rows.length; from += ROWS_PER_BATCH)
      copy.write({ rows: rows.slice(from, from + ROWS_PER_BATCH), ends: new Map(), asOfMs: 0 })
    return copy
  }
  return { fragment: await copyOf(fragment, 'fragment'), profile: await copyOf(profile, 'profile') }
}

async function closeAll(stores: Tasks | ReferenceStores): Promise<void> {
  await Promise.all([stores.fragment.close(), stores.profile.close()])
}

/** The next events of so many persons. */
function nextEvents(count: number): Uint8Array[] {
  return Array.from({ length: count }, () => event(personOf(made * 7), made++))
}

/** Events through both tasks. */
function apply(
  { fragment, profile }: Pick<Tasks, 'fragment' | 'profile'>,
  events: readonly Uint8Array[],
): void {
  const sent = fragment.feed(topics.events, events)
  const parts = sent.flatMap(({ topic, value }) => (topic === topics.profileParts && value ? [value] : []))
  profile.feed(topics.profileParts, parts)
}

/**
 * What storing the same events takes at least: the values that an event replaces are read, changed and written in the
 * batches of the tasks (fragment, part, profile), and one row that is new is written (the message that was seen).
 */
function readModifyWrite({ fragment, profile }: ReferenceStores, events: readonly StoredKeys[]): void {
  const changed = (store: StateStore, key: string) => {
    const value = Buffer.from(store.get(key)!)
    value[0] = value[0]! ^ 1
    return { key, value }
  }
  const rest = { ends: new Map(), asOfMs: 0 }
  for (let from = 0; from < events.length; from += ROWS_PER_BATCH) {
    const batch = events.slice(from, from + ROWS_PER_BATCH)
    fragment.write({
      rows: batch.flatMap((keys) => [changed(fragment, keys.fragment), { key: keys.seen, value: SEEN }]),
      ...rest,
    })
    profile.write({
      rows: batch.flatMap((keys) => [changed(profile, keys.part), changed(profile, keys.profile)]),
      ...rest,
    })
  }
}

interface StoredKeys {
  readonly fragment: string
  readonly seen: string
  readonly part: string
  readonly profile: string
}

/** The rows of the next events of so many persons. */
function nextKeys(count: number): StoredKeys[] {
  return Array.from({ length: count }, () => {
    const person = personOf(stored * 7)
    const profile = home(person)
    return {
      fragment: `fragments/${identifierId(person)}`,
      seen: `seen/00000|${hash('sha256', `reference ${stored++}`, 'base64url').slice(0, 22)}`,
      part: `parts/${profile}${KEY_SEPARATOR}${identifierId(person)}`,
      profile: `profiles/${profile}`,
    }
  })
}

/** Of processor time, user and system: the machine has other work, and both sides are this process's. */
async function perCpuSecond(count: number, run: () => unknown): Promise<number> {
  const before = process.cpuUsage()
  await run()
  const { user, system } = process.cpuUsage(before)
  return count / ((user + system) / 1e6)
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
  const reading = () => shopReading
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

export const bars: Bar[] = [
  {
    name: 'profiles-apply',
    about: `Events per second of CPU through fragment and profile, each a public change, with ${PERSONS} profiles known; beside reading, changing and writing in LMDB the very rows that an event replaces (fragment, part, profile) and writing the one that is new (the message seen), keys, values, stores and batches the same.`,
    unit: 'events/s of CPU',
    better: 'higher',
    // Parsing, folding, deduplication and two public records are as much again as storing.
    goal: 0.5,
    async prepare() {
      const all = await fill()
      const rows = await copyStores(all)
      return {
        ours() {
          const events = nextEvents(EVENTS_PER_RUN)
          return perCpuSecond(EVENTS_PER_RUN, () => apply(all, events))
        },
        reference() {
          const keys = nextKeys(EVENTS_PER_RUN)
          return perCpuSecond(EVENTS_PER_RUN, () => readModifyWrite(rows, keys))
        },
        async close() {
          await closeAll(rows)
          await closeAll(all)
        },
      }
    },
  },
  {
    name: 'profiles-get',
    about: `GetProfile answers per second of CPU by profile id, ${AT_ONCE} at a time, client and server in one process, beside a grpc-js server that answers constant bytes of the same size.`,
    unit: 'answers/s of CPU',
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
      const constant = await startConstantServer(Buffer.from(Response.encode(answer).finish()))
      const other = new ProfileServiceClient(address(constant.port), credentials.createInsecure())
      return {
        ours: () => perCpuSecond(QUESTIONS_PER_RUN, () => ask(client)),
        reference: () => perCpuSecond(QUESTIONS_PER_RUN, () => ask(other)),
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
